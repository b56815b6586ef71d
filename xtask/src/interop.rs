//! The agent against programs that were not written here (`interop/`).

use std::fs;
use std::path::PathBuf;

use crate::metadata::Graph;
use crate::peers::{COAP_SERVER, MOSQUITTO, Missing, PROTOC, PYTHON, Peer};
use crate::report::Outcome;
use crate::run::{cargo, is_there, program, root, run, shown_lines};

const REQUIREMENTS: &str = "interop/requirements.txt";

/// The package that brings the schemas of USP's messages with it.
const SCHEMAS: &str = "rusp-lib";

/// Scenarios of one protocol.
pub(crate) struct Suite {
    /// What it is called among the steps.
    pub(crate) step: &'static str,
    /// The folder of `interop/`.
    protocol: &'static str,
    /// A program that it needs, and the flag that names it.
    peer: Option<(&'static Peer, &'static str)>,
    /// Whether it needs the schemas of messages.
    schemas: bool,
    /// How scenarios must have ended, each at least once.
    ends: &'static [&'static str],
}

/// A server on aiocoap, which reads State and Update Result: OMA Object 5 v1.1, resources 3 and 5.
const LWM2M: Suite = Suite {
    step: "interop: lwm2m",
    protocol: "lwm2m",
    peer: Some((&COAP_SERVER, "--coap-server")),
    schemas: false,
    ends: &[
        "state 0 result 1; runs 2.0.0",
        "state 0 result 1; runs 2.1.0",
        "state 0 result 2",
        "state 0 result 4",
        "state 0 result 5",
        "state 0 result 6",
        "state 0 result 7",
        "state 0 result 8",
        "state 0 result 9",
    ],
};

/// A platform on paho-mqtt behind Mosquitto, which reads state and updateStatus of mgmt.firmware.
const IOTF: Suite = Suite {
    step: "interop: iotf",
    protocol: "iotf",
    peer: Some((&MOSQUITTO, "--mosquitto")),
    schemas: false,
    ends: &[
        "state 0 status 0; runs 2.0.0",
        "state 2 status 0",
        "state 0 status 2",
        "state 0 status 3",
        "state 0 status 4",
        "state 0 status 5",
        "state 0 status 6",
    ],
};

/// A client on aiocoap, which reads swupdatestate and swupdateresult.
const OCF: Suite = Suite {
    step: "interop: ocf",
    protocol: "ocf",
    peer: None,
    schemas: false,
    ends: &[
        "state idle result 1",
        "state nsa result 1",
        "state sva result 1",
        "state idle result 3",
        "state nsa result 4",
        "state idle result 5",
        "state nsa result 5",
        "state idle result 6",
        "state idle result 7",
        "state nsa result 8",
        "state idle result 404",
    ],
};

/// A controller on websockets whose messages protoc writes and reads, which reads ActiveFirmwareImage and Status.
const USP: Suite = Suite {
    step: "interop: usp",
    protocol: "usp",
    peer: Some((&PROTOC, "--protoc")),
    schemas: true,
    ends: &[
        "active 2; image 2 Active; runs 2.0.0",
        "active 1; image 2 Available",
        "active 1; image 2 DownloadFailed",
        "active 1; image 2 ValidationFailed",
        "active 1; image 2 InstallationFailed",
        "active 1; image 2 ActivationFailed",
    ],
};

/// All that there is.
pub(crate) const ALL: [Suite; 4] = [LWM2M, IOTF, OCF, USP];

impl Suite {
    /// Updates the agent, well and badly.
    pub(crate) fn run(&self, missing: Missing) -> Outcome {
        PYTHON.with(missing, |python| match (self.peer, environment(python), missing) {
            (None, Ok(python), _) => self.scenarios(&python, &[]).into(),
            (Some((peer, flag)), Ok(python), _) => {
                peer.with(missing, |peer| self.scenarios(&python, &[flag, peer]))
            }
            // Without a network there are no packages.
            (_, Err(why), Missing::Skip) => Outcome::Skipped(format!("no {REQUIREMENTS}: {why}")),
            (_, Err(why), Missing::Install) => Outcome::Failed(why),
        })
    }

    fn scenarios(&self, python: &str, peer: &[&str]) -> Result<String, String> {
        let build = ["build", "--release", "--locked", "--package", "fwupd-agent", "--target-dir", "target"];
        run(cargo().args(build))?;
        let module = format!("{}.scenarios", self.protocol);
        let mut play = program(python);
        play.env("PYTHONPATH", root().join("interop"));
        play.args(["-B", "-m", &module, "--agent", "target/release/fwagent"]).args(peer);
        if self.schemas {
            play.arg("--schemas").arg(schemas()?);
        }
        let lines = shown_lines(&mut play)?;
        let good = lines.iter().filter(|line| self.told(line).is_some()).count();
        let ended = |end: &str| lines.iter().filter_map(|line| self.told(line)).any(|told| begins(told, end));
        let absent: Vec<&str> = self.ends.iter().filter(|end| !ended(end)).copied().collect();
        if absent.is_empty() {
            Ok(format!("{good} scenarios; {} ends that must be there", self.ends.len()))
        } else {
            Err(format!("no scenario has ended with {}", absent.join(", ")))
        }
    }

    /// What the line of a scenario tells behind its name; nothing of one that failed.
    fn told<'l>(&self, line: &'l str) -> Option<&'l str> {
        let line = line.strip_prefix("interop ")?.strip_prefix(self.protocol)?.strip_prefix(": ")?;
        let (_, told) = line.split_once(": ")?;
        (!told.starts_with("FAILED")).then_some(told)
    }
}

/// Whether what was told begins with this end, whole.
fn begins(told: &str, end: &str) -> bool {
    told.strip_prefix(end).is_some_and(|rest| rest.starts_with(';'))
}

/// The Python that has what is required, and nothing else.
fn environment(python: &str) -> Result<String, String> {
    let folder = root().join("target/interop-venv");
    let (own, stamp) = (folder.join("bin/python"), folder.join("required.txt"));
    let own = own.to_string_lossy().into_owned();
    let required = root().join(REQUIREMENTS);
    let wanted = fs::read(&required).map_err(|e| format!("{}: {e}", required.display()))?;
    // What was installed before may have lost its Python since.
    if fs::read(&stamp).is_ok_and(|had| had == wanted) && is_there(&own, "--version") {
        return Ok(own);
    }
    run(program(python).args(["-m", "venv", "--clear"]).arg(&folder))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    let only = ["--require-hashes", "--only-binary", ":all:", "--requirement"];
    run(program(&own).args(pip).args(only).arg(&required))?;
    fs::write(&stamp, wanted).map_err(|e| format!("{}: {e}", stamp.display()))?;
    Ok(own)
}

/// The folder of the schemas, where cargo has unpacked them.
fn schemas() -> Result<PathBuf, String> {
    let graph = Graph::read()?;
    let package = graph.packages.values().find(|package| package.name == SCHEMAS);
    let folder = package.and_then(|package| package.manifest.parent());
    folder.map(|folder| folder.join("src")).ok_or_else(|| format!("{SCHEMAS} is not a dependency"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_counts_where_the_line_of_a_scenario_begins_with_it() {
        let line = "interop lwm2m: push-16: state 0 result 1; runs 2.0.0; observed /5/0/3 0 1 2 3 0";
        let told = LWM2M.told(line).unwrap();
        assert!(begins(told, "state 0 result 1"));
        let ten = LWM2M.told("interop lwm2m: cancelled: state 0 result 10; runs 1.0.0").unwrap();
        assert!(!begins(ten, "state 0 result 1"));
        assert_eq!(LWM2M.told("interop lwm2m: push-16: FAILED: state 0 result 1; not 2"), None);
        assert_eq!(LWM2M.told("    push-16: state 0 result 1; runs 2.0.0"), None);
        assert_eq!(OCF.told(line), None);
        let image = USP.told("interop usp: back: active 1; image 2 Available; runs 1.0.0").unwrap();
        assert!(begins(image, "active 1; image 2 Available"));
    }

    #[test]
    fn the_schemas_are_where_the_package_is() {
        assert!(schemas().unwrap().join("usp-msg-1-4.proto").is_file());
    }
}
