//! The bytes of headers and frames. See the diagram in the module above.

use super::super::Part;
use super::super::crc::Crc;
use super::round_up;

/// Kinds of record, also those that there are none of yet: a bootloader that is never updated copies what later
/// firmware has written beside the boot record.
pub(super) const KINDS: usize = 16;

/// A kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind(u8);

impl Kind {
    /// All that a bootloader ever parses.
    pub(crate) const BOOT: Self = Self(0);
    /// The lifecycle's state, the last outcome, and what belongs to them.
    pub(crate) const STATE: Self = Self(1);
    /// What each slot holds.
    pub(crate) const SLOTS: Self = Self(2);
    /// Where the bytes come from.
    pub(crate) const SOURCE: Self = Self(3);
    /// How far an image has come.
    pub(crate) const PROGRESS: Self = Self(4);
    /// Revoked keys.
    pub(crate) const TRUST: Self = Self(5);
    /// The image that the progress is of. A record of its own, as it is four times as long as what each checkpoint
    /// changes.
    pub(crate) const TRIED: Self = Self(6);

    /// The n-th note, 0 to 5.
    pub(crate) fn note(n: u8) -> Option<Self> {
        (n < 6).then(|| Self(n.saturating_add(8)))
    }

    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..KINDS as u8).map(Self)
    }

    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }

    pub(super) fn byte(self) -> u8 {
        self.0
    }

    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        (usize::from(byte) < KINDS).then_some(Self(byte))
    }
}

/// A set of kinds, as a frame's header has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kinds(pub(super) u32);

impl Kinds {
    pub(super) const NONE: Self = Self(0);

    pub(super) fn with(self, kind: Kind) -> Self {
        Self(self.0 | 1 << u32::from(kind.0 & 15))
    }

    pub(super) fn has(self, kind: Kind) -> bool {
        self.0 & 1 << u32::from(kind.0 & 15) != 0
    }
}

/// Bytes of a page's header before padding.
pub(super) const HEADER: u32 = 16;
/// Bytes of a mark before padding.
pub(super) const MARK: u32 = 8;
/// Bytes of a frame before its records.
pub(super) const HEAD: usize = 12;
/// Bytes of a frame behind its records.
pub(super) const TAIL: usize = 4;
/// Bytes of a record before its contents.
pub(super) const RECORD: usize = 3;

const PAGE_MAGIC: [u8; 4] = *b"fwj1";
const FRAME_MAGIC: [u8; 2] = *b"wf";

/// Where things begin in a page.
pub(super) struct Offsets {
    /// The marks: seal, stands, open.
    pub(super) marks: [u32; 3],
    /// The first frame.
    pub(super) body: u32,
}

/// Where things begin in a page of this part.
pub(super) fn offsets(part: &Part) -> Offsets {
    let unit = part.unit();
    let behind = |at: u32| at.saturating_add(round_up(MARK, unit));
    let seal = round_up(HEADER, unit);
    let (stands, open) = (behind(seal), behind(behind(seal)));
    Offsets { marks: [seal, stands, open], body: behind(open) }
}

/// What a page's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) number: u32,
    /// First byte behind the snapshot, from the start of the page.
    pub(super) end: u32,
}

impl Header {
    /// Of the page of this index.
    pub(super) fn parse(page: u8, bytes: &[u8]) -> Option<Self> {
        let (body, rest) = bytes.split_first_chunk::<12>()?;
        let (crc, _) = rest.split_first_chunk::<4>()?;
        let (magic, rest) = body.split_first_chunk::<4>()?;
        let (number, rest) = rest.split_first_chunk::<4>()?;
        let (end, _) = rest.split_first_chunk::<4>()?;
        let good = *magic == PAGE_MAGIC && header_crc(page, body) == u32::from_le_bytes(*crc);
        good.then_some(Self { number: u32::from_le_bytes(*number), end: u32::from_le_bytes(*end) })
    }

    pub(super) fn emit(&self, page: u8, into: &mut [u8]) -> Option<()> {
        let (body, rest) = into.split_first_chunk_mut::<12>()?;
        let (magic, numbers) = body.split_first_chunk_mut::<4>()?;
        *magic = PAGE_MAGIC;
        let (number, end) = numbers.split_first_chunk_mut::<4>()?;
        *number = self.number.to_le_bytes();
        *end.first_chunk_mut::<4>()? = self.end.to_le_bytes();
        *rest.first_chunk_mut::<4>()? = header_crc(page, body).to_le_bytes();
        Some(())
    }
}

/// Covers the page's index as well, so that no page is taken for a copy of another one.
fn header_crc(page: u8, body: &[u8]) -> u32 {
    let mut crc = Crc::NEW;
    crc.update(body);
    crc.byte(page);
    crc.value()
}

/// What a frame's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHead {
    pub(super) len: u16,
    pub(super) kinds: Kinds,
    pub(super) seq: u32,
}

impl FrameHead {
    pub(super) fn parse(bytes: &[u8; HEAD]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<2>()?;
        let (len, rest) = rest.split_first_chunk::<2>()?;
        let (kinds, rest) = rest.split_first_chunk::<4>()?;
        let seq = rest.first_chunk::<4>()?;
        (*magic == FRAME_MAGIC).then_some(Self {
            len: u16::from_le_bytes(*len),
            kinds: Kinds(u32::from_le_bytes(*kinds)),
            seq: u32::from_le_bytes(*seq),
        })
    }

    pub(super) fn emit(&self) -> [u8; HEAD] {
        let [l0, l1] = self.len.to_le_bytes();
        let [k0, k1, k2, k3] = self.kinds.0.to_le_bytes();
        let [s0, s1, s2, s3] = self.seq.to_le_bytes();
        let [m0, m1] = FRAME_MAGIC;
        [m0, m1, l0, l1, k0, k1, k2, k3, s0, s1, s2, s3]
    }
}

/// Walks over the records of a frame as its bytes pass by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    kind: u8,
    len: u16,
    /// Bytes of the current record that have passed, its 3 bytes of head included.
    passed: u32,
    crc: Crc,
}

/// A record that has passed whole.
pub(super) struct Passed {
    pub(super) kind: Kind,
    pub(super) len: u16,
    pub(super) crc: u32,
}

impl Walk {
    pub(super) const NEW: Self = Self { kind: 0, len: 0, passed: 0, crc: Crc::NEW };

    /// Takes the next byte; a record when it was its last, an error for a kind that is not known.
    pub(super) fn byte(&mut self, byte: u8) -> Result<Option<Passed>, ()> {
        match self.passed {
            0 => self.kind = byte,
            1 => self.len = u16::from(byte),
            2 => self.len |= u16::from(byte) << 8,
            _ => self.crc.byte(byte),
        }
        self.passed = self.passed.saturating_add(1);
        if self.passed < (RECORD as u32).saturating_add(u32::from(self.len)) || self.passed < RECORD as u32 {
            return Ok(None);
        }
        let passed =
            Passed { kind: Kind::from_byte(self.kind).ok_or(())?, len: self.len, crc: self.crc.value() };
        *self = Self::NEW;
        Ok(Some(passed))
    }

    /// Whether it stands between two records.
    pub(super) fn between(&self) -> bool {
        self.passed == 0
    }
}
