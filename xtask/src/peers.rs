//! Programs that were not written here, and what they are run for.

use std::fs;

use crate::report::Outcome;
use crate::run::{cargo, ends_with, output, program, root, run};

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
    /// Names that it may have, the best first.
    programs: &'static [&'static str],
    /// Arguments with which it does nothing, and the code that it ends with then.
    probe: (&'static [&'static str], i32),
    /// The Debian package that it comes with.
    package: &'static str,
}

/// Makes and reads the keys that `fwagent` reads and makes.
pub(crate) const OPENSSL: Peer =
    Peer { programs: &["openssl"], probe: (&["version"], 0), package: "openssl" };

/// Runs the servers and clients of `interop/`, in an environment of its own; Debian leaves `ensurepip` out of `python3`.
pub(crate) const PYTHON: Peer =
    Peer { programs: &["python3"], probe: (&["-c", "import ensurepip, venv"], 0), package: "python3-venv" };

/// libcoap's server, from which devices pull. Debian names it after what it does TLS with, and no argument
/// makes it succeed and end.
pub(crate) const COAP_SERVER: Peer = Peer {
    programs: &["coap-server", "coap-server-notls", "coap-server-openssl", "coap-server-gnutls"],
    probe: (&["--help"], 1),
    package: "libcoap3-bin",
};

/// The broker between a device and its platform. It ends so when it has told how it is used; Debian has it where not
/// every path leads.
pub(crate) const MOSQUITTO: Peer =
    Peer { programs: &["mosquitto", "/usr/sbin/mosquitto"], probe: (&["-h"], 3), package: "mosquitto" };

/// Writes and reads the messages of a controller.
pub(crate) const PROTOC: Peer =
    Peer { programs: &["protoc"], probe: (&["--version"], 0), package: "protobuf-compiler" };

/// Every peer that a step uses.
pub(crate) const ALL: [&Peer; 5] = [&OPENSSL, &PYTHON, &COAP_SERVER, &MOSQUITTO, &PROTOC];

/// Installs what is missing of them.
pub(crate) fn install() -> Result<String, String> {
    let absent: Vec<&str> =
        ALL.iter().filter(|peer| peer.find().is_none()).map(|peer| peer.package).collect();
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
    /// The name under which it is there.
    fn find(&self) -> Option<&'static str> {
        let (arguments, code) = self.probe;
        self.programs.iter().find(|name| ends_with(name, arguments, code)).copied()
    }

    /// Runs a step that needs it and is told its name.
    pub(crate) fn with<O: Into<Outcome>>(
        &self,
        missing: Missing,
        step: impl FnOnce(&'static str) -> O,
    ) -> Outcome {
        let absent = || format!("{} is not installed ({})", self.programs.join(" or "), self.package);
        match (self.find(), missing) {
            (Some(name), _) => step(name).into(),
            (None, Missing::Skip) => Outcome::Skipped(absent()),
            (None, Missing::Install) => Outcome::Failed(absent()),
        }
    }
}

/// A key that one of the two made is the same key to the other.
pub(crate) fn keys_with_openssl(openssl: &str) -> Result<String, String> {
    let folder = root().join("target/peers");
    // What an earlier run left.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let theirs = folder.join("theirs.pem");
    let ours = folder.join("ours.pem");
    run(program(openssl).args(["genpkey", "-algorithm", "ed25519", "-out"]).arg(&theirs))?;
    let fwagent = || {
        let mut command = cargo();
        command.args(["run", "--quiet", "--locked", "--package", "fwupd-agent", "--", "key"]);
        command
    };
    run(fwagent().arg("gen").arg(&ours))?;
    for key in [&theirs, &ours] {
        let to_us = output(fwagent().arg("show").arg(key))?;
        let to_them = output(program(openssl).args(["pkey", "-pubout", "-in"]).arg(key))?;
        let pem = to_us.split_once('\n').map(|(_, pem)| pem.trim()).unwrap_or_default();
        if pem.is_empty() || pem != to_them.trim() {
            return Err(format!("{}: fwagent says {pem:?}, openssl {to_them:?}", key.display()));
        }
    }
    Ok("2 keys, both ways".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_found_under_the_first_of_its_names_that_answers_its_probe() {
        let peer = |programs, code| Peer { programs, probe: (&["-c", "exit 3"], code), package: "none" };
        assert_eq!(peer(&["no-such-program", "sh"], 3).find(), Some("sh"));
        assert_eq!(peer(&["no-such-program", "sh"], 0).find(), None);
        assert_eq!(peer(&["no-such-program"], 3).find(), None);
    }

    #[test]
    fn a_step_whose_peer_is_absent_is_skipped_or_fails_as_was_asked() {
        let peer = Peer { programs: &["no-such-program"], probe: (&[], 0), package: "none" };
        let step = |_| -> Result<(), String> { panic!("it ran") };
        assert!(matches!(peer.with(Missing::Skip, step), Outcome::Skipped(_)));
        assert!(matches!(peer.with(Missing::Install, step), Outcome::Failed(_)));
    }
}
