//! The demonstration goes as told, and says so when it does not.

use std::process::Command;

use serde_json::Value;

fn demo(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fwagent"));
    let output = command.arg("demo").args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn every_story_goes_as_told() {
    let (code, out, err) = demo(&["--json", "--cuts", "25"]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    let told: Value = serde_json::from_str(&out).unwrap();
    let stories = told["stories"].as_array().unwrap();
    let names: Vec<_> = stories.iter().map(|story| story["story"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "install",
            "killed",
            "wrong-signature",
            "lower-sequence",
            "damaged",
            "self-test-fails",
            "hangs",
            "hangs-killed",
            "push",
            "pull-killed",
            "push-forged",
            "push-failing",
            "power-cuts",
        ]
    );
    assert!(stories.iter().all(|story| story["ok"] == true && story["told"] == story["happened"]), "{out}");
}

#[test]
fn a_story_that_is_told_wrongly_fails_the_demonstration() {
    let (code, out, err) = demo(&["--cuts", "1", "--falsify", "lower-sequence"]);
    assert_eq!(code, Some(1), "{out}");
    assert!(err.contains("1 of 13 stories went otherwise"), "{err}");
    let wrong: Vec<_> = out.lines().filter(|line| line.ends_with("NO")).collect();
    assert!(matches!(wrong[..], [line] if line.starts_with("lower-sequence ")), "{out}");
    assert_eq!(out.lines().filter(|line| line.ends_with("yes")).count(), 12, "{out}");
}

#[test]
fn a_story_that_nobody_knows_is_wrong_usage() {
    let (code, _, err) = demo(&["--falsify", "happy-end"]);
    assert_eq!(code, Some(64));
    assert_eq!(err, "fwagent: --falsify happy-end: no such story\n");
}
