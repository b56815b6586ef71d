//! `fwagent status`.

use fwupd_core::outcome::What;

use super::Context;
use crate::device::report;
use crate::device::view::{self, Journal, View};
use crate::error::{Error, Exit};

pub(super) fn run(context: &Context) -> Result<Exit, Error> {
    let view = view::look(&context.config()?)?;
    context.ui.result(&view.json(), text(&view))?;
    Ok(Exit::Done)
}

fn text(view: &View) -> String {
    let mut lines = vec![];
    match view.journal {
        Journal::Good => {}
        Journal::Blank => lines.push("journal    blank: the factory slot boots".to_owned()),
        Journal::Lost => {
            lines.push("journal    damaged or foreign: the next boot reports `record lost`".to_owned());
        }
    }
    let progress = match (view.progress, view.trial) {
        (Some((received, size)), _) => format!(", {received} of {size} bytes"),
        (None, Some(left)) => format!(", {left} more boots"),
        (None, None) => String::new(),
    };
    lines.push(format!("state      {}{progress}", view.state));
    let firmware = match &view.firmware {
        Some(firmware) => firmware.version.to_string(),
        None => "no firmware".to_owned(),
    };
    lines.push(format!("running    {firmware} from slot {}", view.running.0));
    lines.push(format!("next boot  slot {}", view.next_boot.0));
    lines.push(format!("installed  {} (sequence {})", view.version, view.sequence));
    if let Some(last) = &view.last {
        let ended = match last.what {
            What::Done => "done".to_owned(),
            What::Failed(why) => format!("{} failed: {why}", report::phase(last.at)),
        };
        lines.push(format!("last run   {}, {ended}", last.run.0));
    }
    lines.extend(view.shown.lines());
    lines.join("\n")
}
