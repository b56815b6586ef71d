//! The command that is at work: an entry of LocalAgent.Request, and the windows that it waits for.

use fwupd_core::image::SlotId;
use fwupd_core::outcome::{Ask, Run};

use crate::note::{KEY_MAX, Text};
use crate::spec::Code;
use crate::spec::model::{Command, Mode, RequestStatus, WINDOWS, arg};
use crate::spec::schema::entry::{KEY, VALUE};
use crate::wire::Node;

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
    count: usize,
    /// How often the user has put it off in the first of them.
    pub(super) asked: u8,
    /// Not before this, monotonic milliseconds.
    pub(super) not_before: u64,
}

impl Windows {
    pub(super) const NOW: Self = Self { all: [Window::NOW; WINDOWS], count: 1, asked: 0, not_before: 0 };

    /// Reads the windows of an Activate() that is called at `now`.
    ///
    /// # Errors
    /// 7027 where a mandatory member is missing, 7004 for a value that is none, and for windows that overlap.
    pub(super) fn parse(args: &Node<'_>, number: u32, now: u64) -> Result<Option<Self>, Code> {
        let mut windows = Self { count: 0, ..Self::NOW };
        let numbered = |name: &str| -> Option<(usize, usize)> {
            let rest = name.strip_prefix(arg::TIME_WINDOW)?;
            let (n, _) = rest.split_once('.')?;
            Some((n.parse().ok()?, name.len().saturating_sub(rest.len()).saturating_add(n.len())))
        };
        let all = || args.nodes(number).map(|pair| (pair.text(KEY), pair.text(VALUE)));
        if all().any(|(name, _)| numbered(name).is_some_and(|(n, _)| n == 0 || n > WINDOWS)) {
            return Err(Code::InvalidArguments);
        }
        let mut before = 0;
        for n in 1..=WINDOWS {
            let of = |member: &str| {
                let is = |name: &str| match numbered(name) {
                    Some((m, at)) => {
                        m == n && name.get(at..).and_then(|x| x.strip_prefix('.')) == Some(member)
                    }
                    None => false,
                };
                all().filter(|(name, _)| is(name)).last().map(|(_, value)| value)
            };
            if !all().any(|(name, _)| numbered(name).is_some_and(|(m, _)| m == n)) {
                continue;
            }
            let must = |member| of(member).ok_or(Code::CommandArguments);
            let (start, end, mode) = (must(arg::START)?, must(arg::END)?, must(arg::MODE)?);
            let seconds = |text: &str| text.parse::<u32>().map_err(|_| Code::InvalidArguments);
            let (start, end) = (seconds(start)?, seconds(end)?);
            let mode = Mode::parse(mode).ok_or(Code::InvalidArguments)?;
            if start > end || start < before {
                return Err(Code::InvalidArguments);
            }
            before = end;
            let retries = match (mode, of(arg::MAX_RETRIES)) {
                (Mode::ConfirmationNeeded, Some(text)) => {
                    let retries = text.parse().ok().filter(|n| (-1..=10).contains(n));
                    retries.ok_or(Code::InvalidArguments)?
                }
                (_, _) => 0,
            };
            let at = |seconds: u32| now.saturating_add(u64::from(seconds).saturating_mul(1000));
            if let Some(place) = windows.all.get_mut(windows.count) {
                *place = Window { start: at(start), end: at(end), mode, retries };
                windows.count = windows.count.saturating_add(1);
            }
        }
        Ok((windows.count > 0).then_some(windows))
    }

    /// The window that counts now: the first that has not passed. An instant counts as a millisecond, and one
    /// that is to be used at its start is used then, however late that is seen.
    pub(super) fn first(&self) -> Option<&Window> {
        self.all.get(..self.count).and_then(|all| all.first())
    }

    /// The first window is over.
    pub(super) fn next(&mut self) {
        self.all.rotate_left(1);
        self.count = self.count.saturating_sub(1);
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
        Windows::parse(&Node::new(&room[..length]), INPUT_ARGS, 1_000)
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
        windows(&flat).map(|windows| windows.map_or(0, |windows| windows.count))
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
