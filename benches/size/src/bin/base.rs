//! The driver's outside without an updater: what is subtracted.
#![no_std]
#![no_main]

use fwupd_size::device;

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    device::base();
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
