//! Checks of the dependencies: licences, Rust versions, and a reason for each.

use std::collections::BTreeMap;

use crate::licence;
use crate::metadata::{Graph, Package, Rust};
use crate::peers::Missing;
use crate::report::Outcome;
use crate::run::{self, output, program, root};

const DOCUMENT: &str = "docs/dependencies.md";

/// Every package's licence is one that may be shipped.
pub(crate) fn licences() -> Result<String, String> {
    let graph = Graph::read()?;
    let bad = graph.packages.values().filter(|package| !licence::is_allowed(&package.licence));
    let bad: Vec<String> = bad.map(|package| format!("{} ({})", package.name, package.licence)).collect();
    if bad.is_empty() { Ok(format!("{} packages", graph.packages.len())) } else { Err(bad.join(", ")) }
}

/// No package needs a newer Rust than the member of the workspace that is built with it.
pub(crate) fn rust_versions() -> Result<String, String> {
    let graph = Graph::read()?;
    let mut bad = Vec::new();
    for (id, member) in graph.members() {
        let own = member.rust.ok_or_else(|| format!("{} states no rust-version", member.name))?;
        let with = graph.built_with(id);
        let newer =
            with.iter().filter_map(|id| graph.packages.get(*id)).filter(|package| package.rust > Some(own));
        bad.extend(newer.map(|package| format!("{} ({own}) is built with {}", member.name, package.name)));
    }
    let stated = graph.members().map(|(_, member)| {
        format!("{} {}", member.name, member.rust.map_or_else(String::new, |rust| rust.to_string()))
    });
    if bad.is_empty() { Ok(stated.collect::<Vec<_>>().join(", ")) } else { Err(bad.join(", ")) }
}

/// Each member of the workspace builds with the Rust version that it states, where that is installed.
pub(crate) fn oldest_rust(missing: Missing) -> Outcome {
    let graph = match Graph::read() {
        Ok(graph) => graph,
        Err(why) => return Outcome::Failed(why),
    };
    let mut groups: BTreeMap<Rust, Vec<&str>> = BTreeMap::new();
    for (_, member) in graph.members() {
        if let Some(rust) = member.rust {
            groups.entry(rust).or_default().push(&member.name);
        }
    }
    let mut absent = Vec::new();
    for (rust, members) in groups {
        if missing == Missing::Install {
            // Without a network it stays absent, and is named so.
            let _ = run::run(program("rustup").args([
                "toolchain",
                "install",
                "--profile",
                "minimal",
                &rust.to_string(),
            ]));
        }
        let Some(toolchain) = toolchain(rust) else {
            absent.push(format!("{rust} ({})", members.join(", ")));
            continue;
        };
        let mut check = program("cargo");
        check.arg(format!("+{toolchain}")).args(["check", "--locked", "--all-features"]);
        check.args(["--target-dir", "target/oldest"]);
        // What `cargo xtask` sets for its own toolchain is not for another one.
        check.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
        for member in members {
            check.args(["--package", member]);
        }
        if let Err(why) = run::run(&mut check) {
            return Outcome::Failed(why);
        }
    }
    if absent.is_empty() {
        Outcome::Passed
    } else {
        Outcome::Skipped(format!("toolchain {} is not installed", absent.join(", ")))
    }
}

/// Name of the installed toolchain of this version.
fn toolchain(rust: Rust) -> Option<String> {
    let list = output(program("rustup").args(["toolchain", "list"])).ok()?;
    let is_it =
        |line: &&str| [format!("{rust}-"), format!("{rust}.")].iter().any(|begin| line.starts_with(begin));
    list.lines().find(is_it)?.split_whitespace().next().map(str::to_owned)
}

/// Every direct dependency has its line in the document, and the line is right.
pub(crate) fn documented() -> Result<String, String> {
    let graph = Graph::read()?;
    let text = std::fs::read_to_string(root().join(DOCUMENT)).map_err(|e| format!("{DOCUMENT}: {e}"))?;
    let rows = rows(&graph)?;
    let wrong: Vec<&String> =
        rows.iter().filter(|row| !text.lines().any(|line| has_reason(line, row))).collect();
    wrong.iter().for_each(|row| println!("missing: {row}<why it and not another> |"));
    if let Some(row) = wrong.first() {
        return Err(format!("{DOCUMENT}: {} lines missing or wrong, first: {row}", wrong.len()));
    }
    let known = |line: &&str| rows.iter().any(|row| has_reason(line, row));
    match text.lines().filter(|line| line.starts_with("| `")).find(|line| !known(line)) {
        Some(line) => Err(format!("{DOCUMENT}: no dependency, or not as it is: {line}")),
        None => Ok(format!("{} direct dependencies", rows.len())),
    }
}

/// Whether the line is this row, followed by a reason.
fn has_reason(line: &str, row: &str) -> bool {
    line.strip_prefix(row).and_then(|rest| rest.strip_suffix('|')).is_some_and(|why| why.trim().len() > 10)
}

/// How the document's lines begin.
fn rows(graph: &Graph) -> Result<Vec<String>, String> {
    let mut rows = Vec::new();
    for (_, member) in graph.members() {
        for (name, asked) in &member.asks {
            let package = newest(graph, name).ok_or_else(|| format!("{name} is not in the graph"))?;
            let rust = package.rust.map_or_else(|| "not stated".to_owned(), |rust| rust.to_string());
            rows.push(format!(
                "| `{name}` | {} | {} | {rust} | ",
                asked.trim_start_matches('^'),
                package.licence
            ));
        }
    }
    rows.sort();
    rows.dedup();
    Ok(rows)
}

/// Where a graph has several versions of a package, a direct dependency is the newest.
fn newest<'g>(graph: &'g Graph, name: &str) -> Option<&'g Package> {
    let versions = graph.packages.values().filter(|package| package.name == name);
    versions.max_by_key(|package| {
        let numbers = package.version.split(['.', '+', '-']).map_while(|number| number.parse::<u32>().ok());
        numbers.collect::<Vec<_>>()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_direct_dependency_has_its_reason_in_the_document() {
        documented().unwrap();
    }

    #[test]
    fn a_line_without_a_reason_or_with_another_version_does_not_count() {
        let row = "| `one` | 1.2.3 | MIT | 1.60 | ";
        assert!(has_reason("| `one` | 1.2.3 | MIT | 1.60 | reads the thing |", row));
        assert!(!has_reason("| `one` | 1.2.3 | MIT | 1.60 |  |", row));
        assert!(!has_reason("| `one` | 1.2.4 | MIT | 1.60 | reads the thing |", row));
    }
}
