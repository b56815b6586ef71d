//! The same core, and a managed device of IoTF.
#![no_std]
#![no_main]

use fwupd_core::updater::Updater;
use fwupd_iotf::adapter::Device;
use fwupd_size::{device, platform};

/// Shows what an updater takes, as a symbol of that size.
#[used]
static UPDATER: device::Reserved<{ size_of::<Updater<platform::Core>>() }> = device::reserved();

/// The same of a device.
#[used]
static DEVICE: device::Reserved<{ size_of::<Device<'static>>() }> = device::reserved();

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let _ = device::iotf(platform::core(device::device()));
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
