//! The tables of `docs/power-safety.md`: what the tests of power cuts count.

use std::sync::{Mutex, PoisonError};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/power-safety.md");

/// Tells a table, and compares it with the one that the document keeps, or writes it there.
///
/// # Panics
/// Where the document has no place for it, or another one there.
pub fn keep(name: &str, table: &str) {
    // Tests run at the same time, and write the same document.
    static WRITING: Mutex<()> = Mutex::new(());
    crate::tell(format_args!("{name}\n{table}"));
    let _one = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut document = std::fs::read_to_string(DOCUMENT).expect("the document");
    let (begin, end) = (format!("<!-- begin: {name} -->\n"), format!("<!-- end: {name} -->"));
    let from = document.find(&begin).unwrap_or_else(|| panic!("{name} has no place")) + begin.len();
    let to = from + document[from..].find(&end).unwrap_or_else(|| panic!("{name} has no end"));
    if std::env::var_os("UPDATE_POWER_SAFETY").is_some() {
        document.replace_range(from..to, table);
        std::fs::write(DOCUMENT, document).expect("it can be written");
        return;
    }
    for (kept, made) in document[from..to].lines().zip(table.lines()) {
        assert_eq!(kept, made, "docs/power-safety.md: {name}; UPDATE_POWER_SAFETY=1 writes it anew");
    }
    assert_eq!(
        document[from..to].lines().count(),
        table.lines().count(),
        "{name}: lines too many or too few"
    );
}
