//! oic.r.pstat: its representation, and what an UPDATE of it says about software.

use super::Out;
use super::cbor::{Malformed, Reader, Writer, once};
use super::software::common;
use crate::spec::{RFNOP, Resource, property};

/// What the resource says that the security of the device decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owned<'a> {
    /// rowneruuid.
    pub owner: &'a str,
    /// Bits of cm beside those of software.
    pub cm: u8,
    /// om.
    pub om: u8,
    /// sm.
    pub sm: u8,
}

/// Writes the representation of an owned device in normal operation. tm is 0: what it asks for is taken at once.
pub fn emit(owned: &Owned<'_>, cm: u16, baseline: bool, out: &mut Out<'_>) {
    let mut to = Writer::new(out);
    to.map(if baseline { 9 } else { 7 });
    if baseline {
        common(Resource::Pstat, &[], &mut to);
    }
    to.text(property::DOS).map(2).text(property::P).bool(false).text(property::S).uint(RFNOP);
    to.text(property::ISOP).bool(true);
    to.text(property::CM).uint(cm);
    to.text(property::TM).uint(0);
    to.text(property::OM).uint(u16::from(owned.om));
    to.text(property::SM).uint(u16::from(owned.sm));
    to.text(property::ROWNERUUID).text(owned.owner);
}

/// Reads cm and tm, as a client does.
///
/// # Errors
/// [`Malformed`], also where one is missing.
pub fn parse(bytes: &[u8]) -> Result<(u16, u16), Malformed> {
    let mut from = Reader::new(bytes);
    let (mut cm, mut tm) = (None, None);
    let mut left = from.map()?;
    while from.more(&mut left)? {
        match from.text()? {
            property::CM => once(&mut cm, from.uint()?)?,
            property::TM => once(&mut tm, from.uint()?)?,
            _ => from.skip()?,
        }
    }
    from.end()?;
    Ok((cm.ok_or(Malformed)?, tm.ok_or(Malformed)?))
}

/// Writes an UPDATE of tm, as a client does.
pub fn emit_update(tm: u16, out: &mut Out<'_>) {
    Writer::new(out).map(1).text(property::TM).uint(tm);
}

/// Reads the tm of an UPDATE. What else can be written belongs to the security of the device.
///
/// # Errors
/// [`Malformed`]: there is no tm, or anything beside it that is not vendor-defined.
pub fn parse_update(bytes: &[u8]) -> Result<u16, Malformed> {
    let mut from = Reader::new(bytes);
    let mut tm = None;
    let mut left = from.map()?;
    while from.more(&mut left)? {
        match from.text()? {
            property::TM => once(&mut tm, from.uint()?)?,
            key if key.starts_with(property::FOREIGN) => from.skip()?,
            _ => return Err(Malformed),
        }
    }
    from.end()?;
    tm.ok_or(Malformed)
}
