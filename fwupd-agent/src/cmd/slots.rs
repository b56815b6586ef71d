//! `fwagent slots`.

use fwupd_core::image::SlotId;
use serde_json::json;

use super::Context;
use crate::device::view;
use crate::error::{Error, Exit};

pub(super) fn run(context: &Context) -> Result<Exit, Error> {
    let view = view::look(&context.config()?)?;
    let slots = (0u8..).map(SlotId).take(view.slots.len());
    let lines: Vec<_> =
        slots.map(|slot| format!("{}; {} erases", view.slot_line(slot), view.erases(slot))).collect();
    let wear = &view.wear;
    let object = json!({
        "slots": view.slots_json(),
        "writes": wear.writes,
        "bytes": wear.bytes,
        "erases": wear.erases,
    });
    context.ui.result(&object, lines.join("\n"))?;
    Ok(Exit::Done)
}
