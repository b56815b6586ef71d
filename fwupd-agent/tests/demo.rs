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
            "seen-by-four",
            "rejected-by-four",
            "forged-for-four",
            "power-cuts",
        ]
    );
    assert!(stories.iter().all(|story| story["ok"] == true && story["told"] == story["happened"]), "{out}");
    let steps = |story: &str| {
        let story = stories.iter().find(|one| one["story"] == story).unwrap();
        let row = |step: &Value| {
            ["step", "lwm2m", "ocf", "iotf", "usp"]
                .map(|key| step[key].as_str().unwrap().to_owned())
                .join(" ")
        };
        story["views"].as_array().unwrap().iter().map(row).collect::<Vec<_>>()
    };
    assert_eq!(
        steps("seen-by-four"),
        [
            "idle 0/0 idle/0 0/0 NoImage",
            "downloading 1/0 svv/0 1/0 Downloading",
            "downloaded 2/0 sva/1 2/0 Available",
            "on trial 3/0 upgrading/0 2/1 Active",
            "confirmed 0/1 idle/1 0/0 Active",
        ]
    );
    assert_eq!(steps("rejected-by-four").last().unwrap(), "rejected 0/8 nsa/8 0/5 ActivationFailed");
    assert_eq!(steps("forged-for-four").last().unwrap(), "refused 0/5 idle/5 0/4 ValidationFailed");
    assert_eq!(steps("push"), [""; 0]);
}

#[test]
fn a_story_that_is_told_wrongly_fails_the_demonstration() {
    for story in ["lower-sequence", "seen-by-four"] {
        let (code, out, err) = demo(&["--cuts", "1", "--falsify", story]);
        assert_eq!(code, Some(1), "{out}");
        assert!(err.contains("1 of 16 stories went otherwise"), "{err}");
        let wrong: Vec<_> = out.lines().filter(|line| line.ends_with("NO")).collect();
        assert!(matches!(wrong[..], [line] if line.starts_with(story)), "{out}");
        assert_eq!(out.lines().filter(|line| line.ends_with("yes")).count(), 15, "{out}");
    }
}

#[test]
fn a_story_that_nobody_knows_is_wrong_usage() {
    let (code, _, err) = demo(&["--falsify", "happy-end"]);
    assert_eq!(code, Some(64));
    assert_eq!(err, "fwagent: --falsify happy-end: no such story\n");
}
