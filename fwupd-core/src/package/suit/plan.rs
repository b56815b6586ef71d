//! The plan compiler: runs the command sequences of a manifest (draft-ietf-suit-manifest-37, sections 6.4 and
//! 8.4.6) to their end before any byte of the payload is there.
//!
//! It can, because every condition but image-match is a constant of the device; image-match is what the
//! streaming of the payload proves. What is left is one image and its URI. Unknown means refused: a command,
//! a parameter or an element of the manifest that is not in the profile, also where it would not be reached.

use core::fmt::Write;

use super::auth::digest;
use super::cbor::Cursor;
use super::{Checked, refuse, spec};
use crate::image::{Image, Version};
use crate::package::{Identity, Rejected, Stage};

const MALFORMED: &Rejected = &Rejected { stage: Stage::Manifest, reason: "malformed manifest" };
const MALFORMED_COMMON: &Rejected = &Rejected { stage: Stage::Manifest, reason: "malformed common" };
const MALFORMED_SEQUENCE: &Rejected = &Rejected { stage: Stage::Manifest, reason: "malformed sequence" };
const MALFORMED_DIGEST: &Rejected = &Rejected { stage: Stage::Manifest, reason: "malformed digest" };
const MALFORMED_VERSION: &Rejected = &Rejected { stage: Stage::Manifest, reason: "malformed version" };

/// What a manifest asks for.
pub(super) struct Plan<'a> {
    pub(super) image: Image,
    pub(super) uri: &'a str,
}

/// Compiles a manifest whose digest has been checked, for the one component that the device has.
pub(super) fn compile<'a>(manifest: &'a [u8], component: &[u8], me: &Identity) -> Checked<Plan<'a>> {
    let elements = Elements::parse(manifest)?;
    if elements.sequence < me.sequence {
        return refuse!(Rollback, "lower sequence number");
    }
    let (Some(install), Some(validate)) = (elements.install, elements.validate) else {
        return refuse!(Plan, "no install or validate");
    };
    let shared = shared_sequence(elements.common, component)?;
    let invoke = elements.invoke.map(|invoke| (&INVOKE, invoke));
    let own = [Some((&INSTALL, install)), Some((&VALIDATE, validate)), invoke];
    for (rules, sequence) in [Some((&SHARED, shared))].into_iter().chain(own).flatten() {
        Run::new(Pass::Form, me).walk(rules, sequence)?;
    }
    let mut plan = refuse!(Plan, "fetch without URI, digest or size");
    // The shared sequence runs before every other (section 8.4.5), each time from cleared parameters.
    for (rules, sequence) in own.into_iter().flatten() {
        let mut run = Run::new(Pass::Act, me);
        run.walk(&SHARED, shared)?;
        run.walk(rules, sequence)?;
        if let (Some(uri), Some(&digest), Some(size)) = (run.fetched, run.digest, run.size) {
            let (sequence, version) = (elements.sequence, elements.version);
            plan = Ok(Plan { image: Image { digest, size, sequence, version }, uri });
        }
    }
    plan
}

/// The elements of a manifest, their own form not checked yet.
struct Elements<'a> {
    sequence: u64,
    version: Version,
    common: &'a [u8],
    validate: Option<&'a [u8]>,
    invoke: Option<&'a [u8]>,
    install: Option<&'a [u8]>,
}

impl<'a> Elements<'a> {
    fn parse(manifest: &'a [u8]) -> Checked<Self> {
        let mut items = Cursor::new(manifest, MALFORMED);
        let (mut format, mut sequence, mut common, mut version) = (None, None, None, None);
        let (mut validate, mut invoke, mut install) = (None, None, None);
        let mut least = 0;
        for _ in 0..items.map()? {
            match items.key(&mut least)? {
                spec::manifest::MANIFEST_VERSION => format = Some(items.uint()?),
                spec::manifest::SEQUENCE_NUMBER => sequence = Some(items.uint()?),
                spec::manifest::COMMON => common = Some(items.bytes()?),
                spec::manifest::SET_VERSION => version = Some(set_version(items.bytes()?)?),
                spec::manifest::VALIDATE => validate = Some(items.bytes()?),
                spec::manifest::INVOKE => invoke = Some(items.bytes()?),
                spec::manifest::INSTALL => install = Some(items.bytes()?),
                _ => return refuse!(Manifest, "unknown element"),
            }
        }
        items.end()?;
        if format != Some(spec::manifest::VERSION) {
            return refuse!(Manifest, "manifest version");
        }
        let (Some(sequence), Some(common)) = (sequence, common) else {
            return refuse!(Manifest, "no sequence number or common");
        };
        let version = version.unwrap_or_else(|| Version::decimal(sequence));
        Ok(Self { sequence, version, common, validate, invoke, install })
    }
}

/// A version as text: parts joined by dots, and a pre-release mark behind a hyphen, "2.0-rc.1".
fn set_version(bytes: &[u8]) -> Checked<Version> {
    let mut items = Cursor::new(bytes, MALFORMED_VERSION);
    let mut version = Version::default();
    let mut separator = "";
    let mut marked = false;
    let parts = items.array()?;
    if !(1..=spec::limit::VERSION).contains(&parts) {
        return Err(items.bad());
    }
    for _ in 0..parts {
        let part = items.int()?;
        let mark = match part {
            spec::prerelease::CANDIDATE => "-rc",
            spec::prerelease::BETA => "-beta",
            spec::prerelease::ALPHA => "-alpha",
            _ => "",
        };
        let written = match u64::try_from(part) {
            Ok(number) => version
                .write_str(separator)
                .and_then(|()| version.write_str(Version::decimal(number).as_str())),
            // A mark stands behind a number, once.
            Err(_) if mark.is_empty() || marked || separator.is_empty() => return Err(items.bad()),
            Err(_) => {
                marked = true;
                version.write_str(mark)
            }
        };
        if written.is_err() {
            return refuse!(Manifest, "version too long");
        }
        separator = ".";
    }
    items.end()?;
    Ok(version)
}

/// The shared sequence out of suit-common, which must name our component and no other.
fn shared_sequence<'a>(common: &'a [u8], component: &[u8]) -> Checked<&'a [u8]> {
    let mut items = Cursor::new(common, MALFORMED_COMMON);
    let mut least = 0;
    let pairs = items.map()?;
    if pairs != 2 || items.key(&mut least)? != spec::common::COMPONENTS {
        return Err(items.bad());
    }
    // A list of component identifiers, each of them a list of byte strings.
    if items.array()? != 1 || items.array()? != 1 || items.bytes()? != component {
        return refuse!(Plan, "components");
    }
    if items.key(&mut least)? != spec::common::SHARED_SEQUENCE {
        return Err(items.bad());
    }
    let shared = items.bytes()?;
    items.end()?;
    Ok(shared)
}

/// What a sequence may say, and what it must have done.
struct Rules {
    /// A bit for each command.
    commands: u32,
    /// A bit for each parameter.
    parameters: u32,
    /// Bits of [`Run::done`] that must be set when it has run.
    result: u8,
    /// The verdict if they are not.
    lacks: &'static Rejected,
}

const VENDOR_CHECKED: u8 = 1;
const CLASS_CHECKED: u8 = 2;
const FETCHED: u8 = 4;
const MATCHED: u8 = 8;
const INVOKED: u8 = 16;

/// Commands that may stand anywhere.
const ANYWHERE: u32 =
    1 << spec::command::VENDOR | 1 << spec::command::CLASS | 1 << spec::command::SET_COMPONENT_INDEX;

static SHARED: Rules = Rules {
    commands: ANYWHERE | 1 << spec::command::OVERRIDE_PARAMETERS,
    parameters: 1 << spec::parameter::VENDOR
        | 1 << spec::parameter::CLASS
        | 1 << spec::parameter::IMAGE_DIGEST
        | 1 << spec::parameter::IMAGE_SIZE,
    result: VENDOR_CHECKED | CLASS_CHECKED,
    lacks: &Rejected { stage: Stage::Plan, reason: "identity not checked" },
};

static INSTALL: Rules = Rules {
    commands: ANYWHERE
        | 1 << spec::command::IMAGE_MATCH
        | 1 << spec::command::OVERRIDE_PARAMETERS
        | 1 << spec::command::FETCH,
    parameters: 1 << spec::parameter::URI,
    result: FETCHED,
    lacks: &Rejected { stage: Stage::Plan, reason: "no fetch" },
};

static VALIDATE: Rules = Rules {
    commands: ANYWHERE | 1 << spec::command::IMAGE_MATCH,
    parameters: 0,
    result: MATCHED,
    lacks: &Rejected { stage: Stage::Plan, reason: "no image match" },
};

static INVOKE: Rules = Rules {
    commands: ANYWHERE | 1 << spec::command::INVOKE,
    parameters: 0,
    result: INVOKED,
    lacks: &Rejected { stage: Stage::Plan, reason: "no invoke" },
};

/// Whether a set of numbers holds this one.
fn holds(set: u32, number: u64) -> bool {
    number < u64::from(u32::BITS) && set >> number & 1 == 1
}

/// What a walk over a sequence is for.
#[derive(Clone, Copy, PartialEq)]
enum Pass {
    /// Its form alone: conditions are not asked.
    Form,
    /// What it does.
    Act,
}

/// The run of a sequence: parameters, and what was done.
struct Run<'a, 'm> {
    pass: Pass,
    me: &'m Identity,
    vendor: Option<&'a [u8; 16]>,
    class: Option<&'a [u8; 16]>,
    digest: Option<&'a [u8; 32]>,
    size: Option<u32>,
    uri: Option<&'a str>,
    /// The URI as it was at the fetch.
    fetched: Option<&'a str>,
    done: u8,
}

impl<'a, 'm> Run<'a, 'm> {
    fn new(pass: Pass, me: &'m Identity) -> Self {
        Self {
            pass,
            me,
            vendor: None,
            class: None,
            digest: None,
            size: None,
            uri: None,
            fetched: None,
            done: 0,
        }
    }

    /// Walks over one sequence, a flat array of commands and their arguments.
    fn walk(&mut self, rules: &Rules, sequence: &'a [u8]) -> Checked<()> {
        let mut items = Cursor::new(sequence, MALFORMED_SEQUENCE);
        let count = items.array()?;
        if count == 0 {
            return Err(items.bad());
        }
        if count / 2 > spec::limit::COMMANDS {
            return refuse!(Plan, "too many commands");
        }
        // An odd count leaves an item behind.
        for _ in 0..count / 2 {
            let command = items.uint()?;
            if !holds(rules.commands, command) {
                return refuse!(Plan, "command");
            }
            match command {
                spec::command::OVERRIDE_PARAMETERS => self.override_parameters(&mut items, rules)?,
                spec::command::SET_COMPONENT_INDEX if items.uint()? != 0 => {
                    return refuse!(Plan, "component index");
                }
                spec::command::SET_COMPONENT_INDEX => {}
                _ if items.uint()? > spec::POLICY_MAX => return Err(items.bad()),
                _ if self.pass == Pass::Act => self.act(command)?,
                _ => {}
            }
        }
        items.end()?;
        if self.pass == Pass::Act && self.done & rules.result != rules.result {
            return Err(rules.lacks);
        }
        Ok(())
    }

    fn override_parameters(&mut self, items: &mut Cursor<'a>, rules: &Rules) -> Checked<()> {
        let mut least = 0;
        let count = items.map()?;
        if count == 0 {
            return Err(items.bad());
        }
        for _ in 0..count {
            let parameter = items.key(&mut least)?;
            if !holds(rules.parameters, parameter) {
                return refuse!(Plan, "parameter");
            }
            match parameter {
                spec::parameter::VENDOR => self.vendor = Some(items.exactly()?),
                spec::parameter::CLASS => self.class = Some(items.exactly()?),
                spec::parameter::IMAGE_DIGEST => {
                    self.digest = Some(digest(Cursor::new(items.bytes()?, MALFORMED_DIGEST))?);
                }
                spec::parameter::IMAGE_SIZE => match u32::try_from(items.uint()?) {
                    Ok(size @ 1..) => self.size = Some(size),
                    Ok(0) | Err(_) => return refuse!(Plan, "image size"),
                },
                _ => match items.text()? {
                    uri if (1..=spec::limit::URI).contains(&uri.len()) => self.uri = Some(uri),
                    _ => return refuse!(Plan, "length of the URI"),
                },
            }
        }
        Ok(())
    }

    fn act(&mut self, command: u64) -> Checked<()> {
        match command {
            spec::command::VENDOR => {
                same(self.vendor, &self.me.vendor)?;
                self.done |= VENDOR_CHECKED;
            }
            spec::command::CLASS => {
                same(self.class, &self.me.class)?;
                self.done |= CLASS_CHECKED;
            }
            // Left to the streaming of the payload, where it is always done. There is one digest for all
            // sequences, that of the shared one.
            spec::command::IMAGE_MATCH => self.done |= MATCHED,
            spec::command::FETCH => {
                // A match before the fetch would be one of the content that is to be replaced.
                if self.done & (FETCHED | MATCHED) != 0 {
                    return refuse!(Plan, "fetch is not first and only");
                }
                self.fetched = self.uri;
                self.done |= FETCHED;
            }
            // Left to the bootloader.
            spec::command::INVOKE => self.done |= INVOKED,
            // No sequence may hold another.
            _ => {}
        }
        Ok(())
    }
}

/// The condition on an identifier.
fn same(parameter: Option<&[u8; 16]>, own: &[u8; 16]) -> Checked<()> {
    match parameter {
        None => refuse!(Plan, "condition before its parameter"),
        Some(parameter) if parameter != own => refuse!(Identity, "another vendor or class"),
        Some(_) => Ok(()),
    }
}
