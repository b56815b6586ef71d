//! The SUIT profile.
