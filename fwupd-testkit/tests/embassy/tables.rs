//! The tables of `docs/power-safety.md`: what these tests count.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/power-safety.md");

/// How often each end came about.
pub(crate) type Ends = BTreeMap<&'static str, usize>;

/// A table with the ends as its last columns.
pub(crate) struct Table {
    heads: Vec<&'static str>,
    ends: &'static [&'static str],
    rows: Vec<(&'static str, Vec<usize>)>,
}

impl Table {
    pub(crate) fn new(heads: &[&'static str], ends: &'static [&'static str]) -> Self {
        Self { heads: heads.to_vec(), ends, rows: Vec::new() }
    }

    /// Adds to the row of this name.
    ///
    /// # Panics
    /// If an end has no column.
    pub(crate) fn add(&mut self, name: &'static str, numbers: &[usize], ends: &Ends) {
        assert!(ends.keys().all(|end| self.ends.contains(end)), "{name}: {ends:?}");
        let of_end = self.ends.iter().map(|end| ends.get(end).copied().unwrap_or(0));
        let numbers: Vec<usize> = numbers.iter().copied().chain(of_end).collect();
        match self.rows.iter_mut().find(|(row, _)| *row == name) {
            Some((_, row)) => row.iter_mut().zip(&numbers).for_each(|(sum, number)| *sum += number),
            None => self.rows.push((name, numbers)),
        }
    }

    fn emit(&self) -> String {
        let heads: Vec<&str> = self.heads.iter().chain(self.ends).copied().collect();
        let mut text = format!("| {} |\n|---|{}\n", heads.join(" | "), "---:|".repeat(heads.len() - 1));
        let columns = heads.len() - 1;
        let total = |column: usize| self.rows.iter().map(|(_, row)| row[column]).sum();
        let all = ("all", (0..columns).map(total).collect());
        for (name, row) in self.rows.iter().chain([&all]) {
            let cells: Vec<String> = row.iter().map(ToString::to_string).collect();
            text += &format!("| {name} | {} |\n", cells.join(" | "));
        }
        text
    }

    /// Tells the table, and compares it with the one that the document keeps, or writes it there.
    pub(crate) fn keep(&self, name: &str) {
        // Tests run at the same time, and write the same document.
        static WRITING: Mutex<()> = Mutex::new(());
        let table = self.emit();
        fwupd_testkit::tell(format_args!("{name}\n{table}"));
        // On flash that is erased to zeros the same torn bits can make another end.
        if cfg!(feature = "flash-erase-zero") {
            return;
        }
        let _one = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut document = std::fs::read_to_string(DOCUMENT).unwrap();
        let (begin, end) = (format!("<!-- begin: {name} -->\n"), format!("<!-- end: {name} -->"));
        let from = document.find(&begin).unwrap_or_else(|| panic!("{name} has no place")) + begin.len();
        let to = from + document[from..].find(&end).unwrap_or_else(|| panic!("{name} has no end"));
        if std::env::var_os("UPDATE_POWER_SAFETY").is_some() {
            document.replace_range(from..to, &table);
            std::fs::write(DOCUMENT, document).unwrap();
            return;
        }
        let kept = &document[from..to];
        assert_eq!(kept, table, "docs/power-safety.md: {name}; UPDATE_POWER_SAFETY=1 writes it anew");
    }
}
