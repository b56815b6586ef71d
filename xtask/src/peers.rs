//! Programs that were not written here, and what they are run for.

use std::fs;

use crate::report::Outcome;
use crate::run::{cargo, is_there, output, program, root, run};

/// What to do about a program that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Name what was not run for the want of it.
    Skip,
    /// Install it, or fail.
    Install,
}

/// A program of the system.
pub(crate) struct Peer {
    /// Name of the program.
    program: &'static str,
    /// An argument with which it does nothing and succeeds.
    probe: &'static str,
    /// The Debian package that it comes with.
    package: &'static str,
}

/// Makes and reads the keys that `fwagent` reads and makes.
pub(crate) const OPENSSL: Peer = Peer { program: "openssl", probe: "version", package: "openssl" };

/// Every peer that a step uses.
pub(crate) const ALL: [&Peer; 1] = [&OPENSSL];

/// Installs what is missing of them.
pub(crate) fn install() -> Result<String, String> {
    let absent: Vec<&str> = ALL.iter().filter(|peer| !peer.is_there()).map(|peer| peer.package).collect();
    if absent.is_empty() {
        return Ok("nothing is missing".to_owned());
    }
    // Without root rights it asks for them.
    let apt = |arguments: &[&str]| {
        let is_root = output(program("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
        let mut command = program(if is_root { "apt-get" } else { "sudo" });
        if !is_root {
            command.arg("apt-get");
        }
        run(command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["update"])?;
    apt(&[&["install", "--yes", "--no-install-recommends"], absent.as_slice()].concat())?;
    Ok(absent.join(", "))
}

impl Peer {
    fn is_there(&self) -> bool {
        is_there(self.program, self.probe)
    }

    /// Runs a step that needs it.
    pub(crate) fn with(&self, missing: Missing, step: impl FnOnce() -> Result<String, String>) -> Outcome {
        match (self.is_there(), missing) {
            (true, _) => step().into(),
            (false, Missing::Skip) => Outcome::Skipped(format!("{} is not installed", self.program)),
            (false, Missing::Install) => Outcome::Failed(format!("{} is not installed", self.program)),
        }
    }
}

/// A key that one of the two made is the same key to the other.
pub(crate) fn keys_with_openssl() -> Result<String, String> {
    let folder = root().join("target/peers");
    // What an earlier run left.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let theirs = folder.join("theirs.pem");
    let ours = folder.join("ours.pem");
    run(program("openssl").args(["genpkey", "-algorithm", "ed25519", "-out"]).arg(&theirs))?;
    let fwagent = || {
        let mut command = cargo();
        command.args(["run", "--quiet", "--locked", "--package", "fwupd-agent", "--", "key"]);
        command
    };
    run(fwagent().arg("gen").arg(&ours))?;
    for key in [&theirs, &ours] {
        let to_us = output(fwagent().arg("show").arg(key))?;
        let to_them = output(program("openssl").args(["pkey", "-pubout", "-in"]).arg(key))?;
        let pem = to_us.split_once('\n').map(|(_, pem)| pem.trim()).unwrap_or_default();
        if pem.is_empty() || pem != to_them.trim() {
            return Err(format!("{}: fwagent says {pem:?}, openssl {to_them:?}", key.display()));
        }
    }
    Ok("2 keys, both ways".to_owned())
}
