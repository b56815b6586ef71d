//! The table, looked at from several sides: all of its pairs as text, and a second machine written from the
//! prose.

mod matrix;
mod model;
mod samples;
mod walk;
