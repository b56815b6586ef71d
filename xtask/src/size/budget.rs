//! The budgets: a text file with a line for each binary.

use std::path::PathBuf;

use crate::run::root;

/// What was, or may be, measured: target, binary, sha2, text, RAM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) target: String,
    pub(crate) binary: String,
    pub(crate) sha2: String,
    pub(crate) text: u32,
    pub(crate) ram: u32,
}

impl Row {
    /// Whether both are about the same binary.
    pub(crate) fn is_of(&self, other: &Self) -> bool {
        (&self.target, &self.binary, &self.sha2) == (&other.target, &other.binary, &other.sha2)
    }

    /// What may be measured later: 3 % more.
    fn budget(&self) -> Self {
        let more = |bytes: u32| bytes + (bytes * 3).div_ceil(100);
        Self { text: more(self.text), ram: more(self.ram), ..self.clone() }
    }
}

const HEAD: &str = "\
# What the engine may take, bytes: `cargo xtask size` fails above it. Text is code and constants, RAM is statics.
# `selector` is what a bootloader drives before it jumps, without a digest of its own, `selector-sha` the same with
# SHA-256: neither holds anything that panics or writes text. `core` and `suit` are the updater without and with
# SUIT. All four are over a base without them. `coap` is the CoAP crate with a download (`Pull`) over `core`; `lwm2m`
# and `ocf` are those crates with their client and device over `coap`, `iotf` and `usp` with their device and agent
# over `core`. All have in them the loop that drives them. Set by `cargo xtask size --set`: measured and 3 %.
# The aims are 8 KB of text for the core alone, and with SUIT, Ed25519 and compact sha2 38 KB on a Cortex-M4
# (thumbv7em) and 43 KB on a Cortex-M0 (thumbv6m); on a Cortex-M4, for `coap` 6 KB and for each adapter 8 KB.
# target binary sha2 text ram
";

fn path() -> PathBuf {
    root().join("benches/size/budget.txt")
}

/// The budgets as they are checked in.
pub(crate) fn read() -> Result<Vec<Row>, String> {
    let text = std::fs::read_to_string(path()).map_err(|e| format!("{}: {e}", path().display()))?;
    parse(&text)
}

/// Writes the budgets for what was measured.
pub(crate) fn write(measured: &[Row]) -> Result<(), String> {
    std::fs::write(path(), emit(measured)).map_err(|e| format!("{}: {e}", path().display()))
}

fn parse(text: &str) -> Result<Vec<Row>, String> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let row = |line: &str| match line.split_whitespace().collect::<Vec<_>>().as_slice() {
        [target, binary, sha2, text, ram] => Some(Row {
            target: (*target).to_owned(),
            binary: (*binary).to_owned(),
            sha2: (*sha2).to_owned(),
            text: text.parse().ok()?,
            ram: ram.parse().ok()?,
        }),
        _ => None,
    };
    lines.map(|line| row(line).ok_or_else(|| format!("no budget: {line}"))).collect()
}

fn emit(measured: &[Row]) -> String {
    let rows = measured.iter().map(Row::budget);
    let lines =
        rows.map(|row| format!("{} {} {} {} {}\n", row.target, row.binary, row.sha2, row.text, row.ram));
    HEAD.chars().chain(lines.collect::<String>().chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_what_was_measured_and_three_percent() {
        let row = |text, ram| Row {
            target: "thumb".to_owned(),
            binary: "core".to_owned(),
            sha2: "compact".to_owned(),
            text,
            ram,
        };
        assert_eq!(parse(&emit(&[row(1000, 101)])), Ok(vec![row(1030, 105)]));
        assert!(parse("thumb core compact 1000").is_err());
        assert!(parse("thumb core compact many 1").is_err());
    }
}
