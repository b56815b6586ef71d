//! The behaviour of the firmware images, row by row, over encoded Records alone.

mod activate;
mod download;
mod hostile;
mod images;
mod records;
mod rig;
