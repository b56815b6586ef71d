//! Input that is not what it should be: one clear error line, the right exit code, the device as it was.

mod common;

use std::fs;

use common::{Bench, CONFIG, IMAGE, package, package_for};
use fwupd_agent::firmware::{self, SelfTest};
use fwupd_agent::identity::Identity;

const HTML: &[u8] = b"<!DOCTYPE html>\n<html><body>404 Not Found</body></html>\n";
/// Size of a slot, bytes.
const SLOT: usize = 131_072;

fn image(size: usize) -> Vec<u8> {
    firmware::build("2.0.0", SelfTest::Pass, size).unwrap()
}

#[test]
fn a_package_that_is_refused_by_its_head_leaves_every_slot_as_it_was() {
    let bench = Bench::new();
    let other = Identity::named("example.com", "another-board").unwrap();
    let good = image(IMAGE);
    let before = (bench.slots(), bench.status()["slots"].clone());
    for (what, bytes, code, line) in [
        ("an HTML page", HTML.to_vec(), 3, "unsupported package (not a signed envelope)"),
        ("nothing", vec![], 3, "integrity check failed"),
        ("half a head", package(&good, "2.0.0", 11, 1)[..100].to_vec(), 3, "integrity check failed"),
        ("a stranger's", package(&good, "2.0.0", 11, 2), 3, "authenticity check failed"),
        ("another board's", package_for(&good, "2.0.0", 11, 1, &other), 4, "wrong device"),
        ("an older one", package(&good, "2.0.0", 9, 1), 4, "older than allowed"),
        ("larger than the slot", package(&image(SLOT + 1), "2.0.0", 11, 1), 4, "no space in flash"),
        ("as large as the slot", package(&image(SLOT), "2.0.0", 11, 1), 4, "no space in flash"),
    ] {
        fs::write(bench.path("bad.suit"), &bytes).unwrap();
        let flash = bench.flash();
        let judged = bench.run(&["install", "bad.suit", "--dry-run"]);
        assert_eq!(judged.code, Some(code), "{what}: {}", judged.err);
        assert!(bench.flash() == flash, "{what}: a dry run wrote to flash");
        bench.fails(&["install", "bad.suit"], code, line);
        let told = bench.run_with(&["install", "-", "--quiet"], &bytes);
        assert_eq!(told.code, Some(code), "{what}: {}", told.err);
        assert!(told.err.contains(line), "{what}: {}", told.err);
        let after = (bench.slots(), bench.status()["slots"].clone());
        assert!(after == before, "{what}: a slot has changed");
    }
    bench.stands("idle", 0, "1.0.0", Some("no space in flash"));
}

#[test]
fn a_package_that_is_wrong_behind_its_head_is_not_activated() {
    let bench = Bench::new();
    let good = package(&image(IMAGE), "2.0.0", 11, 1);
    let mut turned = good.clone();
    *turned.last_mut().unwrap() ^= 1;
    let cut = good[..good.len() - 1].to_vec();
    let longer = [&good[..], b"!"].concat();
    for bytes in [turned, cut, longer] {
        fs::write(bench.path("bad.suit"), &bytes).unwrap();
        bench.fails(&["install", "bad.suit", "--dry-run"], 3, "bad.suit: ");
        bench.fails(&["install", "bad.suit"], 3, "integrity check failed");
        bench.stands("idle", 0, "1.0.0", Some("integrity check failed"));
        assert_eq!(bench.status()["slots"][1]["holds"], "failed");
    }
    fs::write(bench.path("good.suit"), &good).unwrap();
    bench.done(&["install", "good.suit"]);
    bench.stands("idle", 1, "2.0.0", None);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let bench = Bench::new();
    bench.fails(&["install", "missing.suit"], 1, "cannot read missing.suit: No such file");
    bench.fails(&["install", "dev"], 1, "dev is a folder");
    let deep = "d".repeat(200);
    fs::create_dir_all(bench.path(&format!("{deep}/{deep}"))).unwrap();
    let long = format!("{deep}/{deep}/p.suit");
    fs::write(bench.path(&long), HTML).unwrap();
    bench.fails(&["install", &long], 1, "too long");
    bench.fails(&["install", "x.suit", "--block", "0"], 64, "--block");
    bench.stands("idle", 0, "1.0.0", None);
}

#[test]
fn what_is_no_firmware_is_not_provisioned() {
    let bench = Bench::bare(CONFIG);
    let mut damaged = image(IMAGE);
    damaged[5000] ^= 1;
    let good = package(&image(IMAGE), "2.0.0", 11, 1);
    for (bytes, code, line) in [
        (HTML.to_vec(), 3, "not a firmware image"),
        (vec![], 3, "not a firmware image"),
        (image(IMAGE), 1, "no signed head for the bootloader"),
        (package(&image(SLOT), "2.0.0", 11, 1), 4, "larger than the slot"),
        (package(&image(IMAGE), "2.0.0", 11, 2), 3, "no trusted signature"),
        (package(HTML, "2.0.0", 11, 1), 3, "not a firmware image"),
        (package(&damaged, "2.0.0", 11, 1), 3, "filling of the firmware image is damaged"),
        (good[..good.len() - 1].to_vec(), 3, "not the one that the package describes"),
        (good[..50].to_vec(), 3, "cut short"),
    ] {
        fs::write(bench.path("file"), bytes).unwrap();
        bench.fails(&["provision", "--image", "file"], code, line);
        assert!(!bench.path("dev/flash.bin").exists());
    }
    fs::write(bench.path("file"), image(IMAGE)).unwrap();
    bench.done(&["provision", "--image", "file", "--set", "boot.check=none"]);
    let before = bench.flash();
    bench.fails(&["provision", "--image", "file", "--set", "boot.check=none"], 1, "--force replaces it");
    assert!(bench.flash() == before);
}

#[test]
fn a_device_that_is_not_there_is_named() {
    let bench = Bench::bare(CONFIG);
    for command in ["status", "slots", "resume", "confirm", "cancel", "factory-reset"] {
        bench.fails(&[command], 1, "there is no device: dev/flash.bin does not exist");
    }
    assert!(!bench.path("dev/lock").exists());
}

#[test]
fn a_flash_of_another_size_is_an_error_and_stays_as_it_is() {
    let bench = Bench::new();
    fs::write(bench.path("dev/flash.bin"), HTML).unwrap();
    for command in [&["status"][..], &["resume"], &["install", "1.0.0.suit"]] {
        bench.fails(command, 1, "but the configuration describes a flash of 270336");
    }
    assert_eq!(bench.flash(), HTML);
}

/// A device that runs 2.0.0 from slot 1.
fn updated() -> Bench {
    let bench = Bench::new();
    let file = bench.package("2.0.0", 11, SelfTest::Pass);
    bench.done(&["install", &file]);
    bench.stands("idle", 1, "2.0.0", None);
    bench
}

#[test]
fn a_blank_journal_boots_the_factory_slot() {
    let bench = updated();
    bench.tamper(|flash| flash[2 * SLOT..].fill(0xFF));
    assert_eq!(bench.status()["journal"], "blank");
    assert!(bench.done(&["status"]).starts_with("journal    blank"));
    bench.fails(&["resume"], 2, "nothing is under way");
    bench.stands("idle", 0, "1.0.0", None);
    let file = bench.package("3.0.0", 12, SelfTest::Pass);
    bench.done(&["install", &file]);
    bench.stands("idle", 1, "3.0.0", None);
}

#[test]
fn a_damaged_or_foreign_journal_is_told_and_reported_by_the_next_boot() {
    let damaged: fn(&mut [u8]) = |journal| journal.iter_mut().for_each(|byte| *byte ^= 0x5A);
    let zeroed: fn(&mut [u8]) = |journal| journal.fill(0);
    let html: fn(&mut [u8]) =
        |journal| journal.iter_mut().zip(HTML.iter().cycle()).for_each(|(to, b)| *to = *b);
    for change in [damaged, zeroed, html] {
        let bench = updated();
        let slots = bench.slots();
        bench.tamper(|flash| change(&mut flash[2 * SLOT..]));
        assert_eq!(bench.status()["journal"], "lost");
        assert!(bench.done(&["status"]).starts_with("journal    damaged or foreign"));
        bench.fails(&["resume"], 2, "nothing is under way");
        bench.stands("idle", 0, "1.0.0", Some("record lost"));
        assert_eq!(bench.status()["journal"], "good");
        assert!(bench.slots() == slots, "a lost record touched a slot");
        bench.done(&["install", "2.0.0.suit"]);
        bench.stands("idle", 1, "2.0.0", None);
    }
}

#[test]
fn the_journal_of_a_device_with_other_slots_is_foreign() {
    let other = Bench::with(&CONFIG.replace("[flash]\n", "[flash]\nslots = 3\n"));
    for (version, sequence) in [("2.0.0", 11), ("3.0.0", 12)] {
        let file = other.package(version, sequence, SelfTest::Pass);
        other.done(&["install", &file]);
    }
    let journal = other.flash()[3 * SLOT..].to_vec();
    let bench = Bench::new();
    bench.tamper(|flash| flash[2 * SLOT..].copy_from_slice(&journal));
    assert_eq!(bench.status()["journal"], "lost");
    bench.fails(&["resume"], 2, "nothing is under way");
    bench.stands("idle", 0, "1.0.0", Some("record lost"));
}

#[test]
fn a_configuration_that_is_wrong_stops_every_command_before_the_device() {
    let bench = Bench::new();
    let before = bench.flash();
    let commands = [&["status"][..], &["resume"], &["install", "1.0.0.suit"], &["slots"]];
    for (config, line) in [
        (format!("keyz = []\n{CONFIG}"), "unknown field `keyz`"),
        (CONFIG.replace("period", "perod"), "unknown field `perod`"),
        (CONFIG.replace("../k1.pub.pem", "fwagent.toml"), "fwagent.toml is not a key file"),
        (CONFIG.replace("k1.pub.pem", "missing.pem"), "missing.pem"),
        (CONFIG.replace("\"../k1.pub.pem\"", ""), "no trusted key"),
        (CONFIG.replace("[flash]", "[flash]\nslots = 9"), "slots"),
    ] {
        fs::write(bench.path("dev/fwagent.toml"), config).unwrap();
        for command in commands {
            bench.fails(command, 1, line);
        }
        assert!(bench.flash() == before);
    }
}

#[test]
fn a_state_directory_has_one_owner_at_a_time() {
    let bench = Bench::new();
    let file = bench.package("2.0.0", 11, SelfTest::Pass);
    let mut command = bench.command(&["install", &file, "--stop-after", "10"]);
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut said = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    assert!(said.any(|line| line.unwrap().contains("stopped after")));
    let before = bench.flash();
    for command in [&["confirm"][..], &["install", &file], &["provision", "--force", "--image", &file]] {
        bench.fails(command, 1, "dev is in use by another fwagent");
    }
    assert_eq!(bench.status()["state"], "receiving");
    assert!(bench.flash() == before);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(bench.done(&["resume"]), "2.0.0 runs from slot 1\n");
}

/// Runs a command that may not write any byte behind `limit` blocks of a file: as on a full disk, a write
/// fails, and nothing else.
fn on_a_full_disk(bench: &Bench, limit: u32, arguments: &str) -> common::Ran {
    let program = env!("CARGO_BIN_EXE_fwagent");
    let script = format!("trap '' XFSZ; ulimit -f {limit}; exec \"{program}\" --state dev {arguments}");
    let mut command = std::process::Command::new("sh");
    let output = command.current_dir(bench.dir.path()).args(["-c", &script]).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    common::Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

#[test]
fn a_full_disk_makes_no_device_and_leaves_the_one_that_is_there() {
    let bench = Bench::bare(CONFIG);
    let file = bench.package("1.0.0", 10, SelfTest::Pass);
    let provision = format!("provision --force --image {file}");
    let told = on_a_full_disk(&bench, 100, &provision);
    assert_eq!((told.code, told.err.matches('\n').count()), (Some(1), 1), "{}", told.err);
    assert!(told.err.starts_with("fwagent: cannot write dev/flash.bin: "), "{}", told.err);
    let mut left: Vec<_> = fs::read_dir(bench.path("dev")).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["fwagent.toml", "lock"]);

    bench.done(&["provision", "--image", &file]);
    let before = (bench.flash(), fs::read(bench.path("dev/wear.bin")).unwrap());
    let told = on_a_full_disk(&bench, 100, &provision);
    assert_eq!(told.code, Some(1), "{}", told.err);
    assert!((bench.flash(), fs::read(bench.path("dev/wear.bin")).unwrap()) == before);

    bench.package("2.0.0", 11, SelfTest::Pass);
    let told = on_a_full_disk(&bench, 0, "install --quiet 2.0.0.suit");
    assert_eq!((told.code, told.err.matches('\n').count()), (Some(1), 1), "{}", told.err);
    assert!(told.err.starts_with("fwagent: cannot use dev/flash.bin: "), "{}", told.err);
    assert!(bench.flash() == before.0);
    bench.done(&["install", "2.0.0.suit"]);
    bench.stands("idle", 1, "2.0.0", None);
}

#[test]
fn a_history_that_cannot_be_written_stops_no_update() {
    let bench = Bench::new();
    fs::create_dir(bench.path("dev/history.jsonl")).unwrap();
    let file = bench.package("2.0.0", 11, SelfTest::Pass);
    let ran = bench.run(&["install", &file]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("history.jsonl"), "{}", ran.err);
    bench.fails(&["history"], 1, "history.jsonl");
}
