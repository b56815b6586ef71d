//! The selector with SHA-256.
#![no_std]
#![no_main]

use fwupd_core::digest::Sha256;
use fwupd_size::{boot, device};

/// Shows what a selector takes, as a symbol of that size.
#[used]
static SELECTOR: device::Reserved<{ size_of::<boot::Chooser<Sha256>>() }> = device::reserved();

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    device::boot::<Sha256>();
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
