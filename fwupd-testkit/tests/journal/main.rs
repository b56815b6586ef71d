//! The journal against a map, with the power cut anywhere.

mod decay;
mod faults;
mod flicker;
mod format_v1;
mod random;
mod rig;
mod toy;
