//! Values of resources: how they are shown in each content format, and how written ones are read.

use fwupd_core::image::Version;

use crate::wire::tlv::{self, Head, Integer, Kind};
use crate::wire::{Out, text};

/// The value of a resource that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'v> {
    /// A string.
    Text(&'v str),
    /// A number.
    Integer(u32),
    /// Seconds since 1970-01-01 UTC.
    Time(u64),
    /// A multiple resource: a number for each bit that is set, lowest first, its instances counted from 0.
    Flags(u8),
    /// A multiple resource with one instance, 0, which is a number.
    One(u8),
}

impl Value<'_> {
    /// Whether it is more than an empty string.
    pub fn is_some(&self) -> bool {
        *self != Value::Text("")
    }

    /// Number of instances of a multiple resource.
    pub fn instances(&self) -> Option<u16> {
        match self {
            Self::Text(_) | Self::Integer(_) | Self::Time(_) => None,
            Self::Flags(flags) => Some(flags.count_ones() as u16),
            Self::One(_) => Some(1),
        }
    }

    /// One instance of a multiple resource.
    pub fn instance(&self, id: u16) -> Option<Value<'static>> {
        match *self {
            Self::Text(_) | Self::Integer(_) | Self::Time(_) => None,
            Self::Flags(flags) => {
                let mut set = (0..8u32).filter(|bit| flags & (1 << bit) != 0);
                set.nth(usize::from(id)).map(Value::Integer)
            }
            Self::One(number) => (id == 0).then_some(Value::Integer(u32::from(number))),
        }
    }

    /// As plain text; false, and nothing written, for a multiple resource.
    pub fn text(&self, out: &mut Out<'_>) -> bool {
        match *self {
            Self::Text(text) => out.put(text.as_bytes()),
            Self::Integer(number) => out.decimal(number),
            Self::Time(seconds) => out.put(Version::decimal(seconds).as_str().as_bytes()),
            Self::Flags(_) | Self::One(_) => return false,
        }
        true
    }

    /// As a TLV entry.
    pub fn tlv(&self, kind: Kind, id: u16, out: &mut Out<'_>) {
        match *self {
            Self::Text(text) => tlv::put(out, kind, id, text.as_bytes()),
            Self::Integer(number) => tlv::put(out, kind, id, Integer::new(u64::from(number)).as_bytes()),
            Self::Time(seconds) => tlv::put(out, kind, id, Integer::new(seconds).as_bytes()),
            Self::Flags(_) | Self::One(_) => {
                let instances = self.instances().unwrap_or(0);
                // An instance is a byte of type, one of identifier and one of value.
                Head { kind: Kind::MultipleResource, id, len: u32::from(instances).saturating_mul(3) }
                    .emit(out);
                for n in 0..instances {
                    if let Some(value) = self.instance(n) {
                        value.tlv(Kind::ResourceInstance, n, out);
                    }
                }
            }
        }
    }
}

/// The value of a resource that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'v> {
    /// Plain text: a number in digits, a string for itself. What is opaque has been decoded before.
    Text(&'v [u8]),
    /// The value of a TLV entry, or bytes that came as they are.
    Binary(&'v [u8]),
}

impl<'v> Input<'v> {
    /// Its bytes.
    pub fn bytes(self) -> &'v [u8] {
        match self {
            Self::Text(bytes) | Self::Binary(bytes) => bytes,
        }
    }

    /// As a string.
    pub fn text(self) -> Option<&'v str> {
        core::str::from_utf8(self.bytes()).ok()
    }

    /// As a number that is not negative. `signed`: the type of the resource is Integer, and not Unsigned
    /// Integer.
    pub fn unsigned(self, signed: bool) -> Option<u32> {
        match self {
            Self::Text(text) => text::unsigned(text),
            Self::Binary(bytes) => tlv::unsigned(bytes, signed),
        }
    }
}
