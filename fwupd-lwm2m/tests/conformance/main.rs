//! The behaviour of Object 5, row by row, over encoded CoAP alone.

mod deferred;
mod downloaded;
mod hostile;
mod idle;
mod laws;
mod observe;
mod pull;
mod push;
mod reads;
mod registration;
mod rig;
mod server;
mod updating;
