//! The table, looked at from several sides; the first is all of its pairs as text.

mod matrix;
mod samples;
