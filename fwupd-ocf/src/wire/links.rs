//! oic.wk.res: the links of a device.

use super::Out;
use super::cbor::{Malformed, Reader, Writer, once};
use super::device::Identity;
use super::software::common;
use crate::spec::{ANCHOR, Resource, property};

/// Writes the links to these resources, at these endpoints.
///
/// The order of a link's properties is one that clients in the field depend on: some take every array of texts for
/// the interfaces, and read the device's identifier from the anchor that they have seen so far.
pub fn emit(
    resources: impl Iterator<Item = Resource> + Clone,
    identity: &Identity<'_>,
    endpoints: &[&str],
    baseline: bool,
    out: &mut Out<'_>,
) {
    let mut to = Writer::new(out);
    if baseline {
        to.array(1).map(3);
        common(Resource::Discovery, &[], &mut to);
        to.text(property::LINKS);
    }
    to.array(resources.clone().count());
    for resource in resources {
        to.map(6).text(property::ANCHOR);
        anchor(identity.di, &mut to);
        to.text(property::HREF).text(resource.href());
        match resource {
            Resource::Device => common(resource, &[identity.kind], &mut to),
            Resource::Discovery | Resource::Platform => common(resource, &[], &mut to),
            Resource::Software | Resource::Pstat => common(resource, &[], &mut to),
        }
        to.text(property::P).map(1).text(property::BM).uint(resource.policy());
        to.text(property::EPS).array(endpoints.len());
        for endpoint in endpoints {
            to.map(1).text(property::EP).text(endpoint);
        }
    }
}

fn anchor(di: &str, to: &mut Writer<'_, '_>) {
    // A UUID has 36 characters.
    let mut room = [0; 64];
    let mut out = Out::new(&mut room);
    out.put(ANCHOR.as_bytes());
    out.put(di.as_bytes());
    let length = out.finish().unwrap_or(0);
    to.text(core::str::from_utf8(room.get(..length).unwrap_or_default()).unwrap_or_default());
}

/// A link, as a client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link<'a> {
    /// The device's identifier.
    pub di: Option<&'a str>,
    /// Where the resource is.
    pub href: &'a str,
    /// Its first type.
    pub kind: &'a str,
    /// Its first endpoint.
    pub endpoint: Option<&'a str>,
}

/// Reads the links of the default interface, as a client does: each is told to `see`.
///
/// # Errors
/// [`Malformed`], also where a link names no resource. Some links may have been told by then.
pub fn parse<'a>(bytes: &'a [u8], mut see: impl FnMut(Link<'a>)) -> Result<(), Malformed> {
    let mut from = Reader::new(bytes);
    let mut links = from.array()?;
    while from.more(&mut links)? {
        let (mut di, mut href, mut kind, mut endpoint) = (None, None, None, None);
        let mut left = from.map()?;
        while from.more(&mut left)? {
            match from.text()? {
                property::ANCHOR => {
                    let anchor = from.text()?;
                    once(&mut di, anchor.strip_prefix(ANCHOR).ok_or(Malformed)?)?;
                }
                property::HREF => once(&mut href, from.text()?)?,
                property::RT => {
                    let mut kinds = from.array()?;
                    while from.more(&mut kinds)? {
                        let text = from.text()?;
                        kind = kind.or(Some(text));
                    }
                }
                property::EPS => {
                    let mut endpoints = from.array()?;
                    while from.more(&mut endpoints)? {
                        let mut entries = from.map()?;
                        while from.more(&mut entries)? {
                            match from.text()? {
                                property::EP => endpoint = endpoint.or(Some(from.text()?)),
                                _ => from.skip()?,
                            }
                        }
                    }
                }
                _ => from.skip()?,
            }
        }
        see(Link { di, href: href.ok_or(Malformed)?, kind: kind.ok_or(Malformed)?, endpoint });
    }
    from.end()
}
