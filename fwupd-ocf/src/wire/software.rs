//! oic.r.softwareupdate: its representation, and what an UPDATE of it says.

use super::Out;
use super::cbor::{Malformed, Reader, Writer, once};
use super::time::Instant;
use crate::spec::{Action, PURL_MAX, Resource, State, TIME_MAX, UpdateResult, property};

/// The representation, by the default interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Software<'a> {
    /// The new version, if one is known.
    pub nv: Option<&'a str>,
    /// Where packages come from.
    pub purl: &'a str,
    /// What is scheduled.
    pub action: Action,
    /// Where the update stands.
    pub state: State,
    /// How the last action ended.
    pub result: UpdateResult,
    /// When software was last updated.
    pub lastupdate: Instant,
    /// When the action is due, or was.
    pub updatetime: Instant,
}

/// An UPDATE: all that can be written. The schema requires all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update<'a> {
    /// Where packages come from; "" for the URL that the device has built in.
    pub purl: &'a str,
    /// What to do.
    pub action: Action,
    /// When.
    pub updatetime: Instant,
}

/// Types and interfaces, in the order that clients in the field need: types first.
pub(super) fn common(resource: Resource, more: &[&str], to: &mut Writer<'_, '_>) {
    to.text(property::RT).array(more.len().saturating_add(1)).text(resource.kind());
    for kind in more {
        to.text(kind);
    }
    to.text(property::IF).texts(&resource.interfaces());
}

fn time(instant: Instant, to: &mut Writer<'_, '_>) {
    let mut room = [0; Instant::TEXT];
    let mut out = Out::new(&mut room);
    instant.emit(&mut out);
    let length = out.finish().unwrap_or(0);
    to.text(core::str::from_utf8(room.get(..length).unwrap_or_default()).unwrap_or_default());
}

fn read_time(from: &mut Reader<'_>) -> Result<Instant, Malformed> {
    let text = from.text()?;
    if text.len() > TIME_MAX { Err(Malformed) } else { Instant::parse(text).ok_or(Malformed) }
}

impl<'a> Software<'a> {
    /// Writes it; with `baseline`, the common properties as well.
    pub fn emit(&self, baseline: bool, out: &mut Out<'_>) {
        let mut to = Writer::new(out);
        let entries = 7usize.saturating_add(usize::from(self.nv.is_some()));
        to.map(entries.saturating_add(if baseline { 2 } else { 0 }));
        if baseline {
            common(Resource::Software, &[], &mut to);
        }
        if let Some(nv) = self.nv {
            to.text(property::NV).text(nv);
        }
        to.text(property::PURL).text(self.purl);
        to.text(property::ACTION).text(self.action.name());
        to.text(property::STATE).text(self.state.name());
        to.text(property::RESULT).uint(self.result.number());
        time(self.lastupdate, to.text(property::LASTUPDATE));
        to.text(property::SIGNED).text(property::VENDOR);
        time(self.updatetime, to.text(property::UPDATETIME));
    }

    /// Reads it, as a client does. What else is there is passed over; a device that tells no lastupdate was never
    /// updated.
    ///
    /// # Errors
    /// [`Malformed`], also where a property is missing that the schema requires.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(bytes);
        let (mut nv, mut purl, mut lastupdate, mut updatetime) = (None, None, None, None);
        let (mut action, mut state, mut result) = (None, None, None);
        let mut left = from.map()?;
        while from.more(&mut left)? {
            match from.text()? {
                property::NV => once(&mut nv, from.text()?)?,
                property::PURL => once(&mut purl, from.text()?)?,
                property::ACTION => once(&mut action, Action::from_name(from.text()?).ok_or(Malformed)?)?,
                property::STATE => once(&mut state, State::from_name(from.text()?).ok_or(Malformed)?)?,
                property::RESULT => {
                    once(&mut result, UpdateResult::from_number(from.uint()?).ok_or(Malformed)?)?;
                }
                property::LASTUPDATE => once(&mut lastupdate, read_time(&mut from)?)?,
                property::UPDATETIME => once(&mut updatetime, read_time(&mut from)?)?,
                _ => from.skip()?,
            }
        }
        from.end()?;
        Ok(Self {
            nv,
            purl: purl.ok_or(Malformed)?,
            action: action.ok_or(Malformed)?,
            state: state.ok_or(Malformed)?,
            result: result.ok_or(Malformed)?,
            lastupdate: lastupdate.unwrap_or(Instant::EPOCH),
            updatetime: updatetime.ok_or(Malformed)?,
        })
    }
}

impl<'a> Update<'a> {
    /// Writes it, as a client does.
    pub fn emit(&self, out: &mut Out<'_>) {
        let mut to = Writer::new(out);
        to.map(3).text(property::PURL).text(self.purl);
        to.text(property::ACTION).text(self.action.name());
        time(self.updatetime, to.text(property::UPDATETIME));
    }

    /// Reads it. What is vendor-defined is passed over.
    ///
    /// # Errors
    /// [`Malformed`]: a property is missing, there twice, read-only or unknown, or has a value that it cannot have.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(bytes);
        let (mut purl, mut action, mut updatetime) = (None, None, None);
        let mut left = from.map()?;
        while from.more(&mut left)? {
            match from.text()? {
                property::PURL => once(&mut purl, from.text()?)?,
                property::ACTION => once(&mut action, Action::from_name(from.text()?).ok_or(Malformed)?)?,
                property::UPDATETIME | property::UPDATE_TIME => {
                    once(&mut updatetime, read_time(&mut from)?)?;
                }
                key if key.starts_with(property::FOREIGN) => from.skip()?,
                _ => return Err(Malformed),
            }
        }
        from.end()?;
        Ok(Self {
            purl: purl.filter(|purl| purl.len() <= PURL_MAX).ok_or(Malformed)?,
            action: action.ok_or(Malformed)?,
            updatetime: updatetime.ok_or(Malformed)?,
        })
    }
}
