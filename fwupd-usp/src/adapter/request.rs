//! The command that is at work: an entry of LocalAgent.Request, and the windows that it waits for.

use fwupd_core::image::SlotId;
use fwupd_core::outcome::{Ask, Run};

use crate::note::{KEY_MAX, Text};
use crate::spec::Code;
use crate::spec::model::{Command, Mode, RequestStatus, WINDOWS, arg};
use crate::wire::Node;
use crate::wire::text::{split_once, unsigned};

/// When an activation may happen: milliseconds of monotonic time, its end not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) mode: Mode,
    /// How often a user may put it off; -1: any number of times.
    pub(super) retries: i8,
}

impl Window {
    /// At once, and for ever.
    const NOW: Self = Self { start: 0, end: u64::MAX, mode: Mode::Immediately, retries: 0 };

    /// Whether nothing may be begun in it any more. In one that is no longer than an instant it may, however late
    /// that is seen, where nobody is asked.
    pub(super) fn is_over(&self, now: u64) -> bool {
        now >= self.end && (self.start < self.end || self.ask() != Ask::No)
    }

    /// Whether the application is asked.
    pub(super) fn ask(&self) -> Ask {
        match self.mode {
            Mode::AnyTime | Mode::Immediately => Ask::No,
            Mode::WhenIdle => Ask::Idle,
            Mode::ConfirmationNeeded => Ask::User,
        }
    }
}

/// The windows of a command, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Windows {
    all: [Window; WINDOWS],
    /// The place of the one that counts now, and of the end.
    now: u8,
    end: u8,
    /// How often the user has put it off in the one that counts.
    pub(super) asked: u8,
    /// Not before this, monotonic milliseconds.
    pub(super) not_before: u64,
}

/// A window as it is given: whether it is, and its members.
#[derive(Clone, Copy, Default)]
struct Given<'m> {
    is_given: bool,
    members: [Option<&'m str>; MEMBERS.len()],
}

/// The members of a window that mean something.
const MEMBERS: [&str; 4] = [arg::START, arg::END, arg::MODE, arg::MAX_RETRIES];

impl Windows {
    /// At once.
    pub(super) fn now() -> Self {
        Self { all: [Window::NOW; WINDOWS], now: 0, end: 1, asked: 0, not_before: 0 }
    }

    /// Reads the windows of an Activate() that is called at `now`, in place of "at once"; whether there are any.
    ///
    /// # Errors
    /// 7027 where a mandatory member is missing, 7004 for a value that is none, and for windows that overlap.
    pub(super) fn read(&mut self, args: &Node<'_>, number: u32, now: u64) -> Result<bool, Code> {
        let mut given = [Given::default(); WINDOWS];
        for (name, value) in args.pairs(number) {
            let numbered = name.strip_prefix(arg::TIME_WINDOW).and_then(|rest| split_once(rest, "."));
            let Some((Some(n), member)) = numbered.map(|(n, member)| (unsigned(n), member)) else { continue };
            let place = n.checked_sub(1).and_then(|place| given.get_mut(place as usize));
            let window = place.ok_or(Code::InvalidArguments)?;
            window.is_given = true;
            let members = window.members.iter_mut().zip(MEMBERS);
            members.filter(|(_, name)| *name == member).for_each(|(place, _)| *place = Some(value));
        }
        let (mut before, mut count) = (0, 0u8);
        for (given, place) in given.iter().filter(|given| given.is_given).zip(&mut self.all) {
            let [Some(start), Some(end), Some(mode), retries] = given.members else {
                return Err(Code::CommandArguments);
            };
            let seconds = |text| unsigned(text).ok_or(Code::InvalidArguments);
            let (start, end) = (seconds(start)?, seconds(end)?);
            let mode = Mode::parse(mode).ok_or(Code::InvalidArguments)?;
            if start > end || start < before {
                return Err(Code::InvalidArguments);
            }
            before = end;
            let retries = match (mode, retries) {
                (Mode::ConfirmationNeeded, Some("-1")) => -1,
                (Mode::ConfirmationNeeded, Some(text)) => {
                    unsigned(text).filter(|n| *n <= 10).ok_or(Code::InvalidArguments)? as i8
                }
                (_, _) => 0,
            };
            let at = |seconds: u32| now.saturating_add(u64::from(seconds) * 1000);
            *place = Window { start: at(start), end: at(end), mode, retries };
            count = count.saturating_add(1);
        }
        self.end = count.max(1);
        Ok(count > 0)
    }

    /// The window that counts now: the first that has not passed.
    pub(super) fn first(&self) -> Option<&Window> {
        if self.now < self.end { self.all.get(usize::from(self.now)) } else { None }
    }

    /// The first window is over.
    pub(super) fn next(&mut self) {
        self.now = self.now.saturating_add(1);
        self.asked = 0;
        self.not_before = 0;
    }
}

/// A command at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) number: u32,
    pub(super) command: Command,
    pub(super) slot: SlotId,
    pub(super) key: Text<KEY_MAX>,
    pub(super) status: RequestStatus,
    /// The run of the updater that it has begun.
    pub(super) run: Option<Run>,
    /// Wall time of its beginning.
    pub(super) started: Option<u64>,
    pub(super) windows: Windows,
    /// How it has ended, which is to be told.
    pub(super) end: Option<End>,
}

/// How a command has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// FaultCode of a transfer; `Success` if it was one.
    pub(super) fault: Code,
    /// Why, in words, and a status of the server's behind them.
    pub(super) why: &'static str,
    pub(super) status: Option<u16>,
    pub(super) completed: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::schema::operate::INPUT_ARGS;

    fn windows(args: &[(&str, &str)]) -> Result<Option<Windows>, Code> {
        let mut room = [0; 2048];
        let mut out = Out::new(&mut room);
        args.iter().for_each(|(key, value)| out.pair(INPUT_ARGS, key, value));
        let length = out.finish().unwrap();
        let mut windows = Windows::now();
        let any = windows.read(&Node::new(&room[..length]), INPUT_ARGS, 1_000)?;
        Ok(any.then_some(windows))
    }
    use crate::wire::Out;

    fn one(n: u32, start: &str, end: &str, mode: &str) -> Vec<(String, String)> {
        [("Start", start), ("End", end), ("Mode", mode)]
            .iter()
            .map(|(name, value)| (format!("TimeWindow.{n}.{name}"), (*value).to_owned()))
            .collect()
    }

    fn of(all: &[Vec<(String, String)>]) -> Result<usize, Code> {
        let flat: Vec<_> = all.iter().flatten().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        windows(&flat).map(|windows| windows.map_or(0, |windows| usize::from(windows.end)))
    }

    #[test]
    fn windows_are_read_in_their_order_and_may_touch() {
        assert_eq!(windows(&[]), Ok(None));
        let touching = [one(1, "0", "10", "AnyTime"), one(2, "10", "20", "Immediately")];
        assert_eq!(of(&touching), Ok(2));
        let flat: Vec<_> = touching.iter().flatten().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let mut read = windows(&flat).unwrap().unwrap();
        assert_eq!(read.first().map(|window| (window.start, window.end)), Some((1_000, 11_000)));
        read.next();
        assert_eq!(read.first().map(|window| window.mode), Some(Mode::Immediately));
        read.next();
        assert_eq!(read.first(), None);
    }

    #[test]
    fn windows_that_are_none_are_refused() {
        let refused = Err(Code::InvalidArguments);
        assert_eq!(of(&[one(1, "5", "4", "AnyTime")]), refused);
        assert_eq!(of(&[one(1, "0", "10", "AnyTime"), one(2, "9", "20", "AnyTime")]), refused);
        assert_eq!(of(&[one(1, "0", "1", "Now")]), refused);
        assert_eq!(of(&[one(1, "-1", "1", "AnyTime")]), refused);
        assert_eq!(of(&[one(6, "0", "1", "AnyTime")]), refused);
        assert_eq!(of(&[one(0, "0", "1", "AnyTime")]), refused);
        for missing in 0..3 {
            let mut all = one(1, "0", "1", "AnyTime");
            all.remove(missing);
            assert_eq!(of(&[all]), Err(Code::CommandArguments), "{missing}");
        }
        for (mode, retries, is) in [
            ("ConfirmationNeeded", "10", Ok(1)),
            ("ConfirmationNeeded", "-1", Ok(1)),
            ("ConfirmationNeeded", "11", refused),
            ("AnyTime", "11", Ok(1)),
        ] {
            let mut all = one(1, "0", "1", mode);
            all.push(("TimeWindow.1.MaxRetries".into(), retries.into()));
            assert_eq!(of(&[all]), is, "{mode} {retries}");
        }
    }
}
