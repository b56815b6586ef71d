//! The updater: takes commands and bytes, plans flash operations, and says what it needs.
//!
//! It does no input or output of its own. The application drives it with one loop: it hands in what came
//! ([`Updater::command`], [`Updater::chunk`] ...), carries out the operations that it plans
//! ([`flash::run`](crate::flash::run)), and does what [`Updater::need`] says.

mod boot;
mod commands;
mod effects;
mod exchange;
mod load;
mod need;
mod plan;
mod receive;
#[cfg(feature = "_fuzzing")]
mod situation;
#[cfg(test)]
mod tests;

pub use commands::{Command, Job};
pub use need::Need;
#[cfg(feature = "_fuzzing")]
#[doc(hidden)]
pub use situation::Situation;

use crate::boot::{BootControl, BootRecord, Seen};
use crate::checksum::{Algorithm, FileCheck};
use crate::digest::Digest;
use crate::flash::journal::{Aligned, CHUNK, Journal, Kind};
use crate::flash::slot::SlotRead;
use crate::flash::stage::Stage;
use crate::flash::{BadLayout, Layout};
use crate::image::{Image, SlotId};
use crate::lifecycle::{State, World};
use crate::outcome::{Initiator, Refused, Run};
use crate::package::{Identity, PackageFormat};
use crate::record::{Bytes, Progress, Source, StateRecord};
pub use crate::record::{Installed, NOTE_MAX, NOTES, TAG_MAX, URI_MAX};
use crate::slot::{Log, Slot};
use crate::status::{self, Status};
use crate::time::Now;
use crate::trust::{KeyId, KeySet, TrustStore};

/// Longest frame of the journal, bytes.
pub(crate) const FRAME: usize = 1552;

/// What a device brings: its keys, its package format, its boot control, and the size of its slot table.
pub trait Platform {
    /// Whose signatures count.
    type Trust: TrustStore;
    /// The format of its packages.
    type Package: PackageFormat<Self::Trust>;
    /// What decides which image runs.
    type Boot: BootControl;
    /// Checksums over transferred files, as some protocols ask for: [`NoCheck`](crate::checksum::NoCheck) if none.
    type FileCheck: FileCheck;
    /// SHA-256.
    type Digest: Digest;
    /// As many slots as the layout has: `[Slot; N]`.
    type Slots: AsRef<[Slot]> + AsMut<[Slot]> + Default;
}

/// When an image is compared with its digest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Verify {
    /// While it is written: every byte is seen once. What a reset interrupted is read back.
    #[default]
    WhileWriting,
    /// By reading it back, and while it is written: finds what the flash did not keep.
    Both,
}

/// What the integrator decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Policy {
    /// How long a new image may take to be confirmed, milliseconds.
    pub trial_period: u64,
    /// How often one image is tried without progress.
    pub attempts: u8,
    /// Wait after the first lost connection, milliseconds; doubled with each further one.
    pub backoff: u64,
    /// Longest wait, milliseconds.
    pub backoff_max: u64,
    /// When an image is compared with its digest.
    pub verify: Verify,
    /// The most that the security counter may rise by one update; `None`: no bound.
    pub counter_step: Option<u32>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            trial_period: 10 * 60 * 1000,
            attempts: 5,
            backoff: 1000,
            backoff_max: 5 * 60 * 1000,
            verify: Verify::WhileWriting,
            counter_step: None,
        }
    }
}

/// What an updater is made of.
#[derive(Clone, Debug)]
pub struct Config<P: Platform> {
    /// How the flash is divided.
    pub layout: Layout,
    /// Vendor identifier of this device (RFC 9124, section 3.3).
    pub vendor: [u8; 16],
    /// Class identifier of this device (RFC 9124, section 3.4).
    pub class: [u8; 16],
    /// Its keys.
    pub trust: P::Trust,
    /// Its package format.
    pub package: P::Package,
    /// Its boot control.
    pub boot: P::Boot,
    /// What the integrator decides.
    pub policy: Policy,
    /// What the factory image is, where its slot keeps no signed head that tells.
    pub factory: Installed,
}

/// Why an updater cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum BadConfig {
    /// The layout cannot be used.
    #[error(transparent)]
    Layout(#[from] BadLayout),
    /// The platform's slot table and the layout differ in the number of slots.
    #[error("the slot table and the layout differ")]
    Slots,
    /// There is no key to trust.
    #[error("there is no trusted key")]
    NoKey,
    /// A trial must have a boot, and an image an attempt.
    #[error("trial boots and attempts must not be 0")]
    Policy,
}

/// A set of initiators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Initiators([u32; 8]);

impl Initiators {
    const NONE: Self = Self([0; 8]);

    fn holds(&self, by: Initiator) -> bool {
        self.0.get(usize::from(by.0 >> 5)).is_some_and(|word| word & Self::bit(by) != 0)
    }

    fn insert(&mut self, by: Initiator) {
        self.0.iter_mut().skip(usize::from(by.0 >> 5)).take(1).for_each(|word| *word |= Self::bit(by));
    }

    fn remove(&mut self, by: Initiator) {
        self.0.iter_mut().skip(usize::from(by.0 >> 5)).take(1).for_each(|word| *word &= !Self::bit(by));
    }

    fn bit(by: Initiator) -> u32 {
        1 << (by.0 & 31)
    }
}

/// Names one transfer. What is told under an older one is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ticket(u32);

/// Whether an initiator's last command stands in flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Settled {
    /// A frame is being written: wait before answering.
    Pending,
    /// It is written.
    Written,
    /// The flash did not take it: the command was not taken, and the state is what the journal says. (Where
    /// the operation that wrote it was dropped, it may have been taken all the same: the state tells.)
    Lost,
}

/// How far loading has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Load {
    /// The journal is being scanned.
    Journal,
    /// A record is being read.
    Record(Kind),
    /// The boot control is being asked.
    Observe,
    /// The head of the running slot is being read, since no record tells of it.
    Head(Seen),
    /// The running slot is being hashed.
    Hash(Seen),
    /// What the boot means is being written.
    Booted,
    /// All is known.
    Ready,
    /// The boot control could not be asked: nothing is known.
    Broken,
}

/// What the boot control is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BootWork {
    Rest,
    Running,
    /// It waits for its record to be written.
    Recording,
    Done(Option<Seen>),
}

/// What is being read from a slot.
#[derive(Clone, Copy, Debug)]
enum Reading {
    Nothing,
    /// A prefix that is in the slot already, into the digest.
    Prefix(SlotRead),
    /// The whole image, into a fresh digest.
    Whole(SlotRead),
}

/// Who lent the last operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lender {
    Nobody,
    Journal,
    Boot,
    Head,
    Reading,
    Stage,
}

/// Records that are to be written, a bit a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Dirty {
    boot: bool,
    state: bool,
    slots: bool,
    source: bool,
    progress: bool,
    tried: bool,
    trust: bool,
    notes: [bool; NOTES],
}

/// The transfer at work, as far as it lives in RAM.
#[derive(Debug)]
struct Transfer<C> {
    ticket: Ticket,
    /// Offset of the next byte in the file.
    file_at: u32,
    /// The source has answered under this ticket.
    answered: bool,
    /// The source has no more bytes.
    complete: bool,
    /// The digest covers every byte of the image that was taken.
    hashed: bool,
    /// A flash fault was met and retried.
    faulted: bool,
    /// This attempt has been counted, before it was known that it begins anew.
    counted: bool,
    /// How often the source was asked since there was last progress.
    tries: u8,
    /// No new request before this, monotonic milliseconds.
    wait: Option<u64>,
    /// The file's checksum: algorithm, so far, and expected.
    check: Option<(Algorithm, C, Bytes<TAG_MAX>)>,
}

/// The updater of a device.
#[derive(Debug)]
pub struct Updater<P: Platform> {
    layout: Layout,
    vendor: [u8; 16],
    class: [u8; 16],
    trust: P::Trust,
    package: P::Package,
    boot: P::Boot,
    policy: Policy,
    factory: Installed,

    record: StateRecord,
    slots: P::Slots,
    boot_record: BootRecord,
    source: Source,
    progress: Progress,
    revoked: KeySet,
    notes: [Bytes<NOTE_MAX>; NOTES],

    journal: Journal<FRAME>,
    load: Load,
    /// Whether what is being loaded is a boot, and not a read-back.
    is_boot: bool,
    /// When a trial of this boot ends, monotonic milliseconds: no record can tell.
    trial_ends: Option<u64>,
    /// Whether records were lost, as the last reading of the journal found.
    lost: bool,
    /// Frames that the flash did not take, one after the other.
    failures: u8,
    /// Whether the running slot has just been vouched for by its own head.
    learned: bool,
    /// What the running slot's head describes, until it is compared. Where slots are exchanged, what runs.
    running_image: Option<Image>,
    head: Option<crate::flash::slot::HeadRead>,
    boot_work: BootWork,
    reading: Reading,
    stage: Option<Stage>,
    digest: P::Digest,
    transfer: Transfer<P::FileCheck>,
    /// What has happened, and is to be told to the lifecycle at the next [`Updater::need`].
    pending: Option<World>,
    committing: bool,
    /// What a boot has changed, until it stands in flash: it goes into the next frame that does.
    unwritten: Dirty,
    /// Whose command the frame is that is being written, if it is one's.
    ordered: Option<Initiator>,
    /// Whose last command's frame was not written.
    lost_orders: Initiators,
    reset: bool,
    lender: Lender,
    chunk: Aligned<CHUNK>,
    now: Now,
}

impl<P: Platform> Updater<P> {
    /// An updater that knows nothing yet: it first plans to read the journal, and then asks the boot control.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(config: Config<P>) -> Result<Self, BadConfig> {
        let Config { layout, vendor, class, trust, package, boot, policy, factory } = config;
        layout.check()?;
        let slots = P::Slots::default();
        if slots.as_ref().len() != layout.slots.len() {
            return Err(BadConfig::Slots);
        }
        if trust.keys() == 0 {
            return Err(BadConfig::NoKey);
        }
        if P::Boot::TRIALS == 0 || policy.attempts == 0 {
            return Err(BadConfig::Policy);
        }
        let mut journal = Journal::new(layout);
        journal.start();
        Ok(Self {
            layout,
            vendor,
            class,
            trust,
            package,
            boot,
            policy,
            record: load::fresh_record(factory),
            factory,
            slots,
            boot_record: BootRecord::factory(layout.factory_slot),
            source: Source::NONE,
            progress: Progress::NONE,
            revoked: KeySet::NONE,
            notes: [Bytes::EMPTY; NOTES],
            journal,
            load: Load::Journal,
            is_boot: true,
            trial_ends: None,
            lost: false,
            failures: 0,
            learned: false,
            running_image: None,
            head: None,
            boot_work: BootWork::Rest,
            reading: Reading::Nothing,
            stage: None,
            digest: P::Digest::new(),
            transfer: Transfer {
                ticket: Ticket(0),
                file_at: 0,
                answered: false,
                complete: false,
                hashed: false,
                faulted: false,
                counted: false,
                tries: 1,
                wait: None,
                check: None,
            },
            pending: None,
            committing: false,
            unwritten: Dirty::default(),
            ordered: None,
            lost_orders: Initiators::NONE,
            reset: false,
            lender: Lender::Nobody,
            chunk: Aligned([0; CHUNK]),
            now: Now::mono(0),
        })
    }

    /// An updater that looks at a device which is off, for tools: it reads what the records say, and no boot
    /// is told. It is not to be driven any further than to its [`status`](Self::status).
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn inspect(config: Config<P>) -> Result<Self, BadConfig> {
        Ok(Self { is_boot: false, ..Self::new(config)? })
    }

    /// The device as it is; `None` until the journal and the boot control have been read.
    pub fn status(&self) -> Option<Status<'_>> {
        if self.load != Load::Ready {
            return None;
        }
        let record = &self.record;
        let boot = &self.boot_record;
        let received = |received, size| Some(status::Progress { received, size });
        let progress = match &record.state {
            State::Receiving { offset, image: Some(image), .. } => received(*offset, image.size),
            State::Validating { image, .. } => received(image.size, image.size),
            State::Receiving { image: None, .. } | State::Idle | State::Checking { .. } => None,
            State::Staged { .. } | State::Activating { .. } => None,
            State::Trial { .. } | State::Reverting { .. } => None,
        };
        let on_trial = boot.target.filter(|_| boot.left > 0);
        Some(Status {
            state: &record.state,
            running: boot.running,
            previous: boot.previous,
            next_boot: on_trial.or(boot.preset).unwrap_or(boot.confirmed),
            installed: &record.installed,
            counter: boot.counter,
            progress,
            newer: record.newer.as_ref(),
            slots: self.slots.as_ref(),
            run: record.run,
            last: record.last.as_ref(),
        })
    }

    /// Whether the last reading of the journal found that records were lost: damaged, or another device's. It
    /// is told as an outcome too.
    pub fn records_lost(&self) -> bool {
        self.lost
    }

    /// Whether the last command of this initiator stands in flash. An adapter sends its success answer only then.
    /// While a frame is being written, whosever it is, no command can be taken, and all are told to wait.
    pub fn settled(&self, by: Initiator) -> Settled {
        match (self.committing, self.lost_orders.holds(by)) {
            (true, _) => Settled::Pending,
            (false, true) => Settled::Lost,
            (false, false) => Settled::Written,
        }
    }

    /// The transfer that a push delivers to.
    pub fn ticket(&self) -> Ticket {
        self.transfer.ticket
    }

    /// Keeps a note of an initiator, at most [`NOTE_MAX`] bytes; [`settled`](Self::settled) says when it is
    /// kept.
    ///
    /// # Errors
    /// [`Refused::Invalid`] for a note that is too long or an initiator from [`NOTES`] on,
    /// [`Refused::NotAvailable`] while another frame is being written.
    pub fn remember(&mut self, by: Initiator, note: &[u8]) -> Result<(), Refused> {
        self.available()?;
        let note = Bytes::new(note).ok_or(Refused::Invalid)?;
        let n = usize::from(by.0);
        *self.notes.get_mut(n).ok_or(Refused::Invalid)? = note;
        let mut dirty = Dirty::default();
        dirty.note(by);
        self.commit_order(by, dirty);
        Ok(())
    }

    /// The note of an initiator; `None` if it has none, or the journal has not been read.
    pub fn recall(&self, by: Initiator) -> Option<&[u8]> {
        let note = self.notes.get(usize::from(by.0)).filter(|_| self.load == Load::Ready)?;
        Some(note.as_slice()).filter(|note| !note.is_empty())
    }

    /// Where the last package came from that this initiator asked to download: the URI that it named, or the
    /// signed one, once the payload is fetched from there. Kept until another request takes its place.
    pub fn uri(&self, by: Initiator) -> Option<&str> {
        let uri =
            Some(&self.source).filter(|source| source.by == by && self.load == Load::Ready)?.uri.as_slice();
        core::str::from_utf8(uri).ok().filter(|uri| !uri.is_empty())
    }

    /// How the flash is divided.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Never again takes a signature by this key. Revocation survives a factory reset; what is installed
    /// already goes on to boot.
    ///
    /// # Errors
    /// [`Refused::Invalid`] for a key that the store does not have or that is revoked already,
    /// [`Refused::NotAvailable`] for the last key that still counts, or while a frame is being written.
    pub fn revoke(&mut self, key: KeyId) -> Result<(), Refused> {
        self.available()?;
        let keys = self.trust.keys();
        if key.0 >= keys || self.revoked.holds(key) {
            return Err(Refused::Invalid);
        }
        let revoked = self.revoked.with(key);
        if (0..keys).all(|k| revoked.holds(KeyId(k))) {
            return Err(Refused::NotAvailable);
        }
        self.revoked = revoked;
        self.commit_order(Initiator::APPLICATION, Dirty { trust: true, ..Dirty::default() });
        Ok(())
    }

    /// The keys that no longer count.
    pub fn revoked(&self) -> KeySet {
        self.revoked
    }

    /// Whether a command or an event can be taken now.
    fn available(&self) -> Result<(), Refused> {
        if self.load == Load::Ready && !self.committing { Ok(()) } else { Err(Refused::NotAvailable) }
    }

    fn identity(&self, slot: SlotId) -> Identity {
        Identity {
            vendor: self.vendor,
            class: self.class,
            sequence: self.record.installed.sequence,
            slot: slot.0,
            revoked: self.revoked,
        }
    }

    fn slot(&self, slot: SlotId) -> Option<&Slot> {
        self.slots.as_ref().get(usize::from(slot.0))
    }

    fn slot_mut(&mut self, slot: SlotId) -> Option<&mut Slot> {
        self.slots.as_mut().get_mut(usize::from(slot.0))
    }

    fn next_run(&self) -> Run {
        Run(self.record.run.0.wrapping_add(1))
    }
}

impl Dirty {
    fn note(&mut self, by: Initiator) {
        if let Some(note) = self.notes.get_mut(usize::from(by.0)) {
            *note = true;
        }
    }

    fn any(&self) -> bool {
        *self != Self::default()
    }

    fn and(mut self, other: Self) -> Self {
        let Self { boot, state, slots, source, progress, tried, trust, notes } = other;
        self.boot |= boot;
        self.state |= state;
        self.slots |= slots;
        self.source |= source;
        self.progress |= progress;
        self.tried |= tried;
        self.trust |= trust;
        self.notes.iter_mut().zip(notes).for_each(|(note, other)| *note |= other);
        self
    }
}

/// A log of what a bootloader or the updater itself has to say.
fn log_of(text: &str) -> Log {
    Log::new(text.as_bytes())
}
