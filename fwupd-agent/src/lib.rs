//! The reference device as a library.
