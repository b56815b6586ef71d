//! The selector without a digest of its own: what a bootloader takes beside its cryptography.
#![no_std]
#![no_main]

use fwupd_size::{boot, device, platform};

/// Shows what a selector takes, as a symbol of that size.
#[used]
static SELECTOR: device::Reserved<{ size_of::<boot::Chooser<platform::Sum>>() }> = device::reserved();

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    device::boot::<platform::Sum>();
    loop {
        core::hint::spin_loop();
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
