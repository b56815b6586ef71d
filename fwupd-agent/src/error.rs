//! The one error of the agent: a line for people and an exit code for scripts.

use std::fmt;
use std::io;
use std::path::Path;

use fwupd_core::package::Stage;

/// How a run of `fwagent` ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what it was asked to.
    Done,
    /// It failed in a way that has no code of its own.
    Failed,
    /// There was nothing to do.
    NothingToDo,
    /// A package is not whole, not authentic or not understood.
    Verification,
    /// A package is for another device, or older than what is installed.
    Incompatible,
    /// A peer could not be reached or broke off.
    Network,
    /// The new image ran and was rolled back.
    RolledBack,
    /// The command line is wrong (`EX_USAGE` of BSD's `sysexits.h`).
    Usage,
}

impl Exit {
    /// The exit code of the process.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::NothingToDo => 2,
            Self::Verification => 3,
            Self::Incompatible => 4,
            Self::Network => 5,
            Self::RolledBack => 6,
            Self::Usage => 64,
        }
    }
}

impl From<Stage> for Exit {
    /// The exit code for a package that was refused at this stage.
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Identity | Stage::Rollback => Self::Incompatible,
            Stage::Framing
            | Stage::Authentication
            | Stage::Manifest
            | Stage::Plan
            | Stage::Payload
            | Stage::Match => Self::Verification,
        }
    }
}

/// What went wrong, in one line, and the exit code it leads to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}")]
pub struct Error {
    exit: Exit,
    line: OneLine,
}

impl Error {
    /// An error with its exit code. Whatever the text holds, it is shown as one line.
    pub fn new(exit: Exit, text: impl fmt::Display) -> Self {
        Self { exit, line: OneLine::new(&text.to_string()) }
    }

    /// An error without an exit code of its own: 1.
    pub fn failed(text: impl fmt::Display) -> Self {
        Self::new(Exit::Failed, text)
    }

    /// A command line that is not complete or contradicts itself: 64.
    pub fn usage(text: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, text)
    }

    /// A package that is not what it should be: 3.
    pub fn verification(text: impl fmt::Display) -> Self {
        Self::new(Exit::Verification, text)
    }

    /// A file that could not be read, written or made: 1. `act` is the verb.
    pub fn file(act: &str, path: &Path, why: &io::Error) -> Self {
        Self::failed(format_args!("cannot {act} {}: {why}", path.display()))
    }

    /// The same error, with what it was found in before it.
    #[must_use]
    pub fn within(self, what: &dyn fmt::Display) -> Self {
        Self::new(self.exit, format_args!("{what}: {}", self.line))
    }

    /// The exit code it leads to.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

/// Text without control characters: what comes from a file or a path can neither break the line nor
/// steer the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
struct OneLine(String);

impl OneLine {
    fn new(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
        let joined = lines.collect::<Vec<_>>().join("; ");
        Self(printable(&joined))
    }
}

/// `text` with its control characters escaped as Rust writes them.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

impl fmt::Display for OneLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_whatever_its_text_holds() {
        let e = Error::failed("TOML parse error\n  |\n3 | x\u{1b}[2J = 1\n\n");
        assert_eq!(e.to_string(), "TOML parse error; |; 3 | x\\u{1b}[2J = 1");
        assert_eq!(e.exit(), Exit::Failed);
    }

    #[test]
    fn exit_codes_are_those_of_the_documentation() {
        let all = [
            (Exit::Done, 0),
            (Exit::Failed, 1),
            (Exit::NothingToDo, 2),
            (Exit::Verification, 3),
            (Exit::Incompatible, 4),
            (Exit::Network, 5),
            (Exit::RolledBack, 6),
            (Exit::Usage, 64),
        ];
        for (exit, code) in all {
            assert_eq!(exit.code(), code, "{exit:?}");
        }
    }
}
