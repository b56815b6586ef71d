//! `fwagent demo`.

use clap::Args;
use serde_json::json;

use super::Context;
use crate::demo::{self, Row};
use crate::error::{Error, Exit};

#[derive(Debug, Args)]
pub(super) struct Flags {
    /// Power cuts during the last story's update
    #[arg(long, value_name = "N", default_value_t = 100)]
    cuts: u32,
    /// Seed of the power cuts [default: another one each time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Expect the contrary of this story
    #[arg(long, value_name = "STORY", hide = true)]
    falsify: Option<String>,
}

pub(super) fn run(context: &Context, flags: &Flags) -> Result<Exit, Error> {
    if let Some(name) = &flags.falsify
        && !demo::names().any(|known| known == name)
    {
        return Err(Error::usage(format_args!("--falsify {name}: no such story")));
    }
    let seed = match flags.seed {
        Some(seed) => seed,
        None => getrandom::u64().map_err(|e| Error::failed(format_args!("no randomness: {e}")))?,
    };
    let rows = demo::run(context.ui, flags.cuts, seed, flags.falsify.as_deref())?;
    let failed = rows.iter().filter(|row| !row.ok()).count();
    let stories: Vec<_> = rows
        .iter()
        .map(|row| {
            let Row { story, told, happened, detail } = row;
            json!({ "story": story, "told": told, "happened": happened, "detail": detail, "ok": row.ok() })
        })
        .collect();
    context.ui.result(&json!({ "stories": stories, "seed": seed }), table(&rows))?;
    if failed > 0 {
        let stories = rows.len();
        return Err(Error::failed(format_args!(
            "{failed} of {stories} stories went otherwise (--seed {seed})"
        )));
    }
    Ok(Exit::Done)
}

/// Columns of text, each as wide as its widest entry.
fn table(rows: &[Row]) -> String {
    let head = ["story", "told", "happened", "ok"].map(str::to_owned);
    let line = |row: &Row| {
        let ok = if row.ok() { "yes" } else { "NO" };
        [row.story.to_owned(), row.told.clone(), row.shown(), ok.to_owned()]
    };
    let lines: Vec<_> = std::iter::once(head).chain(rows.iter().map(line)).collect();
    let mut widths = [0; 4];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let padded = |line: &[String; 4]| {
        let cells = line.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(padded).collect::<Vec<_>>().join("\n")
}
