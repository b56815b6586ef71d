//! The agent against servers that were not written here (`interop/`).

use std::fs;
use std::path::{Path, PathBuf};

use crate::peers::{COAP_SERVER, Missing, PYTHON};
use crate::report::Outcome;
use crate::run::{cargo, is_there, program, root, run, shown_lines};

/// Results of an update that the LwM2M server must have read: OMA Object 5 v1.1, resource 5.
const RESULTS: [&str; 8] = ["1", "2", "4", "5", "6", "7", "8", "9"];

const REQUIREMENTS: &str = "interop/requirements.txt";

/// A LwM2M server on aiocoap updates the agent, well and badly.
pub(crate) fn lwm2m(missing: Missing) -> Outcome {
    PYTHON.with(missing, |python| {
        COAP_SERVER.with(missing, |coap_server| match (environment(python), missing) {
            (Ok(python), _) => scenarios(&python, coap_server).into(),
            // Without a network there is no aiocoap.
            (Err(why), Missing::Skip) => Outcome::Skipped(format!("no {REQUIREMENTS}: {why}")),
            (Err(why), Missing::Install) => Outcome::Failed(why),
        })
    })
}

/// The Python that has what is required, and nothing else.
fn environment(python: &str) -> Result<PathBuf, String> {
    let folder = root().join("target/interop-venv");
    let (own, stamp) = (folder.join("bin/python"), folder.join("required.txt"));
    let required = root().join(REQUIREMENTS);
    let wanted = fs::read(&required).map_err(|e| format!("{}: {e}", required.display()))?;
    // What was installed before may have lost its Python since.
    if fs::read(&stamp).is_ok_and(|had| had == wanted) && is_there(&own.to_string_lossy(), "--version") {
        return Ok(own);
    }
    run(program(python).args(["-m", "venv", "--clear"]).arg(&folder))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    let only = ["--require-hashes", "--only-binary", ":all:", "--requirement"];
    run(program(&own.to_string_lossy()).args(pip).args(only).arg(&required))?;
    fs::write(&stamp, wanted).map_err(|e| format!("{}: {e}", stamp.display()))?;
    Ok(own)
}

fn scenarios(python: &Path, coap_server: &str) -> Result<String, String> {
    let build = ["build", "--release", "--locked", "--package", "fwupd-agent", "--target-dir", "target"];
    run(cargo().args(build))?;
    let mut play = program(&python.to_string_lossy());
    play.args(["-B", "interop/lwm2m/scenarios.py", "--agent", "target/release/fwagent"]);
    let lines = shown_lines(play.args(["--coap-server", coap_server]))?;
    let read: Vec<&str> = lines.iter().filter_map(|line| result(line)).collect();
    let absent: Vec<&str> = RESULTS.into_iter().filter(|result| !read.contains(result)).collect();
    if absent.is_empty() {
        Ok(format!("{} scenarios; the server has read results {}", read.len(), RESULTS.join(", ")))
    } else {
        Err(format!("no scenario has ended with result {}", absent.join(", ")))
    }
}

/// The result that the line of a scenario says was read, beside state 0.
fn result(line: &str) -> Option<&str> {
    let (name, rest) = line.strip_prefix("interop lwm2m: ")?.split_once(": state 0 result ")?;
    let (result, _) = rest.split_once(';')?;
    (!name.contains(':')).then_some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_counts_where_the_line_of_a_scenario_begins_with_it() {
        let line = "interop lwm2m: push-16: state 0 result 1; runs 2.0.0; observed /5/0/3 0 1 2 3 0";
        assert_eq!(result(line), Some("1"));
        assert_eq!(result("interop lwm2m: cancelled: state 0 result 10; runs 1.0.0"), Some("10"));
        assert_eq!(result("interop lwm2m: push-16: state 2 result 8; runs 1.0.0"), None);
        assert_eq!(result("interop lwm2m: push-16: FAILED: state 0 result 1; not 2"), None);
        assert_eq!(result("    push-16: state 0 result 1; runs 2.0.0"), None);
    }
}
