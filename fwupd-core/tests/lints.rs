//! The lints that make every match decide about every state do fire, for each of the five enums that it is
//! there for, with the lint levels of this workspace.
//!
//! A crate of its own is laid out below the build directory, with the workspace's lint table and lock file,
//! and `cargo clippy --offline` is run on its programs. Each seeded one is a clean one with one arm put in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One enum, and a match over it that names every variant but for those that the seed leaves to `_`.
struct Seed {
    /// Name of the program.
    name: &'static str,
    /// The enum, with its path.
    subject: &'static str,
    /// The arms that stand in both programs.
    named: &'static str,
    /// The arms of the clean program, for which the seeded one has `_`.
    rest: &'static str,
    /// The lint that fires.
    lint: &'static str,
}

const SEVERAL: &str = "wildcard_enum_match_arm";
/// Where `_` stands for one variant alone, the lint above is silent.
const ONE: &str = "match_wildcard_for_single_variants";

const SEEDS: [Seed; 6] = [
    Seed {
        name: "state",
        subject: "lifecycle::State",
        named: "State::Idle => 0, State::Checking { .. } => 1, State::Receiving { .. } => 2,
            State::Validating { .. } => 3, State::Staged { .. } => 4, State::Activating { .. } => 5,",
        rest: "State::Trial { .. } => 9, State::Reverting { .. } => 9,",
        lint: SEVERAL,
    },
    Seed {
        name: "one_state",
        subject: "lifecycle::State",
        named: "State::Idle => 0, State::Checking { .. } => 1, State::Receiving { .. } => 2,
            State::Validating { .. } => 3, State::Staged { .. } => 4, State::Activating { .. } => 5,
            State::Trial { .. } => 6,",
        rest: "State::Reverting { .. } => 9,",
        lint: ONE,
    },
    Seed {
        name: "event",
        subject: "lifecycle::Event",
        named: "Event::Command { .. } => 0,",
        rest: "Event::World(_) => 9,",
        lint: ONE,
    },
    Seed {
        name: "effect",
        subject: "lifecycle::Effect",
        named: "Effect::Nothing => 0, Effect::Reset => 1,",
        rest: "Effect::Restart | Effect::Know(_) | Effect::Prepare(..) | Effect::Keep(_) => 9,
            Effect::GiveUp(..) | Effect::Empty(_) | Effect::Enable(..) | Effect::Preset(..) => 9,
            Effect::Condemn(..) | Effect::Adopt(_) | Effect::Forget => 9,",
        lint: SEVERAL,
    },
    Seed {
        name: "failure",
        subject: "outcome::Failure",
        named: "Failure::TransportStatus(_) => 0,",
        rest: "Failure::NoSpaceInFlash | Failure::OutOfRam | Failure::ConnectionLost => 9,
            Failure::HostUnknown | Failure::PeerNotTrusted | Failure::Integrity => 9,
            Failure::Authenticity | Failure::WrongDevice | Failure::UnsupportedPackage => 9,
            Failure::InvalidUri | Failure::UnsupportedProtocol | Failure::OlderThanAllowed => 9,
            Failure::InstallFailed | Failure::BootFailed | Failure::NotConfirmed => 9,
            Failure::Rejected | Failure::Cancelled | Failure::Deferred => 9,
            Failure::PowerLost | Failure::RecordLost | Failure::Internal => 9,",
        lint: SEVERAL,
    },
    Seed {
        name: "refused",
        subject: "outcome::Refused",
        named: "Refused::Busy(_) => 0, Refused::WrongState => 1,",
        rest: "Refused::Unsupported | Refused::Invalid | Refused::NoSuchSlot | Refused::NotAvailable => 9,",
        lint: SEVERAL,
    },
];

impl Seed {
    fn program(&self, rest: &str) -> String {
        let (module, subject) = self.subject.split_once("::").unwrap();
        let named = self.named;
        format!(
            "//! Seed.\nuse fwupd_core::{module}::{subject};\n\n\
             fn code(subject: &{subject}) -> u8 {{\n    match subject {{\n        {named}\n        {rest}\n    }}\n}}\n\n\
             fn main() {{\n    let _: fn(&{subject}) -> u8 = code;\n}}\n"
        )
    }
}

/// The lint tables of the workspace's manifest, as those of a package.
fn lints_of(workspace: &str) -> String {
    let mut ours = false;
    let mut lints = String::new();
    for line in workspace.lines() {
        if line.starts_with('[') {
            ours = line.starts_with("[workspace.lints");
        }
        if ours {
            lints.push_str(&line.replace("[workspace.lints", "[lints"));
            lints.push('\n');
        }
    }
    lints
}

fn lay_out(root: &Path) {
    let core = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = core.parent().unwrap();
    let lints = lints_of(&fs::read_to_string(workspace.join("Cargo.toml")).unwrap());
    assert!(lints.contains("[lints.clippy]"), "the workspace has a table of Clippy's lints");
    let manifest = format!(
        "[package]\nname = \"seeds\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n\
         [workspace]\n\n[dependencies]\nfwupd-core = {{ path = {core:?} }}\n\n{lints}"
    );
    let bin = root.join("src/bin");
    fs::create_dir_all(&bin).unwrap();
    fs::write(root.join("Cargo.toml"), manifest).unwrap();
    fs::copy(workspace.join("Cargo.lock"), root.join("Cargo.lock")).unwrap();
    for seed in &SEEDS {
        fs::write(bin.join(format!("{}_seeded.rs", seed.name)), seed.program("_ => 9,")).unwrap();
        fs::write(bin.join(format!("{}_clean.rs", seed.name)), seed.program(seed.rest)).unwrap();
    }
}

/// Runs Clippy on one program of the crate: whether it passed, and what it said.
fn clippy(root: &Path, program: &str) -> (bool, String) {
    let run = Command::new(env!("CARGO"))
        .args(["clippy", "--offline", "--quiet", "--color", "never", "--bin", program])
        .current_dir(root)
        .env("CARGO_TARGET_DIR", root.join("target"))
        // Flags of the outer run (coverage, sanitizers, denied warnings) are not what is tested.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CLIPPY_ARGS")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .output()
        .expect("cargo runs");
    (run.status.success(), String::from_utf8_lossy(&run.stderr).into_owned())
}

#[test]
fn a_seeded_wildcard_arm_stops_clippy_and_the_full_match_passes() {
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("seeds");
    lay_out(&root);
    for seed in &SEEDS {
        let (passed, said) = clippy(&root, &format!("{}_clean", seed.name));
        assert!(passed, "a match that names every {} passes:\n{said}", seed.subject);
        let (passed, said) = clippy(&root, &format!("{}_seeded", seed.name));
        assert!(!passed, "`_` on {} stops the build:\n{said}", seed.subject);
        assert!(said.contains(seed.lint), "by the lint's name:\n{said}");
    }
}
