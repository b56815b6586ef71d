//! Paths of one to four numbers.

use crate::spec;

/// An object, its instance, a resource, its instance: as many of them as are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Path {
    ids: [u16; 4],
    len: u8,
}

impl Path {
    /// The path of these segments; `None` where there is no such thing.
    pub(super) fn parse<'m>(segments: impl Iterator<Item = &'m str>) -> Option<Self> {
        let mut path = Self { ids: [0; 4], len: 0 };
        for segment in segments {
            let id = number(segment)?;
            *path.ids.get_mut(usize::from(path.len))? = id;
            path.len = path.len.saturating_add(1);
        }
        Some(path).filter(|path| path.len > 0)
    }

    pub(super) const fn resource(object: u16, resource: u16) -> Self {
        Self { ids: [object, spec::INSTANCE, resource, 0], len: 3 }
    }

    /// Whether it is this path, or one below.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.ids().starts_with(other.ids())
    }

    /// The numbers that it names.
    pub(super) fn ids(&self) -> &[u16] {
        self.ids.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// Digits without leading zeros; 65535 is reserved (Core 7.2).
fn number(text: &str) -> Option<u16> {
    if text.len() > 1 && text.starts_with('0') {
        return None;
    }
    let number = crate::wire::text::unsigned(text.as_bytes())?;
    u16::try_from(number).ok().filter(|number| *number != u16::MAX)
}
