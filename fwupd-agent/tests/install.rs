//! Updates of a device by the binary: good ones, interrupted ones, and those that are rolled back.

mod common;

use common::{Bench, CONFIG, IMAGE, package};
use fwupd_agent::firmware::{self, SelfTest};
use serde_json::Value;
use std::fs;

fn by_command() -> Bench {
    Bench::with(&format!("{CONFIG}confirm = \"command\"\n"))
}

#[test]
fn a_good_package_runs_confirmed_after_its_trial() {
    let bench = Bench::new();
    let file = bench.package("2.0.0", 11, SelfTest::Pass);
    assert_eq!(bench.done(&["install", &file]), "2.0.0 runs from slot 1\n");
    bench.stands("idle", 1, "2.0.0", None);
    assert_eq!(bench.status()["sequence"], 11);
    let file = bench.package("3.0.0", 12, SelfTest::Pass);
    bench.done(&["install", &file]);
    bench.stands("idle", 0, "3.0.0", None);
    let history: Value = serde_json::from_str(&bench.done(&["history", "--json"])).unwrap();
    let runs: Vec<_> = history.as_array().unwrap().iter().map(|run| (&run["run"], &run["outcome"])).collect();
    assert_eq!(runs, [(&1.into(), &"done".into()), (&2.into(), &"done".into())]);
}

#[test]
fn a_package_on_standard_input_is_installed_too() {
    let bench = Bench::new();
    let image = firmware::build("2.0.0", SelfTest::Pass, IMAGE).unwrap();
    let ran = bench.run_with(&["install", "-"], &package(&image, "2.0.0", 11, 1));
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "2.0.0 runs from slot 1\n"), "{}", ran.err);
    let again = bench.run_with(&["install", "-", "--dry-run"], &package(&image, "2.0.0", 10, 1));
    assert_eq!(again.code, Some(4), "{}", again.err);
}

#[test]
fn a_killed_installation_goes_on_from_its_checkpoint() {
    let bench = Bench::new();
    let file = bench.package("2.0.0", 11, SelfTest::Pass);
    let other = bench.package("3.0.0", 12, SelfTest::Pass);
    bench.killed_at(&["install", &file, "--stop-after", "15"], "stopped after block 15");
    assert_eq!(bench.status()["state"], "receiving");
    bench.fails(&["install", &other], 1, "another update is under way");
    bench.fails(&["confirm"], 2, "nothing is on trial");
    let ran: Value = serde_json::from_str(&bench.done(&["install", &file, "--json"])).unwrap();
    let read = ran["read"].as_u64().unwrap();
    assert!(read > 0 && read < IMAGE as u64 * 2 / 3, "{ran}");
    bench.stands("idle", 1, "2.0.0", None);
}

#[test]
fn a_killed_installation_is_resumed_or_cancelled_by_command() {
    let bench = Bench::new();
    let file = bench.package("2.0.0", 11, SelfTest::Pass);
    let stop = ["install", &file, "--stop-after", "10"];
    bench.killed_at(&stop, "stopped after block 10");
    assert_eq!(bench.done(&["cancel"]), "cancelled\n");
    bench.stands("idle", 0, "1.0.0", Some("cancelled"));
    bench.fails(&["cancel"], 2, "nothing is under way");
    bench.fails(&["resume"], 2, "nothing is under way");
    bench.killed_at(&stop, "stopped after block 10");
    assert_eq!(bench.done(&["resume"]), "2.0.0 runs from slot 1\n");
}

#[test]
fn a_killed_delivery_has_failed_for_want_of_power() {
    let bench = Bench::new();
    let file = bench.package("2.0.0", 11, SelfTest::Pass);
    let bytes = fs::read(bench.path(&file)).unwrap();
    let mut command = bench.command(&["install", "-", "--stop-after", "10"]);
    let input = fs::File::open(bench.path(&file)).unwrap();
    let mut child = command.stdin(input).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut said = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    assert!(said.any(|line| line.unwrap().contains("stopped after")));
    child.kill().unwrap();
    child.wait().unwrap();
    bench.fails(&["resume"], 2, "nothing is under way");
    bench.stands("idle", 0, "1.0.0", Some("power lost"));
    assert_eq!(bench.run_with(&["install", "-"], &bytes).code, Some(0));
}

#[test]
fn a_source_that_has_changed_is_installed_from_its_start() {
    let bench = Bench::new();
    let file = bench.package("2.0.0", 11, SelfTest::Pass);
    bench.killed_at(&["install", &file, "--stop-after", "15"], "stopped after block 15");
    fs::remove_file(bench.path(&file)).unwrap();
    let image = firmware::build("2.5.0", SelfTest::Pass, IMAGE).unwrap();
    fs::write(bench.path(&file), package(&image, "2.5.0", 11, 1)).unwrap();
    assert_eq!(bench.done(&["resume"]), "2.5.0 runs from slot 1\n");
}

#[test]
fn a_self_test_that_fails_is_rolled_back() {
    let bench = Bench::new();
    let file = bench.package("2.0.0", 11, SelfTest::Fail);
    bench.fails(&["install", &file], 6, "self-test failed");
    bench.stands("idle", 0, "1.0.0", Some("rejected by the application"));
    assert_eq!(bench.status()["slots"][1]["log"], "self-test failed");
}

#[test]
fn a_firmware_that_hangs_is_rolled_back_at_its_deadline_or_when_its_boots_are_spent() {
    let bench = Bench::new();
    let file = bench.package("2.0.0", 11, SelfTest::Hang);
    bench.fails(&["install", &file, "--set", "boot.period=1"], 6, "not confirmed");
    bench.stands("idle", 0, "1.0.0", Some("not confirmed"));

    let file = bench.package("3.0.0", 12, SelfTest::Hang);
    bench.killed_at(&["install", &file, "--set", "boot.trials=2"], "self-test hangs");
    assert_eq!(bench.status()["state"], "trial");
    bench.killed_at(&["resume"], "self-test hangs");
    bench.fails(&["resume"], 2, "nothing is under way");
    bench.stands("idle", 0, "1.0.0", Some("boot failed"));
}

#[test]
fn an_image_that_does_not_run_is_reset_by_the_watchdog_until_its_boots_are_spent() {
    let bench = Bench::new();
    fs::write(bench.path("2.0.0.suit"), package(&[0; IMAGE], "2.0.0", 11, 1)).unwrap();
    let ran = bench.run(&["install", "2.0.0.suit"]);
    assert_eq!(ran.code, Some(6), "{}", ran.err);
    assert_eq!(ran.err.matches("slot 1 on trial does not run").count(), 3, "{}", ran.err);
    bench.stands("idle", 0, "1.0.0", Some("boot failed"));
    assert_eq!(bench.status()["slots"][1]["log"], "trial boots spent");
}

#[test]
fn a_source_that_has_gone_ends_the_installation() {
    let bench = Bench::new();
    let file = bench.package("2.0.0", 11, SelfTest::Pass);
    bench.killed_at(&["install", &file, "--stop-after", "15"], "stopped after block 15");
    fs::remove_file(bench.path(&file)).unwrap();
    bench.fails(&["resume"], 1, "download: invalid URI; 1.0.0 runs");
    bench.stands("idle", 0, "1.0.0", Some("invalid URI"));
}

#[test]
fn confirmation_by_command_takes_a_command() {
    let bench = by_command();
    let file = bench.package("2.0.0", 11, SelfTest::Pass);
    let told = bench.done(&["install", &file, "--quiet", "--json"]);
    assert!(told.contains("on trial"), "{told}");
    bench.stands("trial", 1, "2.0.0", None);
    assert_eq!(bench.status()["trial_boots"], 2);
    assert_eq!(bench.done(&["confirm"]), "2.0.0 runs from slot 1\n");
    bench.stands("idle", 1, "2.0.0", None);
    bench.fails(&["confirm"], 2, "nothing is on trial");
    bench.fails(&["reject"], 2, "nothing is on trial");
}

#[test]
fn a_rejection_by_command_goes_back_and_keeps_its_reason() {
    let bench = by_command();
    let file = bench.package("2.0.0", 11, SelfTest::Pass);
    bench.done(&["install", &file]);
    bench.fails(&["rollback"], 1, "an image is on trial");
    let told = bench.done(&["reject", "--reason", "pump too loud"]);
    assert_eq!(told, "rejected; 1.0.0 runs from slot 0\n");
    bench.stands("idle", 0, "1.0.0", Some("rejected by the application"));
    assert_eq!(bench.status()["slots"][1]["log"], "pump too loud");
}

#[test]
fn what_nobody_confirms_in_time_is_rolled_back_by_the_next_command() {
    let bench = by_command();
    let file = bench.package("2.0.0", 11, SelfTest::Pass);
    bench.done(&["install", &file, "--set", "boot.period=1"]);
    // The period of 1 s, and the second by which a deadline over a reset may be late.
    std::thread::sleep(std::time::Duration::from_millis(3100));
    bench.fails(&["confirm"], 2, "nothing is on trial");
    bench.stands("idle", 0, "1.0.0", Some("not confirmed"));
}

#[test]
fn a_staged_image_is_activated_or_given_up() {
    let bench = Bench::new();
    let file = bench.package("2.0.0", 11, SelfTest::Pass);
    assert_eq!(bench.done(&["install", &file, "--stage-only"]), "2.0.0 is staged in slot 1\n");
    bench.stands("staged", 0, "1.0.0", None);
    assert_eq!(bench.done(&["activate"]), "2.0.0 runs from slot 1\n");
    bench.done(&["rollback"]);
    bench.stands("idle", 0, "1.0.0", None);
    assert_eq!(bench.status()["sequence"], 10);
    bench.done(&["install", &file, "--stage-only"]);
    assert_eq!(bench.done(&["cancel"]), "the staged image is given up\n");
    assert_eq!(bench.status()["slots"][1]["holds"], "nothing");
    bench.fails(&["activate"], 2, "no slot holds an image to activate");
    bench.fails(&["activate", "--slot", "0"], 2, "slot 0 runs already");
    bench.fails(&["activate", "--slot", "1"], 1, "slot 1 holds no image");
    bench.fails(&["activate", "--slot", "9"], 1, "no such slot");
    bench.fails(&["rollback"], 2, "no slot holds an earlier image");
}

#[test]
fn with_three_slots_a_rollback_takes_the_one_confirmed_before() {
    let bench = Bench::with(&CONFIG.replace("[flash]\n", "[flash]\nslots = 3\n"));
    for (version, sequence) in [("2.0.0", 11), ("3.0.0", 12)] {
        let file = bench.package(version, sequence, SelfTest::Pass);
        bench.done(&["install", &file]);
    }
    bench.stands("idle", 2, "3.0.0", None);
    bench.fails(&["activate"], 64, "give --slot");
    assert_eq!(bench.done(&["rollback"]), "2.0.0 runs from slot 1\n");
    assert_eq!(bench.done(&["activate", "--slot", "0"]), "1.0.0 runs from slot 0\n");
}

#[test]
fn a_confirmed_image_that_is_damaged_is_fallen_back_from() {
    let bench = Bench::new();
    let file = bench.package("2.0.0", 11, SelfTest::Pass);
    bench.done(&["install", &file]);
    bench.tamper(|flash| flash[131_072 + 50_000] ^= 1);
    bench.fails(&["resume"], 2, "nothing is under way");
    bench.stands("idle", 0, "1.0.0", Some("boot failed"));
    let history: Value = serde_json::from_str(&bench.done(&["history", "--json"])).unwrap();
    assert_eq!(history.as_array().unwrap().len(), 2);
    bench.tamper(|flash| flash[50_000] ^= 1);
    bench.fails(&["resume"], 1, "no slot holds an image that may boot");
}

#[test]
fn looking_at_a_device_changes_nothing() {
    let bench = by_command();
    let file = bench.package("2.0.0", 11, SelfTest::Pass);
    bench.done(&["install", &file]);
    let before = bench.flash();
    for _ in 0..5 {
        bench.done(&["status"]);
        bench.done(&["slots"]);
        bench.done(&["history"]);
        bench.done(&["install", &file, "--dry-run"]);
    }
    assert!(bench.flash() == before);
    bench.stands("trial", 1, "2.0.0", None);
}

#[test]
fn a_power_cut_in_any_operation_of_the_end_of_an_update_leaves_old_or_new() {
    let bench = Bench::new();
    let file = bench.package("2.0.0", 11, SelfTest::Pass);
    let factory = bench.flash();
    bench.done(&["install", &file]);
    let slots: Value = serde_json::from_str(&bench.done(&["slots", "--json"])).unwrap();
    let operations = slots["writes"].as_u64().unwrap() + slots["erases"].as_u64().unwrap();
    for cut in operations - 40..operations {
        bench.tamper(|flash| flash.copy_from_slice(&factory));
        let mut command = bench.command(&["install", &file, "--quiet"]);
        let ran = command.env("FWAGENT_POWER_CUT", format!("{cut}:{cut}")).output().unwrap();
        assert_eq!(ran.status.code(), Some(137), "cut {cut} of {operations}");
        bench.run(&["resume"]);
        let status = bench.status();
        let version = status["firmware"]["version"].as_str().unwrap();
        assert!(["1.0.0", "2.0.0"].contains(&version), "cut {cut}: {status}");
        assert_eq!(status["version"], version, "cut {cut}: {status}");
        assert!(["idle", "staged"].contains(&status["state"].as_str().unwrap()), "cut {cut}: {status}");
    }
}

#[test]
fn a_factory_reset_keeps_what_runs() {
    let bench = Bench::new();
    let file = bench.package("2.0.0", 11, SelfTest::Pass);
    bench.done(&["install", &file]);
    bench.done(&["factory-reset"]);
    bench.stands("idle", 1, "2.0.0", None);
    assert_eq!(bench.status()["slots"][0]["holds"], "nothing");
    assert_eq!(bench.status()["sequence"], 11);
}
