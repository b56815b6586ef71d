//! The core with SUIT and Ed25519.
#![no_std]
#![no_main]

use core::hint::black_box;

use fwupd_core::updater::Updater;
use fwupd_size::{device, platform};

/// Shows what an updater takes, as a symbol of that size.
#[used]
static UPDATER: device::Reserved<{ size_of::<Updater<platform::Signed>>() }> = device::reserved();

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    if let Some(config) = platform::signed(device::device(), black_box(&[3; 32])) {
        let _ = device::main(config);
    }
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
