//! The table, looked at from several sides: all of its pairs as text, a second machine written from the
//! prose, what must hold whatever happens, and how it looks to those who show a state as a code.

mod laws;
mod matrix;
mod model;
mod samples;
mod shown;
mod walk;
