//! A microcontroller of which nothing is known: what it says and what its flash holds come out of a black
//! box.

use core::hint::black_box;
use core::net::{IpAddr, Ipv4Addr};
use core::sync::atomic::AtomicU8;

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};
use fwupd_coap::Millis;
use fwupd_coap::block::Szx;
use fwupd_coap::endpoint::Params;
use fwupd_coap::pull::Pull;
use fwupd_core::digest::Digest;
use fwupd_core::flash::One;
use fwupd_core::outcome::Ask;
use fwupd_core::status::Status;
use fwupd_core::time::Now;
use fwupd_core::updater::{Config, Platform, Updater};
use fwupd_iotf::adapter as iotf;
use fwupd_lwm2m::adapter::{self as lwm2m, Client};
use fwupd_ocf::adapter as ocf;
use fwupd_ocf::wire::device::Identity;
use fwupd_usp::adapter as usp;

use crate::boot;
use crate::client::{Lwm2m, Ocf};
use crate::driver::{Code, End, Network, Offline, Turn, World, run};
use crate::messages::{Iotf, Link, Usp};
use crate::network::{Coap, Net, Node, Online, Peer, Socket};
use crate::platform::Device;

/// Runs the driver with this configuration.
pub fn main<P: Platform>(config: Config<P>) -> Option<End> {
    let (mut nor, mut offline) = (Nor, Offline);
    start(config, &mut One(&mut nor), black_box(&mut offline as &mut dyn Network<P, Flash<'_>>))
}

/// The same on a network, with all that the CoAP crate does; with an adapter, all that it does besides.
#[inline(always)]
pub fn networked<P: Platform>(config: Config<P>, with: Adapter) -> Option<End> {
    let (mut nor, mut net, mut coap, mut offline) = (Nor, Opaque, Coap::new(black_box(1)), Offline);
    let (mut lwm2m, mut ocf);
    let node: &mut dyn Node<P> = match with {
        Adapter::Lwm2m if black_box(true) => {
            let config = lwm2m::Config::new(peer(), black_box("endpoint"), black_box(1));
            lwm2m = Lwm2m { client: Client::new(black_box(config)) };
            black_box(&mut lwm2m)
        }
        Adapter::Ocf if black_box(true) => {
            let config = ocf::Config::new(identity(), black_box(&["coap://h"]), black_box("owner"), 1);
            ocf = Ocf { device: ocf::Device::new(black_box(config)) };
            black_box(&mut ocf)
        }
        Adapter::None | Adapter::Lwm2m | Adapter::Ocf => black_box(&mut coap),
    };
    let pull = Pull::new(Params::default(), black_box(Szx::MAX), black_box(1));
    let mut online = Online { net: black_box(&mut net), pull, node };
    let network: &mut dyn Network<P, Flash<'_>> =
        if black_box(true) { black_box(&mut online) } else { black_box(&mut offline) };
    start(config, &mut One(&mut nor), network)
}

type Flash<'f> = One<'f, Nor>;

fn start<'f, P: Platform>(
    config: Config<P>,
    flash: &mut Flash<'f>,
    network: &mut dyn Network<P, Flash<'f>>,
) -> Option<End> {
    let mut updater = Updater::<P>::new(black_box(config)).ok()?;
    Some(run(&mut updater, flash, black_box(&mut Opaque as &mut dyn World), network))
}

/// The adapter over CoAP that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adapter {
    /// None.
    None,
    /// The LwM2M client.
    Lwm2m,
    /// The OCF device.
    Ocf,
}

/// The core's driver, and a managed device of IoTF.
#[inline(always)]
pub fn iotf<P: Platform>(config: Config<P>) -> Option<End> {
    let (mut nor, mut link, mut offline) = (Nor, Opaque, Offline);
    let device = iotf::Device::new(black_box(iotf::Config::new(black_box(1)))).ok()?;
    let mut iotf = Iotf { link: black_box(&mut link), device };
    let network: &mut dyn Network<P, Flash<'_>> =
        if black_box(true) { black_box(&mut iotf) } else { black_box(&mut offline) };
    start(config, &mut One(&mut nor), network)
}

/// The core's driver, and an agent of USP.
#[inline(always)]
pub fn usp<P: Platform>(config: Config<P>) -> Option<End> {
    let (mut nor, mut link, mut offline) = (Nor, Opaque, Offline);
    let agent = usp::Config::new(black_box("agent"), black_box("controller"), black_box(1));
    let agent = usp::Agent::new(black_box(agent), black_box(&[1]));
    let mut usp = Usp { link: black_box(&mut link), agent, connected: false };
    let network: &mut dyn Network<P, Flash<'_>> =
        if black_box(true) { black_box(&mut usp) } else { black_box(&mut offline) };
    start(config, &mut One(&mut nor), network)
}

fn identity() -> Identity<'static> {
    let text = || black_box("identity");
    Identity { di: text(), piid: text(), pi: text(), name: text(), kind: text(), manufacturer: text() }
}

fn peer() -> Peer {
    black_box(Peer::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5683))
}

/// The same outside without an updater.
pub fn base() {
    let mut world = Opaque;
    let world = black_box(&mut world as &mut dyn World);
    let mut bytes = [0; 256];
    world.now();
    world.permits(black_box(Ask::User));
    world.fetch("", 0, &mut bytes);
    let _ = (Nor.read(0, &mut bytes), Nor.write(0, &bytes), Nor.erase(0, 4096), Nor.capacity());
}

/// The selector, over the same outside.
pub fn boot<D: Digest>() {
    base();
    black_box(boot::choose::<D>(&mut One(&mut Nor)));
}

/// A device's identifiers.
pub fn device() -> Device {
    black_box(Device { vendor: [1; 16], class: [2; 16], sequence: 5 })
}

/// As many zero bytes of static memory as an updater takes: what it costs as a static of its own.
pub type Reserved<const N: usize> = [AtomicU8; N];

/// The value of a [`Reserved`].
pub const fn reserved<const N: usize>() -> Reserved<N> {
    [const { AtomicU8::new(0) }; N]
}

struct Opaque;

impl World for Opaque {
    fn now(&mut self) -> Now {
        black_box(Now { mono: 0, wall: None })
    }

    fn turn(&mut self, status: &Status<'_>) -> Turn {
        black_box(status);
        black_box(Turn::Command(Code::Fetch, 0))
    }

    fn fetch(&mut self, uri: &str, offset: u32, into: &mut [u8]) -> Option<usize> {
        black_box((uri, offset, into));
        black_box(Some(1))
    }

    fn permits(&mut self, ask: Ask) -> bool {
        black_box(ask) == Ask::User
    }
}

impl Net for Opaque {
    fn receive(&mut self, at: Socket, into: &mut [u8]) -> Option<(Peer, usize)> {
        black_box((at, into));
        black_box(Some((peer(), 1)))
    }

    fn send(&mut self, from: Socket, to: Peer, datagram: &[u8]) {
        black_box((from, to, datagram));
    }

    fn resolve(&mut self, name: &str) -> Option<IpAddr> {
        black_box(name);
        black_box(Some(peer().ip()))
    }

    fn wait(&mut self, until: Option<Millis>) {
        black_box(until);
    }

    fn report(&mut self) -> Option<Peer> {
        black_box(Some(peer()))
    }

    fn body(&self) -> &'static [u8] {
        black_box(&[1])
    }

    fn is_multicast(&self) -> bool {
        black_box(true)
    }
}

impl Link for Opaque {
    fn changed(&mut self) -> Option<bool> {
        black_box(Some(true))
    }

    fn receive(&mut self, into: &mut [u8]) -> Option<(&'static str, usize)> {
        black_box(into);
        black_box(Some(("topic", 1)))
    }

    fn send(&mut self, topic: &str, message: &[u8]) {
        black_box((topic, message));
    }

    fn subscribe(&mut self, filter: &str) {
        black_box(filter);
    }

    fn keep(&mut self, bytes: &[u8]) {
        black_box(bytes);
    }

    fn reset(&mut self) {
        black_box(());
    }

    fn wait(&mut self, until: Option<Millis>) {
        black_box(until);
    }
}

struct Nor;

/// A fault of the flash.
#[derive(Clone, Copy, Debug)]
struct Fault(NorFlashErrorKind);

impl NorFlashError for Fault {
    fn kind(&self) -> NorFlashErrorKind {
        self.0
    }
}

impl ErrorType for Nor {
    type Error = Fault;
}

fn result() -> Result<(), Fault> {
    black_box(Err(Fault(NorFlashErrorKind::Other)))
}

impl ReadNorFlash for Nor {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Fault> {
        black_box((offset, bytes));
        result()
    }

    fn capacity(&self) -> usize {
        black_box(0xA000)
    }
}

impl NorFlash for Nor {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Fault> {
        black_box((from, to));
        result()
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Fault> {
        black_box((offset, bytes));
        result()
    }
}
