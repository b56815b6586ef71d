//! The configuration: one TOML file, every key optional, overridden by flags.
//!
//! ```toml
//! state = "device"                  # state directory; relative paths are taken from this file's folder
//! keys = ["k1.pub.pem", "d75a98.."] # trusted keys: files (PEM or hex) or 64 hex digits
//! protocols = []                    # what `fwagent run` speaks, if no --protocol says it
//!
//! [identity]                        # a UUID, or a name that is hashed (RFC 9124)
//! vendor = "example.com"
//! class = "demo-board-1"
//!
//! [flash]                           # sizes in bytes
//! read = 1
//! write = 8
//! sector = 4096
//! slot = 1048576
//! slots = 2
//! journal = 2                       # pages of the journal
//! sync = true                       # have the journal on the host's disk before going on: a power cut of
//!                                   # the host needs it, a kill of the process does not
//!
//! [boot]
//! trials = 3                        # trial boots before the bootloader reverts
//! period = 60                       # seconds that a trial may take
//! check = "signature"               # what the bootloader checks: none, digest, signature
//! confirm = "self-test"             # who confirms: a passed self-test, or `command`: only `fwagent confirm`
//!
//! [coap]
//! ack_timeout = 2000                # milliseconds to the first retransmission (RFC 7252, section 4.8)
//!
//! [http]
//! ca = "ca.pem"                     # trusted certificates in place of Mozilla's
//!
//! [lwm2m]                           # `fwagent run --protocol lwm2m`
//! server = "coap://127.0.0.1:5683"
//! endpoint = "fwagent"              # endpoint client name
//! lifetime = 300                    # seconds of the registration
//! push_idle = 120                   # seconds without a block after which a push is given up
//!
//! [iotf]                            # `fwagent run --protocol iotf`
//! broker = "mqtt://127.0.0.1:1883"
//! client_id = "d:local:fwagent:fwagent"
//! lifetime = 0                      # seconds until the platform calls the device dormant: 0 or 3600 at least
//! retry = 1000                      # least milliseconds before a connection is tried again
//!
//! [ocf]                             # `fwagent run --protocol ocf`
//! listen = "127.0.0.1:56830"        # address that clients reach it by, and UDP port; 0 takes a free one
//! name = "fwagent"                  # name of the device; its identifiers come from it and its class
//!
//! [usp]                             # `fwagent run --protocol usp`
//! websocket = "ws://127.0.0.1:8080/usp"
//! endpoint = "os::012345-fwagent"   # Endpoint ID of the device
//! controller = "self::controller"   # Endpoint ID of its controller
//! keep_alive = 30                   # seconds between pings
//! retry = 5000                      # least milliseconds before a connection is tried again (TR-369, R-WS.19)
//! ```

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use fwupd_core::flash::{Layout, Part, Region, Sectors};
use fwupd_core::image::SlotId;
use fwupd_usp::spec::websocket;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::files;
use crate::identity::Identity;
use crate::keys::PublicKey;

/// Name of the file in the state directory.
pub const FILE: &str = "fwagent.toml";
/// State directory when neither a flag nor the file names one.
pub const STATE: &str = "fwagent-state";

/// No configuration is longer than this, bytes.
const LONGEST: u64 = 256 * 1024;

/// The configuration in force.
#[derive(Clone, Debug)]
pub struct Config {
    /// State directory.
    pub state: PathBuf,
    /// Vendor and class.
    pub identity: Identity,
    /// Geometry of the flash.
    pub flash: Flash,
    /// How it is divided, checked.
    pub layout: Layout,
    /// How a new image is tried.
    pub boot: Boot,
    /// How CoAP is spoken.
    pub coap: Coap,
    /// How HTTPS is spoken.
    pub http: Http,
    /// The protocols that are spoken where the command line names none.
    pub protocols: Vec<Protocol>,
    /// The LwM2M client.
    pub lwm2m: Lwm2m,
    /// The IoTF device.
    pub iotf: Iotf,
    /// The OCF device.
    pub ocf: Ocf,
    /// The USP agent.
    pub usp: Usp,
    keys: Vec<String>,
    /// The folder that paths of the file are relative to.
    base: PathBuf,
}

/// What the command line says of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--config`.
    pub file: Option<PathBuf>,
    /// `--state`.
    pub state: Option<PathBuf>,
    /// `--set`, each `KEY=VALUE`.
    pub set: Vec<String>,
}

impl Flags {
    /// The command line that says the same.
    pub fn arguments(&self) -> Vec<OsString> {
        let file = self.file.iter().flat_map(|file| ["--config".into(), file.into()]);
        let state = self.state.iter().flat_map(|state| ["--state".into(), state.into()]);
        let set = self.set.iter().flat_map(|set| ["--set".into(), set.into()]);
        file.chain(state).chain(set).collect()
    }
}

/// Geometry of the simulated flash. Sizes in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Flash {
    /// Smallest unit of a read.
    pub read: u16,
    /// Smallest unit of a write.
    pub write: u16,
    /// Size of a sector.
    pub sector: u32,
    /// Size of a slot, whole sectors.
    pub slot: u32,
    /// How many slots: 2 to 8.
    pub slots: u8,
    /// How many pages the journal has: 2 to 255.
    pub journal: u8,
    /// Whether what is written to the journal is synchronised with the host's disk at once.
    pub sync: bool,
}

impl Default for Flash {
    fn default() -> Self {
        Self { read: 1, write: 8, sector: 4096, slot: 1024 * 1024, slots: 2, journal: 2, sync: true }
    }
}

impl Flash {
    /// The value of an erased byte.
    pub const ERASED: u8 = 0xFF;

    /// Size of a page of the journal: the least number of sectors that is large enough.
    fn page(&self) -> Option<u32> {
        Layout::JOURNAL_PAGE.div_ceil(self.sector.max(1)).checked_mul(self.sector)
    }

    /// Size of the whole device.
    pub fn size(&self) -> Option<u32> {
        let slots = self.slot.checked_mul(u32::from(self.slots))?;
        slots.checked_add(self.page()?.checked_mul(u32::from(self.journal))?)
    }

    /// The slots from address 0 on, then the journal; slot 0 is the factory's. The tables live as long as
    /// the process.
    ///
    /// # Errors
    /// The first thing that cannot be.
    pub fn layout(&self) -> Result<Layout, Error> {
        let bad = |why: &dyn std::fmt::Display| Error::failed(format_args!("[flash]: {why}"));
        if self.slots < 2 {
            return Err(bad(&"slots: an update needs at least 2"));
        }
        let too_large = || bad(&"slots and journal are larger than 4 GiB together");
        let page = self.page().ok_or_else(too_large)?;
        let size = self.size().ok_or_else(too_large)?;
        let regions = |from: u32, size: u32, count: u8| {
            let at = move |n: u8| from.saturating_add(size.saturating_mul(u32::from(n)));
            (0..count).map(move |n| Region { part: 0, from: at(n), to: at(n).saturating_add(size) })
        };
        let slots: Vec<_> = regions(0, self.slot, self.slots).collect();
        let journal =
            regions(size.saturating_sub(page.saturating_mul(self.journal.into())), page, self.journal);
        let count = size.checked_div(self.sector).ok_or_else(|| bad(&"sector: cannot be 0"))?;
        let sectors = vec![Sectors { count, size: self.sector }];
        let part = Part { read: self.read, write: self.write, erased: Self::ERASED, sectors: leak(sectors) };
        let layout = Layout {
            parts: leak(vec![part]),
            slots: leak(slots),
            journal: leak(journal.collect()),
            factory_slot: SlotId(0),
        };
        layout.check().map_err(|why| bad(&why))?;
        Ok(layout)
    }
}

fn leak<T>(of: Vec<T>) -> &'static [T] {
    of.leak()
}

/// How a new image is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Boot {
    /// Trial boots before the bootloader reverts: at least 1.
    pub trials: u8,
    /// Seconds that a trial may take: at least 1.
    pub period: u32,
    /// What the bootloader checks.
    pub check: Check,
    /// Who confirms.
    pub confirm: Confirm,
}

impl Default for Boot {
    fn default() -> Self {
        Self { trials: 3, period: 60, check: Check::default(), confirm: Confirm::default() }
    }
}

/// What the bootloader checks before it jumps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Nothing.
    None,
    /// The digest that the slot's signed head names.
    Digest,
    /// The signature over that head, and the digest.
    #[default]
    Signature,
}

/// Who confirms an image on trial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confirm {
    /// The device itself, when its self-test has passed.
    #[default]
    SelfTest,
    /// Only the command `fwagent confirm`.
    Command,
}

/// How CoAP is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Coap {
    /// Milliseconds to the first retransmission.
    pub ack_timeout: u32,
}

impl Default for Coap {
    fn default() -> Self {
        Self { ack_timeout: 2000 }
    }
}

/// How HTTPS is spoken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// File of the trusted certificates, in PEM; Mozilla's if none.
    pub ca: Option<PathBuf>,
}

/// A protocol that the device speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// OMA LwM2M, Object 5
    Lwm2m,
    /// IoTF device management, over MQTT
    Iotf,
    /// OCF, oic.r.softwareupdate
    Ocf,
    /// Broadband Forum USP, FirmwareImage, over WebSocket
    Usp,
}

/// The LwM2M client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lwm2m {
    /// The URI of its server.
    pub server: String,
    /// The name by which it registers.
    pub endpoint: String,
    /// Lifetime of the registration, seconds.
    pub lifetime: u32,
    /// Seconds without a block after which a push is given up.
    pub push_idle: u32,
}

impl Default for Lwm2m {
    fn default() -> Self {
        Self {
            server: "coap://127.0.0.1:5683".to_owned(),
            endpoint: "fwagent".to_owned(),
            lifetime: 300,
            push_idle: 120,
        }
    }
}

/// The IoTF device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Iotf {
    /// The URL of its broker, of the scheme `mqtt`.
    pub broker: String,
    /// The name by which it connects.
    pub client_id: String,
    /// Seconds until the platform calls the device dormant; 0: it never does.
    pub lifetime: u32,
    /// The least wait before a connection is tried again, milliseconds.
    pub retry: u32,
}

impl Default for Iotf {
    fn default() -> Self {
        Self {
            broker: "mqtt://127.0.0.1:1883".to_owned(),
            client_id: "d:local:fwagent:fwagent".to_owned(),
            lifetime: 0,
            retry: 1000,
        }
    }
}

/// The OCF device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ocf {
    /// Where it listens. Clients are told this address.
    pub listen: SocketAddr,
    /// Its name.
    pub name: String,
}

impl Default for Ocf {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 56830)), name: "fwagent".to_owned() }
    }
}

/// The USP agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Usp {
    /// The URL of its controller, of the scheme `ws`.
    pub websocket: String,
    /// Its Endpoint ID.
    pub endpoint: String,
    /// The Endpoint ID of its controller.
    pub controller: String,
    /// Seconds between pings.
    pub keep_alive: u32,
    /// The least wait before a connection is tried again, milliseconds.
    pub retry: u32,
}

impl Default for Usp {
    fn default() -> Self {
        Self {
            websocket: "ws://127.0.0.1:8080/usp".to_owned(),
            endpoint: "os::012345-fwagent".to_owned(),
            controller: "self::controller".to_owned(),
            keep_alive: websocket::KEEP_ALIVE,
            retry: websocket::RETRY,
        }
    }
}

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    state: Option<PathBuf>,
    keys: Vec<String>,
    protocols: Vec<Protocol>,
    identity: Names,
    flash: Flash,
    boot: Boot,
    coap: Coap,
    http: Http,
    lwm2m: Lwm2m,
    iotf: Iotf,
    ocf: Ocf,
    usp: Usp,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Names {
    vendor: String,
    class: String,
}

impl Default for Names {
    fn default() -> Self {
        Self { vendor: "example.com".into(), class: "demo-board-1".into() }
    }
}

impl Config {
    /// Reads the file that `--config` names, which must exist, or the one in the state directory, if there
    /// is one; then applies the flags.
    ///
    /// # Errors
    /// A file that cannot be read; an unknown key, which is named; a value that cannot be.
    pub fn load(flags: &Flags) -> Result<Self, Error> {
        let state = flags.state.clone().unwrap_or_else(|| STATE.into());
        let (path, text) = match &flags.file {
            Some(path) => (path.clone(), read(path)?),
            None => {
                let path = state.join(FILE);
                let text = if path.exists() { read(&path)? } else { String::new() };
                (path, text)
            }
        };
        let base = path.parent().map(Path::to_path_buf).unwrap_or_default();
        let table = table(&text).map_err(|why| why.within(&path.display()))?;
        Self::of(table, flags, state, base)
    }

    fn of(mut table: toml::Table, flags: &Flags, state: PathBuf, base: PathBuf) -> Result<Self, Error> {
        for assignment in &flags.set {
            merge(&mut table, assigned(assignment)?);
        }
        let file: File = table
            .try_into()
            .map_err(|e: toml::de::Error| Error::failed(format_args!("--set: {}", e.message())))?;

        let identity = Identity::named(&file.identity.vendor, &file.identity.class)
            .map_err(|e| Error::failed(format_args!("[identity]: {e}")))?;
        if file.boot.trials == 0 {
            return Err(Error::failed("[boot]: trials: a new image needs at least 1 trial boot"));
        }
        if file.boot.period == 0 {
            return Err(Error::failed("[boot]: period: a trial needs at least 1 s"));
        }
        if file.coap.ack_timeout == 0 {
            return Err(Error::failed("[coap]: ack_timeout: at least 1 ms"));
        }
        if file.lwm2m.lifetime == 0 || file.lwm2m.push_idle == 0 {
            return Err(Error::failed("[lwm2m]: lifetime and push_idle: at least 1 s"));
        }
        if file.iotf.retry == 0 {
            return Err(Error::failed("[iotf]: retry: at least 1 ms"));
        }
        if file.usp.keep_alive == 0 || file.usp.retry == 0 {
            return Err(Error::failed("[usp]: keep_alive: at least 1 s; retry: at least 1 ms"));
        }
        let layout = file.flash.layout()?;
        let state = match (&flags.state, file.state) {
            (None, Some(named)) => base.join(named),
            (Some(_), _) | (None, None) => state,
        };
        let File { keys, protocols, flash, boot, coap, mut http, lwm2m, iotf, ocf, usp, .. } = file;
        http.ca = http.ca.map(|ca| base.join(ca));
        Ok(Self {
            state,
            identity,
            flash,
            layout,
            boot,
            coap,
            http,
            protocols,
            lwm2m,
            iotf,
            ocf,
            usp,
            keys,
            base,
        })
    }

    /// The trusted keys, read from their files.
    ///
    /// # Errors
    /// A file that cannot be read or is no key.
    pub fn keys(&self) -> Result<Vec<PublicKey>, Error> {
        self.keys.iter().map(|name| PublicKey::named(name, &self.base)).collect()
    }
}

fn read(path: &Path) -> Result<String, Error> {
    String::from_utf8(files::read(path, LONGEST)?)
        .map_err(|_| Error::failed(format_args!("{} is not UTF-8 text", path.display())))
}

/// The file's keys and values, all of them known.
fn table(text: &str) -> Result<toml::Table, Error> {
    // Only what is read from the text knows the line of an error.
    toml::from_str::<File>(text).map_err(|e| located(text, &e))?;
    toml::from_str(text).map_err(|e| located(text, &e))
}

fn located(text: &str, e: &toml::de::Error) -> Error {
    let line = e.span().and_then(|s| text.get(..s.start)).map(|before| before.matches('\n').count());
    match line {
        Some(line) => Error::failed(format_args!("line {}: {}", line.saturating_add(1), e.message())),
        None => Error::failed(e.message()),
    }
}

/// `boot.trials=1` as a table. A value that is no TOML is taken as text.
fn assigned(assignment: &str) -> Result<toml::Table, Error> {
    let bad = || Error::usage(format_args!("--set {assignment}: not KEY=VALUE"));
    let (key, value) = assignment.split_once('=').ok_or_else(bad)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if key.is_empty() || !key.chars().all(plain) || value.contains(['\n', '\r']) {
        return Err(bad());
    }
    let parse = |value: &str| toml::from_str(&format!("{key} = {value}\n"));
    let quoted = || parse(&serde_json::Value::from(value).to_string());
    parse(value).or_else(|_| quoted()).map_err(|_| bad())
}

fn merge(into: &mut toml::Table, from: toml::Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new)) => merge(old, new),
            (_, value) => drop(into.insert(key, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, set: &[&str]) -> Result<Config, Error> {
        let flags = Flags { set: set.iter().map(|s| s.to_string()).collect(), ..Flags::default() };
        Config::of(table(text)?, &flags, "st".into(), "base".into())
    }

    #[test]
    fn an_empty_file_is_the_reference_device() {
        let c = parse("", &[]).unwrap();
        assert_eq!(c.state, Path::new("st"));
        assert_eq!(c.identity, Identity::named("example.com", "demo-board-1").unwrap());
        assert_eq!(
            c.flash,
            Flash { read: 1, write: 8, sector: 4096, slot: 1 << 20, slots: 2, journal: 2, sync: true }
        );
        assert_eq!(c.flash.size(), Some((2 << 20) + 2 * 4096));
        let check = Check::Signature;
        assert_eq!(c.boot, Boot { trials: 3, period: 60, check, confirm: Confirm::SelfTest });
        assert_eq!(c.keys().unwrap(), []);
    }

    #[test]
    fn the_example_of_the_documentation_is_the_default() {
        let example: Vec<_> = include_str!("config.rs")
            .lines()
            .skip_while(|l| *l != "//! ```toml")
            .skip(1)
            .take_while(|l| *l != "//! ```")
            .map(|l| l.trim_start_matches("//!"))
            .collect();
        let c = parse(&example.join("\n"), &[]).unwrap();
        let d = parse("", &[]).unwrap();
        assert_eq!((c.identity, c.flash, c.boot), (d.identity, d.flash, d.boot));
        assert_eq!((c.protocols, c.lwm2m), (d.protocols, d.lwm2m));
        assert_eq!((c.iotf, c.ocf, c.usp), (d.iotf, d.ocf, d.usp));
        assert_eq!(c.state, Path::new("base/device"));
    }

    #[test]
    fn slots_and_journal_lie_one_behind_the_other() {
        let flash = Flash { slots: 3, journal: 3, slot: 8192, sector: 1024, ..Flash::default() };
        let layout = flash.layout().unwrap();
        let starts = |r: &'static [Region]| r.iter().map(|r| (r.from, r.to)).collect::<Vec<_>>();
        assert_eq!(starts(layout.slots), [(0, 8192), (8192, 16384), (16384, 24576)]);
        assert_eq!(starts(layout.journal), [(24576, 28672), (28672, 32768), (32768, 36864)]);
        assert_eq!(flash.size(), Some(36864));
    }

    #[test]
    fn every_bad_value_is_told_in_one_line_that_names_it() {
        for (text, named) in [
            ("a = \"b\"\ncolour = 1", "line 2: unknown field `colour`"),
            ("[flash]\n\nslotz = 1", "line 3: unknown field `slotz`"),
            ("[identity]\nclas = \"x\"", "unknown field `clas`"),
            ("protocols = [\"smoke-signals\"]", "unknown variant `smoke-signals`"),
            ("[ocf]\nlisten = \"nowhere\"", "line 2: invalid socket address"),
            ("[boot]\ncheck = \"some\"", "unknown variant `some`"),
            ("[boot]\ntrials = 0", "[boot]: trials"),
            ("[boot]\nperiod = 0", "[boot]: period"),
            ("[boot]\nperiod = -1", "line 2: invalid value"),
            ("[flash]\nslots = 1", "[flash]: slots: an update needs at least 2"),
            ("[flash]\nslots = 5", "[flash]: there must be 1 to 4 slots"),
            ("[flash]\nslot = 5000", "[flash]: a region does not consist of whole sectors"),
            ("[flash]\nsector = 0", "[flash]: "),
            ("[flash]\nslot = 0", "[flash]: "),
            ("[flash]\nslot = 4294963200", "larger than 4 GiB"),
            ("[flash]\nread = 3\nwrite = 8", "unusable read, write or sector size"),
            ("[flash]\njournal = 1", "2 to 255 pages"),
            ("[identity]\nvendor = \"\"", "[identity]: a vendor or class name"),
            ("state = ", "line 1: "),
            ("<html>", "line 1: "),
        ] {
            let text = text.replace("a = \"b\"\n", "keys = []\n");
            let e = parse(&text, &[]).unwrap_err().to_string();
            assert!(e.contains(named), "{text:?}: {e}");
            assert!(!e.contains('\n'));
        }
    }

    #[test]
    fn a_flag_overrides_one_key_and_leaves_its_neighbours() {
        let text = "[boot]\ntrials = 5\nperiod = 9";
        let c = parse(text, &["boot.trials=1", "identity.class=other", "boot.check=\"none\""]).unwrap();
        assert_eq!((c.boot.trials, c.boot.period, c.boot.check), (1, 9, Check::None));
        assert_eq!(c.identity, Identity::named("example.com", "other").unwrap());
        let unknown = parse("", &["boot.tries=1"]).unwrap_err().to_string();
        assert!(unknown.contains("--set: unknown field `tries`"), "{unknown}");
        for bad in ["boot.trials", "=1", "a b=1", "boot..x=1", "boot.check=a\nb"] {
            assert_eq!(parse("", &[bad]).unwrap_err().exit(), crate::error::Exit::Usage, "{bad}");
        }
    }

    #[test]
    fn keys_are_hex_digits_or_files_beside_the_configuration() {
        let dir = tempfile::tempdir().unwrap();
        let hex = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        std::fs::write(dir.path().join("k.hex"), hex).unwrap();
        let text = format!("keys = [\"k.hex\", \"{hex}\"]");
        let c = Config::of(table(&text).unwrap(), &Flags::default(), "st".into(), dir.path().into()).unwrap();
        assert_eq!(c.keys().unwrap().iter().map(ToString::to_string).collect::<Vec<_>>(), [hex, hex]);
        let missing = parse("keys = [\"no-such-file\"]", &[]).unwrap().keys().unwrap_err();
        assert!(missing.to_string().starts_with("cannot read base/no-such-file"), "{missing}");
    }
}
