//! `fwagent history`.

use serde_json::Value;

use super::Context;
use crate::device::history;
use crate::error::{Error, Exit};

pub(super) fn run(context: &Context) -> Result<Exit, Error> {
    let lines = history::read(&context.config()?.state)?;
    let text: Vec<_> = lines.iter().map(line).collect();
    let text = if text.is_empty() { "no run has ended yet".to_owned() } else { text.join("\n") };
    context.ui.result(&lines, text)?;
    Ok(Exit::Done)
}

fn line(run: &Value) -> String {
    let word = |key: &str| match run.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => "-".to_owned(),
        Some(other) => other.to_string(),
    };
    let (run, wall, reach, slot) = (word("run"), word("wall"), word("reach"), word("slot"));
    let (outcome, at, failure) = (word("outcome"), word("at"), word("failure"));
    let ended = if outcome == "done" { outcome } else { format!("{failure} ({at})") };
    format!("{run:>4}  {wall:>10}  {reach:<8}  slot {slot}  {ended}")
}
