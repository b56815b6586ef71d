//! The same core, and an agent of USP.
#![no_std]
#![no_main]

use fwupd_core::updater::Updater;
use fwupd_size::{device, platform};
use fwupd_usp::adapter::Agent;

/// Shows what an updater takes, as a symbol of that size.
#[used]
static UPDATER: device::Reserved<{ size_of::<Updater<platform::Core>>() }> = device::reserved();

/// The same of an agent.
#[used]
static AGENT: device::Reserved<{ size_of::<Agent<'static>>() }> = device::reserved();

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let _ = device::usp(platform::core(device::device()));
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
