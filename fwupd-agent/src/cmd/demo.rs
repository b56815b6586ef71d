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
            let Row { story, told, happened, detail, views } = row;
            let views: Vec<_> = views
                .iter()
                .map(|(step, [lwm2m, ocf, iotf, usp])| {
                    json!({ "step": step, "lwm2m": lwm2m, "ocf": ocf, "iotf": iotf, "usp": usp })
                })
                .collect();
            let ok = row.ok();
            json!({ "story": story, "told": told, "happened": happened, "detail": detail, "ok": ok, "views": views })
        })
        .collect();
    let views = rows.iter().filter(|row| !row.views.is_empty()).map(|row| format!("\n\n{}", four(row)));
    let text = format!("{}{}", stories_of(&rows), views.collect::<String>());
    context.ui.result(&json!({ "stories": stories, "seed": seed }), text)?;
    if failed > 0 {
        let stories = rows.len();
        return Err(Error::failed(format_args!(
            "{failed} of {stories} stories went otherwise (--seed {seed})"
        )));
    }
    Ok(Exit::Done)
}

/// All stories, one a line.
fn stories_of(rows: &[Row]) -> String {
    let head = ["story", "told", "happened", "ok"].map(str::to_owned);
    let line = |row: &Row| {
        let ok = if row.ok() { "yes" } else { "NO" };
        // What has a table of its own is not told twice.
        let told = if row.views.is_empty() { row.told.clone() } else { "as below".to_owned() };
        let happened = if row.views.is_empty() || row.ok() { row.shown() } else { "otherwise".to_owned() };
        [row.story.to_owned(), told, happened, ok.to_owned()]
    };
    table(std::iter::once(head).chain(rows.iter().map(line)).collect(), "  ")
}

/// What four protocols showed in a story, step by step.
fn four(row: &Row) -> String {
    let head = [row.story, "LwM2M", "OCF", "IoTF", "USP"].map(str::to_owned);
    let line = |(step, [lwm2m, ocf, iotf, usp]): &(&str, [String; 4])| {
        [(*step).to_owned(), lwm2m.clone(), ocf.clone(), iotf.clone(), usp.clone()]
    };
    let lines = std::iter::once(head).chain(row.views.iter().map(line)).collect();
    let told = if row.ok() { String::new() } else { format!("\ntold: {}", row.told) };
    format!("{}{told}", table(lines, " | "))
}

/// Columns of text, each as wide as its widest entry.
fn table<const N: usize>(lines: Vec<[String; N]>, between: &str) -> String {
    let mut widths = [0; N];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let padded = |line: &[String; N]| {
        let cells = line.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join(between).trim_end().to_owned()
    };
    lines.iter().map(padded).collect::<Vec<_>>().join("\n")
}
