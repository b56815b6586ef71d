//! Items of a record.

use minicbor::encode::write::Cursor;

use super::Bytes;
use crate::image::{SlotId, Version};
use crate::outcome::{Initiator, Run};
use crate::slot::Log;

pub(super) type Enc<'a> = minicbor::Encoder<Cursor<&'a mut [u8]>>;
pub(super) type Dec<'a> = minicbor::Decoder<'a>;

/// Something that a record holds.
pub(crate) trait Stored: Sized {
    /// Writes it; `None` if it does not fit.
    fn put(&self, e: &mut Enc<'_>) -> Option<()>;
    /// Reads it; `None` if that is not what is there.
    fn take(d: &mut Dec<'_>) -> Option<Self>;
}

macro_rules! stored_struct {
    ($name:ident { $($field:ident),* }) => {
        impl Stored for $name {
            fn put(&self, e: &mut Enc<'_>) -> Option<()> {
                $(self.$field.put(e)?;)*
                Some(())
            }

            fn take(d: &mut Dec<'_>) -> Option<Self> {
                $(let $field = Stored::take(d)?;)*
                Some(Self { $($field),* })
            }
        }
    };
}

macro_rules! stored_enum {
    (@unknown) => { None };
    (@unknown $variant:ident) => { Some(Self::$variant) };
    ($name:ident {
        $($n:literal: $variant:ident $(($($item:ident),*))? $({ $($field:ident),* })?),*
        $(, _: $unknown:ident)? $(,)?
    }) => {
        impl Stored for $name {
            fn put(&self, e: &mut Enc<'_>) -> Option<()> {
                match self {
                    $(Self::$variant $(($($item),*))? $({ $($field),* })? => {
                        $crate::record::codec::put_number($n, e)?;
                        $($($item.put(e)?;)*)?
                        $($($field.put(e)?;)*)?
                    })*
                }
                Some(())
            }

            fn take(d: &mut Dec<'_>) -> Option<Self> {
                match $crate::record::codec::take_number(d)? {
                    $($n => {
                        $($(let $item = Stored::take(d)?;)*)?
                        $($(let $field = Stored::take(d)?;)*)?
                        Some(Self::$variant $(($($item),*))? $({ $($field),* })?)
                    })*
                    _ => stored_enum!(@unknown $($unknown)?),
                }
            }
        }
    };
}

macro_rules! stored_number {
    ($($type:ty),*) => {
        $(impl Stored for $type {
            fn put(&self, e: &mut Enc<'_>) -> Option<()> {
                put_number(u64::from(*self), e)
            }

            fn take(d: &mut Dec<'_>) -> Option<Self> {
                take_number(d)?.try_into().ok()
            }
        })*
    };
}

pub(super) use {stored_enum, stored_struct};

stored_number!(u8, u16, u32, u64);

// One function each, called from everywhere, is small; so is one width for all numbers.
#[inline(never)]
pub(super) fn put_number(number: u64, e: &mut Enc<'_>) -> Option<()> {
    e.u64(number).ok().map(|_| ())
}

#[inline(never)]
pub(super) fn take_number(d: &mut Dec<'_>) -> Option<u64> {
    d.u64().ok()
}

impl Stored for bool {
    fn put(&self, e: &mut Enc<'_>) -> Option<()> {
        e.bool(*self).ok().map(|_| ())
    }

    fn take(d: &mut Dec<'_>) -> Option<Self> {
        d.bool().ok()
    }
}

macro_rules! stored_newtype {
    ($($type:ident),*) => {
        $(impl Stored for $type {
            fn put(&self, e: &mut Enc<'_>) -> Option<()> {
                self.0.put(e)
            }

            fn take(d: &mut Dec<'_>) -> Option<Self> {
                Stored::take(d).map(Self)
            }
        })*
    };
}

stored_newtype!(Run, Initiator, SlotId);

impl<T: Stored> Stored for Option<T> {
    fn put(&self, e: &mut Enc<'_>) -> Option<()> {
        self.is_some().put(e)?;
        self.iter().try_for_each(|some| some.put(e))
    }

    fn take(d: &mut Dec<'_>) -> Option<Self> {
        Some(if bool::take(d)? { Some(T::take(d)?) } else { None })
    }
}

impl Stored for [u8; 32] {
    fn put(&self, e: &mut Enc<'_>) -> Option<()> {
        e.bytes(self).ok().map(|_| ())
    }

    fn take(d: &mut Dec<'_>) -> Option<Self> {
        d.bytes().ok()?.try_into().ok()
    }
}

impl<const N: usize> Stored for Bytes<N> {
    fn put(&self, e: &mut Enc<'_>) -> Option<()> {
        e.bytes(self.as_slice()).ok().map(|_| ())
    }

    fn take(d: &mut Dec<'_>) -> Option<Self> {
        Self::new(d.bytes().ok()?)
    }
}

impl Stored for Log {
    fn put(&self, e: &mut Enc<'_>) -> Option<()> {
        e.bytes(self.as_bytes()).ok().map(|_| ())
    }

    fn take(d: &mut Dec<'_>) -> Option<Self> {
        let bytes = d.bytes().ok()?;
        (bytes.len() <= Self::MAX).then(|| Self::new(bytes))
    }
}

impl Stored for Version {
    fn put(&self, e: &mut Enc<'_>) -> Option<()> {
        e.str(self.as_str()).ok().map(|_| ())
    }

    fn take(d: &mut Dec<'_>) -> Option<Self> {
        Self::new(d.str().ok()?)
    }
}
