//! What must hold of a device that has come to rest after a cut.

use fwupd_core::slot::Slot;

use crate::board::{NEXT, counter_of, held, keeps_head};
use crate::life::{Ended, Life};
use crate::model::{End, Holds, Load, Order, Stage, Trial, View};

/// More operations than any recovery may take.
pub(crate) const BOUND: u64 = 400;

impl<const N: usize> Life<N>
where
    [Slot; N]: Default,
{
    /// Power comes back. Says what the device looks like at rest, and how many operations it took to get there.
    ///
    /// A bootable image exists, and the recovery ends within a bounded number of operations.
    pub(crate) fn recovers(&mut self) -> (View, u64) {
        let before = self.device.flash.total().ops();
        let ended = self.live(None);
        assert_eq!(ended, Ended::Still, "it does not come to rest");
        let took = self.device.flash.total().ops() - before;
        assert!(took <= BOUND, "the recovery takes {took} operations");
        (self.view.clone().unwrap(), took)
    }

    /// All that must hold of a device at rest, whatever was before.
    pub(crate) fn rests_well(&mut self) {
        let view = self.view.clone().unwrap();
        assert!(
            matches!(view.stage, Stage::Rest | Stage::Staged { wanted: false, .. }),
            "it rests in {view:?}"
        );
        self.the_status_is_what_the_slots_hold(&view);
        self.a_power_cycle_changes_nothing(&view);
        self.device.flash.assert_lawful();
    }

    /// What is vouched for is whole, its head too, what is installed runs, and the counter is not above it.
    fn the_status_is_what_the_slots_hold(&self, view: &View) {
        assert_eq!(held(&self.device, view.runs), Some(view.installed), "what runs is not what is installed");
        assert!(view.counter <= counter_of(view.installed), "the counter is above what runs");
        for (slot, holds) in (0..).zip(&view.slots) {
            if let Holds::Good { image, .. } = holds {
                assert_eq!(held(&self.device, slot), Some(*image), "slot {slot} is vouched for");
                assert!(keeps_head(&self.device, slot, *image), "the head of slot {slot} is not whole");
            }
        }
    }

    /// Whoever cycles the power of a healthy device sees the same, and after one settling boot nothing is written.
    ///
    /// A word that reads differently each time may read well at first: it is settled by the boot that first reads
    /// it otherwise, whenever that is, and by that one alone.
    ///
    /// A preset is what the next boot is to do, so that it is looked at before.
    fn a_power_cycle_changes_nothing(&mut self, view: &View) {
        if view.next != view.runs {
            return;
        }
        let mut late = 0;
        for boot in 0..2 + 2 * self.unstable {
            self.device.flash.reset_counts();
            assert_eq!(self.live(None), Ended::Still);
            assert_eq!(self.view.as_ref(), Some(view), "a power cycle changes what is seen");
            let wrote = self.device.flash.total().mutating();
            if boot > 0 && wrote > 0 {
                late += 1;
                assert!(late <= self.unstable, "a healthy device writes {wrote} times");
            }
        }
        self.settled_late += usize::from(late > 0);
    }

    /// The next update is always possible.
    pub(crate) fn can_be_updated(&mut self) {
        self.trial = Trial::Passes;
        let mut view = self.view.clone().unwrap();
        if view.next != view.runs {
            assert_eq!(self.live(None), Ended::Still);
            view = self.view.clone().unwrap();
        }
        if let Stage::Staged { .. } = view.stage {
            assert_eq!(self.live(Some(&Order::Discard { keep: true })), Ended::Still);
        }
        let slot = (0..N as u8).find(|slot| *slot != view.runs).unwrap();
        let load = Load { image: NEXT, slot, activates: true, asks: false, resumes: true, pushed: false };
        assert_eq!(self.live(Some(&Order::Fetch(load))), Ended::Still);
        let next = self.view.clone().unwrap();
        assert_eq!((next.runs, next.installed, next.last), (slot, NEXT, Some(End::Done)), "{next:?}");
        assert_eq!(next.counter, counter_of(NEXT));
        self.device.flash.assert_lawful();
    }
}
