//! oic.wk.d and oic.wk.p: what a device says of itself.

use super::Out;
use super::cbor::Writer;
use super::software::common;
use crate::spec::{DMV, ICV, Resource, property};

/// Who a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity<'a> {
    /// Device identifier, a UUID as text.
    pub di: &'a str,
    /// Immutable identifier, a UUID as text.
    pub piid: &'a str,
    /// Platform identifier, a UUID as text.
    pub pi: &'a str,
    /// What people call it.
    pub name: &'a str,
    /// Its type, as `oic.d.light`.
    pub kind: &'a str,
    /// Its manufacturer.
    pub manufacturer: &'a str,
}

impl Identity<'_> {
    /// Writes oic.wk.d.
    pub fn emit_device(&self, baseline: bool, out: &mut Out<'_>) {
        let mut to = Writer::new(out);
        to.map(if baseline { 7 } else { 5 });
        if baseline {
            common(Resource::Device, &[self.kind], &mut to);
        }
        to.text(property::N).text(self.name);
        to.text(property::DI).text(self.di);
        to.text(property::ICV).text(ICV);
        to.text(property::DMV).text(DMV);
        to.text(property::PIID).text(self.piid);
    }

    /// Writes oic.wk.p.
    pub fn emit_platform(&self, baseline: bool, out: &mut Out<'_>) {
        let mut to = Writer::new(out);
        to.map(if baseline { 4 } else { 2 });
        if baseline {
            common(Resource::Platform, &[], &mut to);
        }
        to.text(property::PI).text(self.pi);
        to.text(property::MNMN).text(self.manufacturer);
    }
}
