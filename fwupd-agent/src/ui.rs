//! What a run shows: one result on stdout, progress and errors on stderr.
//!
//! | | stdout | stderr |
//! |---|---|---|
//! | plain | the result as text | progress, one error line |
//! | `--json` | one JSON object: the result, or `{"error": "...", "code": n}` | one error line |
//! | `--quiet` | nothing | one error line |
//!
//! `--quiet --json` prints the object alone.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::error::{Error, Exit};

/// What is shown to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ui {
    output: Output,
    progress: Shown,
}

/// The form of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    Text,
    Json,
    Nothing,
}

/// The form of progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Bar,
    Lines,
    Nothing,
}

impl Ui {
    /// As the flags `--quiet` and `--json` ask for, and as stderr allows.
    pub fn new(quiet: bool, json: bool) -> Self {
        let output = match (json, quiet) {
            (true, _) => Output::Json,
            (false, true) => Output::Nothing,
            (false, false) => Output::Text,
        };
        let progress = match output {
            Output::Json | Output::Nothing => Shown::Nothing,
            Output::Text if io::stderr().is_terminal() => Shown::Bar,
            Output::Text => Shown::Lines,
        };
        Self { output, progress }
    }

    /// The flags that ask for this output.
    pub fn flags(&self) -> &'static [&'static str] {
        match self.output {
            Output::Text => &[],
            Output::Json => &["--json"],
            Output::Nothing => &["--quiet"],
        }
    }

    /// The result of a command: an object for `--json`, a text of one or more lines for people.
    ///
    /// # Errors
    /// When stdout cannot be written to. A reader that has gone away is none.
    pub fn result(&self, object: &impl Serialize, text: impl fmt::Display) -> Result<(), Error> {
        match self.output {
            Output::Text => print(text),
            Output::Json => print(json(object)?),
            Output::Nothing => Ok(()),
        }
    }

    /// A line that tells how far a command is; not part of its result.
    pub fn note(&self, text: impl fmt::Display) {
        match self.progress {
            // Nothing can be told where stderr is closed.
            Shown::Bar | Shown::Lines => drop(writeln!(io::stderr(), "{text}")),
            Shown::Nothing => {}
        }
    }

    /// Progress over `total` bytes.
    pub fn progress(&self, label: &str, total: u64) -> Progress {
        let bar = match self.progress {
            Shown::Bar => {
                let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
                // The template is a constant; a bar without it still shows its progress.
                if let Ok(style) =
                    ProgressStyle::with_template("{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}")
                {
                    bar.set_style(style.progress_chars("=> "));
                }
                bar.set_message(label.to_owned());
                Some(bar)
            }
            Shown::Lines | Shown::Nothing => None,
        };
        Progress { ui: *self, label: label.to_owned(), total, quarters: 0, bar }
    }

    /// The line of an error, with `--json` also its object, and the exit code it leads to.
    pub fn error(&self, error: &Error) -> Exit {
        // There is nobody left to tell when stderr and stdout are closed.
        let _ = writeln!(io::stderr(), "fwagent: {error}");
        if self.output == Output::Json {
            let object = serde_json::json!({ "error": error.to_string(), "code": error.exit().code() });
            let _ = print(object);
        }
        error.exit()
    }
}

fn json(object: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(object).map_err(|e| Error::failed(format_args!("cannot write JSON: {e}")))
}

/// Text on stdout, ended by a line end.
fn print(text: impl fmt::Display) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::failed(format_args!("cannot write the result: {e}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Progress of one transfer: a bar on a terminal, a line for each quarter elsewhere.
#[derive(Debug)]
pub struct Progress {
    ui: Ui,
    label: String,
    total: u64,
    quarters: u64,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// So many bytes of the total are done.
    pub fn set(&mut self, done: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            return;
        }
        let quarters = quarters(done, self.total);
        if quarters > self.quarters {
            self.quarters = quarters;
            let percent = quarters.saturating_mul(25);
            self.ui.note(format_args!("{}: {percent} % of {} bytes", self.label, self.total));
        }
    }

    /// Takes the bar away; what was printed as lines stays.
    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Whole quarters of `total` in `done`, 0 to 4.
fn quarters(done: u64, total: u64) -> u64 {
    let quarters = u128::from(done).saturating_mul(4).checked_div(u128::from(total)).unwrap_or(4);
    u64::try_from(quarters).unwrap_or(4).min(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarters_count_from_none_to_four_for_any_total() {
        let of_1000 = [0, 249, 250, 999, 1000, 2000].map(|done| quarters(done, 1000));
        assert_eq!(of_1000, [0, 0, 1, 3, 4, 4]);
        assert_eq!(quarters(0, 0), 4);
        assert_eq!(quarters(u64::MAX, u64::MAX), 4);
    }

    #[test]
    fn json_is_printed_even_when_quiet_and_progress_is_not() {
        assert_eq!(Ui::new(true, true), Ui { output: Output::Json, progress: Shown::Nothing });
        assert_eq!(Ui::new(true, false), Ui { output: Output::Nothing, progress: Shown::Nothing });
        assert_eq!(Ui::new(false, false).output, Output::Text);
    }
}
