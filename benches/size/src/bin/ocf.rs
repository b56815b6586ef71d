//! The same core and CoAP, and a device of OCF.
#![no_std]
#![no_main]

use fwupd_coap::pull::Pull;
use fwupd_core::updater::Updater;
use fwupd_ocf::adapter::Device;
use fwupd_size::network::Peer;
use fwupd_size::{device, platform};

/// Shows what an updater takes, as a symbol of that size.
#[used]
static UPDATER: device::Reserved<{ size_of::<Updater<platform::Core>>() }> = device::reserved();

/// The same of a device.
#[used]
static DEVICE: device::Reserved<{ size_of::<Device<'static, Peer>>() }> = device::reserved();

/// The same of a download.
#[used]
static PULL: device::Reserved<{ size_of::<Pull<Peer>>() }> = device::reserved();

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let _ = device::networked(platform::core(device::device()), device::Adapter::Ocf);
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
