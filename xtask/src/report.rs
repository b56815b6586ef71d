//! Steps by name, and what became of each.

use std::time::{Duration, Instant};

/// What became of a step.
pub(crate) enum Outcome {
    /// It passed.
    Passed,
    /// It passed, and has something to tell.
    Told(String),
    /// It failed, for this reason.
    Failed(String),
    /// It was not run, since something is not there.
    Skipped(String),
}

impl From<Result<(), String>> for Outcome {
    fn from(result: Result<(), String>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Passed)
    }
}

impl From<Result<String, String>> for Outcome {
    fn from(result: Result<String, String>) -> Self {
        result.map_or_else(Self::Failed, Self::Told)
    }
}

/// The steps that were run.
#[derive(Default)]
pub(crate) struct Report(Vec<(&'static str, Outcome, Duration)>);

impl Report {
    /// Runs a step.
    pub(crate) fn step<O: Into<Outcome>>(&mut self, name: &'static str, step: impl FnOnce() -> O) {
        println!("\n==> {name}");
        let begun = Instant::now();
        let outcome = step().into();
        if let Outcome::Failed(why) = &outcome {
            println!("{name}: FAILED: {why}");
        }
        self.0.push((name, outcome, begun.elapsed()));
    }

    /// Prints the table; true if nothing failed.
    pub(crate) fn close(self) -> bool {
        let width = self.0.iter().map(|(name, ..)| name.len()).max().unwrap_or(0);
        println!("\n==> summary");
        for (name, outcome, took) in &self.0 {
            let (word, rest) = match outcome {
                Outcome::Passed => ("ok", ""),
                Outcome::Told(what) => ("ok", what.as_str()),
                Outcome::Failed(why) => ("FAILED", why.as_str()),
                Outcome::Skipped(why) => ("skipped", why.as_str()),
            };
            let colon = if rest.is_empty() { "" } else { ": " };
            let rest = rest.lines().next().unwrap_or_default();
            println!("{name:width$} {:5.1} s  {word}{colon}{rest}", took.as_secs_f64());
        }
        let count = |is: fn(&Outcome) -> bool| self.0.iter().filter(|(_, outcome, _)| is(outcome)).count();
        let failed = count(|o| matches!(o, Outcome::Failed(_)));
        let skipped = count(|o| matches!(o, Outcome::Skipped(_)));
        println!("{} ok, {failed} FAILED, {skipped} skipped", self.0.len() - failed - skipped);
        failed == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_good_unless_a_step_has_failed() {
        let mut report = Report::default();
        report.step("one", || Ok::<(), String>(()));
        report.step("two", || Outcome::Skipped("no such tool".into()));
        assert!(report.close());
        let mut report = Report::default();
        report.step("one", || Err::<(), _>("broken".to_owned()));
        report.step("two", || Ok::<String, String>("fine".into()));
        assert!(!report.close());
    }
}
