//! The journal against a map, with the power cut anywhere.

mod faults;
mod flicker;
mod rig;
mod toy;
