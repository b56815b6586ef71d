//! `cargo xtask size`: what the engine takes on a microcontroller.
//!
//! `benches/size` is built for two of them, with sha2 as it is by default and with its compact form, and the
//! binary without what is measured is subtracted.

mod budget;
mod elf;

use budget::Row;
use rustc_demangle::demangle;

use crate::run::{cargo, root, run};

const TARGETS: [&str; 2] = ["thumbv6m-none-eabi", "thumbv7em-none-eabi"];

/// How sha2 is built, and the compiler's flags for it.
const SHA2: [(&str, &str); 2] =
    [("default", ""), ("compact", r#"--cfg sha2_backend="soft" --cfg sha2_backend_soft="compact""#)];

/// What is measured, and over which binary.
struct Measured {
    binary: &'static str,
    over: &'static str,
    panics: Panics,
}

/// Whether a binary may hold what panics, or what writes text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Panics {
    /// It is shown what does.
    Shown,
    /// Nothing must. A bootloader that panics boots nothing.
    Never,
}

/// `base` is all but an updater; the crates of the network are measured over what they stand on.
const BINARIES: [Measured; 9] = [
    Measured { binary: "selector", over: "base", panics: Panics::Never },
    Measured { binary: "selector-sha", over: "base", panics: Panics::Never },
    Measured { binary: "core", over: "base", panics: Panics::Shown },
    Measured { binary: "suit", over: "base", panics: Panics::Shown },
    Measured { binary: "coap", over: "core", panics: Panics::Shown },
    Measured { binary: "lwm2m", over: "coap", panics: Panics::Shown },
    Measured { binary: "ocf", over: "coap", panics: Panics::Shown },
    Measured { binary: "iotf", over: "core", panics: Panics::Shown },
    Measured { binary: "usp", over: "core", panics: Panics::Shown },
];

/// How many of the largest symbols are shown.
const SHOWN: usize = 25;

/// What becomes of the checked-in budgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Budget {
    /// They are compared with.
    Keep,
    /// They are set to what is measured now.
    Set,
}

/// The command: the table, the largest symbols, the verdict.
pub(crate) fn command(budget: Budget) -> bool {
    match check(budget) {
        Ok(verdict) => {
            println!("{verdict}");
            true
        }
        Err(why) => {
            eprintln!("{why}");
            false
        }
    }
}

/// The measured driver installs real packages on the host.
pub(crate) fn tests() -> Result<(), String> {
    let size = || {
        let mut command = cargo();
        command.current_dir(root().join("benches/size"));
        command
    };
    let target = ["--locked", "--target-dir", "../../target/size/host"];
    run(size().args(["fmt", "--check"]))?;
    run(size().args(["clippy", "--all-targets"]).args(target).args(["--", "-D", "warnings"]))?;
    run(size().arg("test").args(target))
}

/// Builds and measures; an error above a budget.
pub(crate) fn check(budget: Budget) -> Result<String, String> {
    let mut rows = Vec::new();
    for target in TARGETS {
        for (sha2, flags) in SHA2 {
            let folder = build(target, sha2, flags)?;
            for Measured { binary, over, panics } in BINARIES {
                let (sizes, over) = (measure(&folder, binary)?, measure(&folder, over)?);
                let named = panicking(&sizes);
                if panics == Panics::Never && !named.is_empty() {
                    return Err(format!("{binary}, {target}: {} must not be in it", named.join(", ")));
                }
                if target == TARGETS[1] && sha2 == "compact" {
                    show(binary, &sizes);
                }
                rows.push(Row {
                    target: target.to_owned(),
                    binary: binary.to_owned(),
                    sha2: sha2.to_owned(),
                    text: sizes.text.saturating_sub(over.text),
                    ram: sizes.ram.saturating_sub(over.ram),
                });
            }
        }
    }
    if budget == Budget::Set {
        budget::write(&rows)?;
    }
    compare(&rows, &budget::read()?)
}

fn build(target: &str, sha2: &str, flags: &str) -> Result<std::path::PathBuf, String> {
    let folder = format!("target/size/{sha2}");
    let arguments = ["build", "--release", "--locked", "--bins", "--features", "device", "--target", target];
    let mut command = cargo();
    command.args(arguments).args(["--manifest-path", "benches/size/Cargo.toml", "--target-dir", &folder]);
    run(command.env("RUSTFLAGS", flags))?;
    Ok(root().join(folder).join(target).join("release"))
}

fn measure(folder: &std::path::Path, binary: &str) -> Result<elf::Sizes, String> {
    let path = folder.join(binary);
    let file = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    elf::measure(&file).ok_or_else(|| format!("{}: no binary of a 32-bit device", path.display()))
}

/// The largest symbols, and whether anything can panic.
fn show(binary: &str, sizes: &elf::Sizes) {
    println!("\n{binary}, {}, compact sha2: the largest symbols", TARGETS[1]);
    for (size, name) in sizes.symbols.iter().take(SHOWN) {
        println!("{size:7}  {:#}", demangle(name));
    }
    let panics = panicking(sizes);
    println!(
        "{binary}: functions that panic: {}",
        if panics.is_empty() { "none".to_owned() } else { panics.join(", ") }
    );
}

/// The functions that panic, or write text as a panic does.
fn panicking(sizes: &elf::Sizes) -> Vec<String> {
    let names = sizes.symbols.iter().map(|(_, name)| format!("{:#}", demangle(name)));
    let panics = |name: &String| {
        name.starts_with("core::panicking")
            || name.contains("core::fmt")
            || name.ends_with("_fail")
            || (name.starts_with("core::") && name.ends_with("_failed"))
            || name.contains("rust_begin_unwind")
    };
    names.filter(panics).collect()
}

fn compare(rows: &[Row], budgets: &[Row]) -> Result<String, String> {
    println!(
        "\n{:22} {:12} {:8} {:>7} {:>7} {:>7} {:>7}",
        "target", "binary", "sha2", "text", "budget", "ram", "budget"
    );
    let mut over = Vec::new();
    for row in rows {
        let name = format!("{} {} {}", row.target, row.binary, row.sha2);
        let budget =
            budgets.iter().find(|budget| budget.is_of(row)).ok_or_else(|| format!("no budget for {name}"))?;
        let good = row.text <= budget.text && row.ram <= budget.ram;
        println!(
            "{:22} {:12} {:8} {:7} {:7} {:7} {:7}{}",
            row.target,
            row.binary,
            row.sha2,
            row.text,
            budget.text,
            row.ram,
            budget.ram,
            if good { "" } else { "  OVER" }
        );
        if !good {
            over.push(name);
        }
    }
    if over.is_empty() {
        Ok("within the budgets".to_owned())
    } else {
        Err(format!("over the budget: {}", over.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_panics_or_writes_text_is_named() {
        let symbols = [
            "_ZN4core9panicking9panic_fmt17h0123456789abcdefE",
            "_ZN4core5slice20copy_from_slice_impl17len_mismatch_fail17h0123456789abcdefE",
            "_ZN4core3fmt5write17h0123456789abcdefE",
            "_ZN10fwupd_core5flash3run3run17h0123456789abcdefE",
            "memcpy",
        ];
        let symbols = symbols.map(|name| (1, name.to_owned())).to_vec();
        let named = panicking(&elf::Sizes { text: 0, ram: 0, symbols });
        let all = [
            "core::panicking::panic_fmt",
            "core::slice::copy_from_slice_impl::len_mismatch_fail",
            "core::fmt::write",
        ];
        assert_eq!(named, all);
    }

    #[test]
    fn one_byte_over_a_budget_is_an_error_and_so_is_a_binary_without_one() {
        let row = |text, ram| Row {
            target: "thumb".to_owned(),
            binary: "core".to_owned(),
            sha2: "compact".to_owned(),
            text,
            ram,
        };
        assert!(compare(&[row(10, 20)], &[row(10, 20)]).is_ok());
        assert!(compare(&[row(11, 20)], &[row(10, 20)]).is_err());
        assert!(compare(&[row(10, 21)], &[row(10, 20)]).is_err());
        assert!(compare(&[row(10, 20)], &[]).is_err());
    }
}
