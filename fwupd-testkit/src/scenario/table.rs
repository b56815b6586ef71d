//! The table of what each protocol supports: a block of the README between two markers. Each protocol's test checks
//! its own column, and writes it where `UPDATE_SUPPORT` is set.

use std::path::Path;

use super::{Ability, Played, Rig};

/// What the block is between.
const BEGIN: &str = "<!-- support: each column is checked by its protocol's stories -->\n";
const END: &str = "<!-- end of support -->";
/// The row behind those of the abilities.
const COUNT: &str = "stories played";

/// Checks the column of a protocol in the table of the README.
///
/// # Panics
/// Where it is not what the protocol declares, or not all that there is.
pub fn check<R: Rig>(played: Played) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(&path).expect("the README");
    let (before, rest) = readme.split_once(BEGIN).expect("the README has the table");
    let (table, after) = rest.split_once(END).expect("the table has an end");
    let column = column::<R>(played);
    let mut now = rows(table);
    let head = now.first().expect("a head");
    let at = head.iter().position(|cell| cell == R::NAME).expect("a column of the protocol");
    let names: Vec<&str> = now.iter().skip(2).filter_map(|row| row.first()).map(String::as_str).collect();
    let wanted: Vec<&str> = column.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, wanted, "the rows of the table");
    for (row, (_, cell)) in now.iter_mut().skip(2).zip(column) {
        row[at] = cell;
    }
    let now: String = now.iter().map(|row| line(row)).collect();
    if std::env::var_os("UPDATE_SUPPORT").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{now}{END}{after}"))
            .expect("the README can be written");
        return;
    }
    for (was, is) in table.lines().zip(now.lines()) {
        assert_eq!(was, is, "the table of the README; if it is meant, run with UPDATE_SUPPORT=1");
    }
    assert_eq!(table, now, "the table of the README has more or fewer rows");
}

/// What a protocol supports, row by row.
fn column<R: Rig>(played: Played) -> Vec<(&'static str, String)> {
    let cell = |ability: Ability| {
        let entry = R::CANNOT.iter().find(|(cannot, _)| *cannot == ability);
        (ability.words(), entry.map_or("yes".to_owned(), |(_, why)| format!("no: {why}")))
    };
    let mut column: Vec<_> = Ability::ALL.into_iter().map(cell).collect();
    column.push((COUNT, played.runs.to_string()));
    column
}

/// The cells of each row.
fn rows(table: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    table.lines().map(cells).collect()
}

fn line(row: &[String]) -> String {
    let rule = row.iter().all(|cell| cell == "---");
    if rule { format!("|{}|\n", row.join("|")) } else { format!("| {} |\n", row.join(" | ")) }
}
