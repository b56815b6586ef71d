//! The journal against a map, with the power cut anywhere.

mod rig;
mod toy;
