//! The behaviour of a managed device, a row a test, over JSON that another implementation makes and reads.

mod cuts;
mod download;
mod hostile;
mod install;
mod laws;
mod managing;
mod observing;
mod requests;
mod rig;
mod writing;
