//! LocalAgent.Subscription: who is told what.

use super::path::{Path, Tail, covers};
use super::view::View;
use crate::note::Text;
use crate::spec::Code;
use crate::spec::model::{NotifType, Object, Param};
use crate::spec::schema::setting;
use crate::wire::text::split;
use crate::wire::{Node, Out};

/// How many subscriptions there can be.
pub(super) const PLACES: usize = 8;
/// Longest ID, bytes. TR-181, Subscription.{i}.ID.
const ID_MAX: usize = 64;
/// Longest list of references, bytes: one of its longest (TR-181, ReferenceList).
const REFERENCES_MAX: usize = 256;

/// Most bytes that an agent has saved: the subscriptions, each with its number, its lengths and flags, and the next
/// number.
pub const SAVED_MAX: usize = PLACES * (ID_MAX + REFERENCES_MAX + 18) + 6;

/// A subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subscription {
    pub(super) number: u32,
    pub(super) enable: bool,
    pub(super) persistent: bool,
    pub(super) kind: NotifType,
    pub(super) id: Text<ID_MAX>,
    pub(super) references: Text<REFERENCES_MAX>,
}

/// All subscriptions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subscriptions {
    all: [Option<Subscription>; PLACES],
    /// The instance number of the next one.
    pub(super) next: u32,
    /// Whether what outlives a reset has changed since it was saved.
    pub(super) unsaved: bool,
    /// The places of those that are being deleted, a bit each: they are seen no more, and could come back.
    gone: u32,
}

/// Field numbers of what is saved.
mod saved {
    pub(super) const SUBSCRIPTION: u32 = 1;
    pub(super) const NEXT: u32 = 2;
    pub(super) const NUMBER: u32 = 1;
    pub(super) const ENABLE: u32 = 2;
    pub(super) const KIND: u32 = 3;
    pub(super) const ID: u32 = 4;
    pub(super) const REFERENCES: u32 = 5;
}

/// What one setting of a new subscription comes to.
pub(super) type Bad<'m> = (&'m str, Code, bool);

impl Subscriptions {
    pub(super) fn places(&self) -> usize {
        self.all.len()
    }

    pub(super) fn at(&self, place: usize) -> Option<&Subscription> {
        self.all.get(place).and_then(Option::as_ref).filter(|_| self.gone >> place & 1 == 0)
    }

    pub(super) fn get(&self, number: u32) -> Option<&Subscription> {
        (0..self.places()).filter_map(|place| self.at(place)).find(|one| one.number == number)
    }

    /// Enables or disables those at these places, a bit each.
    pub(super) fn enable(&mut self, places: u32, on: bool) {
        for (place, one) in self.all.iter_mut().enumerate() {
            if let Some(one) = one.as_mut().filter(|one| places >> place & 1 != 0 && one.enable != on) {
                one.enable = on;
                self.unsaved |= one.persistent;
            }
        }
    }

    /// Begins to delete one.
    pub(super) fn remove(&mut self, number: u32) {
        for (place, one) in self.all.iter().enumerate() {
            self.gone |= u32::from(one.as_ref().is_some_and(|one| one.number == number)) << place;
        }
    }

    /// Those that are being deleted are deleted, or come back.
    pub(super) fn removed(&mut self, for_good: bool) {
        let gone = core::mem::take(&mut self.gone);
        for (place, one) in self.all.iter_mut().enumerate() {
            if let Some(one) = one.take_if(|_| for_good && gone >> place & 1 != 0) {
                self.unsaved |= one.persistent;
            }
        }
    }

    /// Adds one; its instance number.
    pub(super) fn add(&mut self, new: &Subscription) -> Result<u32, Code> {
        if self.all.iter().flatten().any(|one| one.id == new.id) {
            return Err(Code::Duplicate);
        }
        let place = self.all.iter_mut().find(|place| place.is_none()).ok_or(Code::Resources)?;
        let number = self.next;
        self.next = self.next.saturating_add(1);
        place.insert(*new).number = number;
        self.unsaved |= new.persistent;
        Ok(number)
    }

    /// Takes back what `add` has added since [`next`](Self::next) and `unsaved` were these.
    pub(super) fn take_back(&mut self, next: u32, unsaved: bool) {
        for place in &mut self.all {
            place.take_if(|one| one.number >= next);
        }
        (self.next, self.unsaved) = (next, unsaved);
    }

    /// Which places are to be told of something of this kind on this path, a bit each.
    pub(super) fn mask(&self, kind: NotifType, path: &str) -> u8 {
        let mut mask = 0;
        for (place, one) in self.all.iter().enumerate() {
            let wants = |one: &Subscription| {
                one.enable && one.kind == kind && list(one.references.as_str()).any(|r| covers(r, path))
            };
            if one.as_ref().is_some_and(wants) {
                mask |= 1u8.checked_shl(place as u32).unwrap_or(0);
            }
        }
        mask
    }

    /// Writes what outlives a reset.
    pub(super) fn save(&self, out: &mut Out<'_>) {
        for one in self.all.iter().flatten().filter(|one| one.persistent) {
            let mark = out.open(saved::SUBSCRIPTION);
            out.number(saved::NUMBER, one.number);
            out.flag(saved::ENABLE, one.enable);
            out.number(saved::KIND, one.kind as u32);
            out.text(saved::ID, one.id.as_str());
            out.text(saved::REFERENCES, one.references.as_str());
            out.close(mark);
        }
        out.number(saved::NEXT, self.next);
    }

    /// Reads that back; what is none is left out.
    pub(super) fn restore(bytes: &[u8]) -> Self {
        let all = Node::new(bytes);
        let next = all.number(saved::NEXT).max(1);
        let mut read = Self { all: [None; PLACES], next, unsaved: false, gone: 0 };
        for (place, node) in read.all.iter_mut().zip(all.nodes(saved::SUBSCRIPTION)) {
            let one = place.insert(Subscription::EMPTY);
            if one.restore(&node).is_none() {
                *place = None;
            }
        }
        read
    }
}

/// The members of a comma-separated list.
fn list(text: &str) -> impl Iterator<Item = &str> {
    split(text, ",").map(str::trim_ascii)
}

impl Subscription {
    pub(super) const EMPTY: Self = Self {
        number: 0,
        enable: false,
        persistent: false,
        kind: NotifType::ValueChange,
        id: Text::EMPTY,
        references: Text::EMPTY,
    };

    /// Becomes what was saved; `None` if that is none.
    fn restore(&mut self, saved: &Node<'_>) -> Option<()> {
        self.number = saved.number(saved::NUMBER);
        self.enable = saved.flag(saved::ENABLE);
        self.persistent = true;
        self.kind = *NotifType::ALL.get(saved.number(saved::KIND) as usize)?;
        self.id.set(saved.text(saved::ID))?;
        self.references.set(saved.text(saved::REFERENCES))
    }

    /// Takes the settings of an Add. What is wrong with each of them is told to `bad`.
    ///
    /// # Errors
    /// A required one is wrong.
    pub(super) fn read<'m>(
        &mut self,
        settings: impl Iterator<Item = Node<'m>>,
        view: &View<'_>,
        bad: &mut dyn FnMut(Bad<'m>),
    ) -> Result<(), Code> {
        let mut failed = false;
        for node in settings {
            let (name, value) = (node.text(setting::PARAM), node.text(setting::VALUE));
            if let Err(code) = self.set(name, value, view) {
                let required = node.flag(setting::REQUIRED);
                failed |= required;
                bad((name, code, required));
            }
        }
        if failed { Err(Code::RequiredFailed) } else { Ok(()) }
    }

    fn set(&mut self, name: &str, value: &str, view: &View<'_>) -> Result<(), Code> {
        let param = Object::Subscription.param(name).ok_or(Code::UnsupportedParam)?;
        let boolean = || super::boolean(value).ok_or(Code::InvalidType);
        if param == Param::Enable {
            self.enable = boolean()?;
        } else if param == Param::Persistent {
            self.persistent = boolean()?;
        } else if param == Param::Id {
            let id = Some(value).filter(|id| !id.is_empty()).ok_or(Code::InvalidValue)?;
            self.id.set(id).ok_or(Code::InvalidValue)?;
        } else if param == Param::NotifType {
            self.kind = NotifType::parse(value).ok_or(Code::InvalidValue)?;
        } else if param == Param::ReferenceList {
            let known = |path: &str| -> Result<(), Code> {
                let path: Path<'_> = view.path(path).map_err(|_| Code::InvalidValue)?;
                let expression = matches!(path.rows, super::path::Rows::Where(_));
                // Whether the kind of notification fits the path is for the controller to know.
                let fits =
                    matches!(path.tail, Tail::Object | Tail::Param(_) | Tail::Command(_) | Tail::Event(_));
                if expression || !fits { Err(Code::InvalidValue) } else { Ok(()) }
            };
            list(value).try_for_each(known)?;
            self.references.set(value).ok_or(Code::Resources)?;
        } else {
            return Err(Code::NotWritable);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_there_can_be_as_long_as_they_can_be_come_back() {
        let mut all = Subscriptions::restore(&[]);
        all.next = u32::MAX - PLACES as u32;
        for place in 0..PLACES {
            let mut new = Subscription { enable: true, persistent: true, ..Subscription::EMPTY };
            new.kind = *NotifType::ALL.last().unwrap();
            new.id = Text::new(&format!("{place}{}", "i".repeat(ID_MAX - 1))).unwrap();
            new.references = Text::new(&"r".repeat(REFERENCES_MAX)).unwrap();
            all.add(&new).unwrap();
        }
        let mut room = [0; SAVED_MAX];
        let mut out = Out::new(&mut room);
        all.save(&mut out);
        assert_eq!(out.finish(), Ok(SAVED_MAX));
        let read = Subscriptions::restore(&room);
        assert_eq!((read.all, read.next), (all.all, all.next));
    }
}
