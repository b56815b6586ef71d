//! The log of ended runs: `history.jsonl` in the state directory, one object a line, only ever appended to.
//!
//! A line is written when the outcome is first seen. A kill between that and the next look can write it
//! twice only if the file itself was lost; a run that stands on the last line is not written again.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use fwupd_core::outcome::Outcome;
use serde_json::Value;

use super::report;
use crate::error::Error;
use crate::files;

/// Name of the file in the state directory.
pub const FILE: &str = "history.jsonl";

/// More than this is not read, bytes.
const LONGEST: u64 = 64 * 1024 * 1024;

/// The lines that are whole, the oldest first.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn read(state: &Path) -> Result<Vec<Value>, Error> {
    let path = state.join(FILE);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let bytes = files::read(&path, LONGEST)?;
    // A line that a kill has cut short is none.
    let lines = bytes.split(|byte| *byte == b'\n');
    Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

/// Appends a run that has ended, unless it is the one on the last line.
///
/// # Errors
/// When the file cannot be read or written.
pub fn append(state: &Path, outcome: &Outcome) -> Result<(), Error> {
    let path = state.join(FILE);
    let line = report::outcome(outcome);
    if read(state)?.last() == Some(&line) {
        return Ok(());
    }
    let failed = |e: &std::io::Error| Error::file("write", &path, e);
    let file = OpenOptions::new().create(true).read(true).append(true).open(&path);
    let mut file = file.map_err(|e| failed(&e))?;
    let whole = files::read(&path, LONGEST)?.last().is_none_or(|byte| *byte == b'\n');
    let text = format!("{}{line}\n", if whole { "" } else { "\n" });
    file.write_all(text.as_bytes()).map_err(|e| failed(&e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fwupd_core::outcome::{Failure, Initiator, Phase, Reach, Run, What};

    fn outcome(run: u32, what: What) -> Outcome {
        let (by, reach, at) = (Initiator::APPLICATION, Reach::Stage, Phase::Download);
        Outcome { run: Run(run), by, reach, slot: None, at, what, wall: Some(7), until: None }
    }

    #[test]
    fn a_run_is_told_once_and_a_torn_line_hides_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let failed = outcome(1, What::Failed(Failure::Integrity));
        append(dir.path(), &failed).unwrap();
        append(dir.path(), &failed).unwrap();
        let path = dir.path().join(FILE);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"run\":").unwrap();
        append(dir.path(), &outcome(2, What::Done)).unwrap();
        let runs: Vec<_> = read(dir.path()).unwrap().iter().map(|line| line["run"].clone()).collect();
        assert_eq!(runs, [1, 2]);
    }
}
