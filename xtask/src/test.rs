//! `cargo xtask test`: every check, one after the other.

use crate::peers::{self, Missing};
use crate::report::{Outcome, Report};
use crate::run::{cargo, is_there, output, program, run};
use crate::{dependencies, interop, size, sources};

/// Where there is no operating system.
const TARGETS: [&str; 3] = ["thumbv6m-none-eabi", "thumbv7em-none-eabi", "riscv32imac-unknown-none-elf"];

/// What runs there.
const NO_STD: [&str; 7] =
    ["fwupd-core", "fwupd-coap", "fwupd-lwm2m", "fwupd-iotf", "fwupd-ocf", "fwupd-usp", "line-protocol"];

/// The core's features, which may be on or off side by side.
const FEATURES: [&str; 4] = ["serde", "defmt", "checksums", "_fuzzing"];

/// Runs all; true if nothing failed.
pub(crate) fn all(missing: Missing) -> bool {
    let mut report = Report::default();
    report.step("set up: targets", set_up_targets);
    if missing == Missing::Install {
        report.step("set up: system packages", peers::install);
    }
    report.step("rules of the repository", sources::check);
    report.step("licences", dependencies::licences);
    report.step("reasons for dependencies", dependencies::documented);
    report.step("rust versions of dependencies", dependencies::rust_versions);
    report.step("fmt", || cargo_steps(&[&["fmt", "--all", "--check"]]));
    report.step("clippy", clippy);
    report.step("docs", docs);
    report.step("features of the core", features);
    report.step("no_std builds", || no_std(missing));
    report.step("oldest rust", || dependencies::oldest_rust(missing));
    report.step("tests", || cargo_steps(&[&["test", "--locked", "--workspace"]]));
    report.step("tests: embassy-boot for flash that is erased to zeros", || {
        let feature = "fwupd-testkit/flash-erase-zero";
        cargo_steps(&[&["test", "--locked", "--workspace", "--test", "embassy", "--features", feature]])
    });
    report.step("keys with openssl", || peers::OPENSSL.with(missing, peers::keys_with_openssl));
    for suite in interop::ALL {
        report.step(suite.step, || suite.run(missing));
    }
    report.step("size: the driver updates", size::tests);
    report.step("size: budgets", || size::check(size::Budget::Keep));
    report.step("demo", || {
        cargo_steps(&[&["run", "--release", "--locked", "--package", "fwupd-agent", "--", "demo"]])
    });
    report.close()
}

fn cargo_steps(steps: &[&[&str]]) -> Result<(), String> {
    steps.iter().try_for_each(|arguments| run(cargo().args(*arguments)))
}

fn set_up_targets() -> Outcome {
    if !is_there("rustup", "--version") {
        return Outcome::Skipped("rustup is not installed".to_owned());
    }
    run(program("rustup").args(["target", "add"]).args(TARGETS)).into()
}

fn clippy() -> Result<(), String> {
    let deny = ["--", "-D", "warnings"];
    run(cargo().args(["clippy", "--locked", "--workspace", "--all-targets"]).args(deny))?;
    let core = [
        "clippy",
        "--locked",
        "--package",
        "fwupd-core",
        "--all-targets",
        "--features",
        "serde,defmt,checksums",
    ];
    run(cargo().args(core).args(deny))
}

fn docs() -> Result<(), String> {
    let arguments = ["doc", "--locked", "--workspace", "--no-deps", "--document-private-items"];
    run(cargo().args(arguments).env("RUSTDOCFLAGS", "-D warnings"))
}

fn features() -> Result<String, String> {
    let sets = 1usize << FEATURES.len();
    for set in 0..sets {
        let is_on = |n: &usize| set & 1 << n != 0;
        let on: Vec<&str> =
            (0..FEATURES.len()).filter(is_on).filter_map(|n| FEATURES.get(n).copied()).collect();
        let arguments =
            ["check", "--locked", "--package", "fwupd-core", "--no-default-features", "--features"];
        run(cargo().args(arguments).arg(on.join(",")))?;
    }
    Ok(format!("{sets} sets"))
}

fn no_std(missing: Missing) -> Outcome {
    for target in TARGETS {
        let folder = output(program("rustc").args(["--print", "target-libdir", "--target", target]));
        let is_installed = folder.is_ok_and(|path| std::path::Path::new(path.trim()).is_dir());
        if !is_installed {
            let why = format!("target {target} is not installed");
            return if missing == Missing::Skip { Outcome::Skipped(why) } else { Outcome::Failed(why) };
        }
        for set in ["", "fwupd-core/serde,fwupd-core/defmt,fwupd-core/checksums"] {
            let mut build = cargo();
            build.args(["build", "--locked", "--target", target, "--features", set]);
            for package in NO_STD {
                build.args(["--package", package]);
            }
            if let Err(why) = run(&mut build) {
                return Outcome::Failed(why);
            }
        }
    }
    Outcome::Told(format!("{} crates, {} targets", NO_STD.len(), TARGETS.len()))
}
