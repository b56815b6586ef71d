//! The tables of `docs/power-safety.md`: what these tests count.

use std::collections::BTreeMap;

use fwupd_testkit::tables;

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

    /// Keeps the table in the document. On flash that is erased to zeros the same torn bits can make another end: it
    /// is told alone.
    pub(crate) fn keep(&self, name: &str) {
        let table = self.emit();
        if cfg!(feature = "flash-erase-zero") {
            fwupd_testkit::tell(format_args!("{name}\n{table}"));
        } else {
            tables::keep(name, &table);
        }
    }
}
