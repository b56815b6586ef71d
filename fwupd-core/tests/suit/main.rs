//! The SUIT profile, against envelopes of other tools and against bad ones that are made here with another
//! encoder (`ciborium`).
//!
//! Names that begin with `s` and a number belong to the numbered cases of the profile's conformance list.

mod authentication;
mod device;
mod framing;
mod kept;
mod maker;
mod manifest;
mod property;
mod sequences;
mod vectors;
