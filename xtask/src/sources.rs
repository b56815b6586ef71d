//! Rules of the repository that no compiler checks.

use std::path::{Path, PathBuf};

use crate::run::{entries, root};

/// Longest production file, lines.
const LONGEST: usize = 600;

/// What the core must never name, and an adapter only if it is its own. Written in halves, so that this file does not name them either.
const PROTOCOLS: [&str; 4] =
    [concat!("lwm", "2m"), concat!("io", "tf"), concat!("o", "cf"), concat!("u", "sp")];

/// What reaches a flash driver. Written in halves, as above.
const FLASH: [&str; 4] = [
    concat!("Nor", "Flash"),
    concat!("ReadNor", "Flash"),
    concat!("MultiwriteNor", "Flash"),
    concat!("embedded_", "storage"),
];

/// The one file below the waist that names a flash trait.
const DRIVEN: &str = "fwupd-core/src/flash/run.rs";

/// What says that something is not done.
const UNDONE: [&str; 4] =
    [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("to", "do!"), concat!("unimple", "mented!")];

/// Folders at the top of somebody's machine.
const MACHINES: [&str; 5] = ["home", "root", "work", "Users", "tmp"];

/// Every text file keeps every rule.
pub(crate) fn check() -> Result<String, String> {
    let root = root();
    let mut files = Vec::new();
    collect(&root, &mut files)?;
    let (mut texts, mut bad) = (0, Vec::new());
    for file in files {
        let bytes = std::fs::read(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        // What is not text is a test vector.
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let path = file.strip_prefix(&root).unwrap_or(&file);
        texts += 1;
        bad.extend(judge(path, &text).into_iter().map(|why| format!("{}: {why}", path.display())));
    }
    bad.iter().for_each(|why| println!("{why}"));
    match bad.first() {
        Some(first) => Err(format!("{} times, first: {first}", bad.len())),
        None => Ok(format!("{texts} files")),
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    for path in entries(folder)? {
        let name = path.file_name().unwrap_or_default();
        if name == ".git" || name == "target" {
            continue;
        }
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// What is wrong with a file.
fn judge(path: &Path, text: &str) -> Vec<String> {
    let mut bad = Vec::new();
    let length = production_lines(path, text);
    if length > LONGEST {
        bad.push(format!("{length} production lines, at most {LONGEST}"));
    }
    for (n, line) in (1..).zip(text.lines()) {
        let mut found = |what: &str| bad.push(format!("line {n}: {what}"));
        if let Some(own) = waist_or_adapter(path) {
            PROTOCOLS
                .iter()
                .filter(|word| own != **word && names(line, word))
                .for_each(|word| found(&format!("{word} is named")));
            // The core's errors come from there.
            let core = path.starts_with("fwupd-core");
            FLASH
                .iter()
                .filter(|word| !core || (path != Path::new(DRIVEN) && **word != FLASH[3]))
                .filter(|word| identifies(line, word))
                .for_each(|word| found(&format!("{word} is named")));
        }
        UNDONE.iter().filter(|word| line.contains(**word)).for_each(|word| found(word));
        MACHINES.iter().filter(|top| is_path_below(line, top)).for_each(|_| found("a path of one machine"));
    }
    bad
}

/// The protocol of an adapter, "" for what every adapter stands on; `None` for what may name them all.
fn waist_or_adapter(path: &Path) -> Option<&str> {
    if path.starts_with("examples/line-protocol") {
        return Some("");
    }
    let package = path.iter().next()?.to_str()?.strip_prefix("fwupd-")?;
    match package {
        "core" | "coap" => Some(""),
        own => PROTOCOLS.contains(&own).then_some(own),
    }
}

/// Lines of a Rust file without its tests.
fn production_lines(path: &Path, text: &str) -> usize {
    let is_test = path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs");
    if path.extension().is_none_or(|extension| extension != "rs") || is_test {
        return 0;
    }
    let mut lines = text.lines().peekable();
    let mut count = 0;
    while let Some(line) = lines.next() {
        // Tests stand at the end of a file.
        if line == "#[cfg(test)]"
            && lines.peek().is_some_and(|next| next.starts_with("mod ") && next.ends_with('{'))
        {
            break;
        }
        count += 1;
    }
    count
}

/// Whether the line has the word, in any case and not as a part of another.
fn names(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| part.eq_ignore_ascii_case(word))
}

/// Whether the line has the identifier, whole; in a manifest it may be written with hyphens.
fn identifies(line: &str, word: &str) -> bool {
    let line = line.replace('-', "_");
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|part| part == word)
}

/// Whether the line has an absolute path below this folder.
fn is_path_below(line: &str, top: &str) -> bool {
    let path = format!("/{top}/");
    line.match_indices(&path).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|c| !c.is_ascii_alphanumeric() && !"._-}".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(path: &str, text: &str) -> usize {
        judge(Path::new(path), text).len()
    }

    #[test]
    fn this_repository_keeps_its_rules() {
        assert!(check().is_ok_and(|told| told.ends_with(" files")));
    }

    #[test]
    fn a_protocol_is_a_word_of_its_own_in_any_case() {
        let [first, .., last] = PROTOCOLS;
        assert_eq!(verdict("fwupd-core/src/lib.rs", &format!("as {} says", first.to_uppercase())), 1);
        assert_eq!(verdict("fwupd-core/src/lib.rs", &format!("for_{last}_only")), 1);
        assert_eq!(verdict("fwupd-core/src/lib.rs", &format!("{last}er, s{last}")), 0);
        assert_eq!(verdict("fwupd-agent/src/lib.rs", first), 0);
        assert_eq!(verdict("examples/line-protocol/src/lib.rs", first), 1);
        assert_eq!(verdict("fwupd-coap/src/lib.rs", first), 1);
        assert_eq!(verdict(&format!("fwupd-{first}/src/lib.rs"), first), 0);
        assert_eq!(verdict(&format!("fwupd-{first}/src/lib.rs"), last), 1);
    }

    #[test]
    fn a_flash_trait_is_named_where_operations_are_carried_out_and_nowhere_else_below_the_agent() {
        let [write, read, .., driver] = FLASH;
        let [adapter, ..] = PROTOCOLS;
        let adapter = format!("fwupd-{adapter}/src/lib.rs");
        for word in FLASH {
            assert_eq!(verdict(&adapter, &format!("use x::{word};")), 1, "{word}");
        }
        assert_eq!(verdict(&adapter.replace("src/lib.rs", "Cargo.toml"), &driver.replace('_', "-")), 1);
        assert_eq!(verdict("fwupd-core/src/boot/native.rs", &format!("impl<F: {write}> Boot<F>")), 1);
        assert_eq!(verdict("fwupd-coap/src/lib.rs", read), 1);
        assert_eq!(verdict("fwupd-coap/Cargo.toml", driver), 1);
        assert_eq!(verdict(DRIVEN, &format!("impl<F: {write}> Parts for F")), 0);
        assert_eq!(verdict("fwupd-core/src/flash/mod.rs", &format!("pub use {driver}::nor_flash::Kind;")), 0);
        assert_eq!(verdict("fwupd-core/src/flash/mod.rs", &format!("{write}ErrorKind")), 0);
        assert_eq!(verdict("fwupd-agent/src/flash/file.rs", write), 0);
    }

    #[test]
    fn what_is_undone_and_a_path_of_a_machine_are_found() {
        assert_eq!(verdict("a.md", &format!("{}: all", UNDONE[0])), 1);
        let path = format!("see /{}/me", MACHINES[0]);
        assert_eq!(verdict("a.md", &path), 1);
        assert_eq!(verdict("a.md", &format!("https://example.com/{}/me", MACHINES[0])), 0);
    }

    #[test]
    fn a_long_file_is_one_whose_code_is_long() {
        let long = "x\n".repeat(LONGEST);
        assert_eq!(verdict("a/src/lib.rs", &long), 0);
        assert_eq!(verdict("a/src/lib.rs", &format!("{long}#[cfg(test)]\nmod tests {{\n{long}}}\n")), 0);
        assert_eq!(verdict("a/src/lib.rs", &format!("x\n{long}")), 1);
        assert_eq!(verdict("a/tests/all.rs", &format!("x\n{long}")), 0);
    }
}
