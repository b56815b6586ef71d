//! The binary: what it prints, what it writes, and how it ends.

use std::fs;
use std::path::Path;
use std::process::Command;

use fwupd_agent::hex;
use fwupd_agent::keys::PrivateKey;
use tempfile::TempDir;

const K1: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
const K2: &str = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";

struct Ran {
    code: i32,
    out: String,
    err: String,
}

/// Runs the binary in `dir`, where no state directory is.
fn run(dir: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fwagent"));
    let ran = command.current_dir(dir).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: ran.status.code().unwrap(), out: text(ran.stdout), err: text(ran.stderr) }
}

/// Runs it and wants this exit code, one line on stderr that holds `line`, and nothing on stdout.
#[track_caller]
fn fails(dir: &Path, arguments: &[&str], code: i32, line: &str) {
    let ran = run(dir, arguments);
    assert_eq!(ran.code, code, "{arguments:?}: {}", ran.err);
    assert!(ran.err.starts_with("fwagent: ") && ran.err.contains(line), "{arguments:?}: {}", ran.err);
    assert_eq!(ran.err.matches('\n').count(), 1, "{}", ran.err);
    assert_eq!(ran.out, "");
}

fn vector(name: &str) -> String {
    format!("{}/tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A directory with the private key `k1.pem`.
fn bench() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let seed = include_str!("vectors/k1.seed.hex").trim();
    let key = PrivateKey::from_seed(&hex::array(seed).unwrap());
    fs::write(dir.path().join("k1.pem"), key.to_pem().unwrap().as_bytes()).unwrap();
    dir
}

#[test]
fn a_generated_key_is_shown_alike_from_both_of_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let made = run(dir.path(), &["key", "gen", "a.pem"]);
    assert_eq!((made.code, made.err.as_str()), (0, ""));
    let private = run(dir.path(), &["key", "show", "a.pem"]);
    let public = run(dir.path(), &["key", "show", "a.pub.pem"]);
    assert_eq!(private.code, 0, "{}", private.err);
    assert_eq!(private.out, public.out);
    let key = private.out.lines().next().unwrap();
    assert_eq!(key.len(), 64);
    assert!(made.out.contains(key));
    assert!(private.out.contains("-----BEGIN PUBLIC KEY-----") && !private.out.contains("PRIVATE"));

    fs::write(dir.path().join("a.hex"), key).unwrap();
    assert_eq!(run(dir.path(), &["key", "show", "a.hex"]).out, private.out);
    let object: serde_json::Value =
        serde_json::from_str(&run(dir.path(), &["--json", "key", "show", "a.pem"]).out).unwrap();
    assert_eq!(object["key"], key);
}

#[cfg(unix)]
#[test]
fn a_private_key_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    for arguments in [&["key", "gen", "a.pem"][..], &["key", "gen", "a.pem", "--force"]] {
        assert_eq!(run(dir.path(), arguments).code, 0);
        let mode = fs::metadata(dir.path().join("a.pem")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn keys_that_exist_are_replaced_only_by_force() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    assert_eq!(run(path, &["-q", "key", "gen", "a.pem"]).out, "");
    let old = fs::read(path.join("a.pem")).unwrap();
    fails(path, &["key", "gen", "a.pem"], 1, "a.pem exists");
    fs::write(path.join("b.pub.pem"), "something").unwrap();
    fails(path, &["key", "gen", "b.pem"], 1, "b.pub.pem exists");
    assert!(!path.join("b.pem").exists(), "no half of a pair");
    assert_eq!(fs::read(path.join("a.pem")).unwrap(), old);
    assert_eq!(run(path, &["key", "gen", "a.pem", "--force"]).code, 0);
    assert_ne!(fs::read(path.join("a.pem")).unwrap(), old);
}

#[test]
fn what_is_not_a_key_is_one_line_and_exit_1() {
    let dir = bench();
    let html = vector("../cli.rs");
    fails(dir.path(), &["key", "show", &html], 1, "is not a key file");
    fails(dir.path(), &["key", "show", "missing"], 1, "cannot read missing");
    fails(dir.path(), &["key", "show", "."], 1, "cannot read .");
    let verify = ["pack", "verify", &vector("one-uri.suit"), "--key", &html];
    fails(dir.path(), &verify, 1, "is not a key file");
    let (image, public) = (vector("fw.bin"), vector("k1.pub.pem"));
    let build = ["pack", "build", "--image", &image, "--key", &public, "--sequence", "1", "--out", "p"];
    fails(dir.path(), &build, 1, "is not a private key");
    assert!(!dir.path().join("p").exists());
}

#[test]
fn a_wrong_command_line_is_one_line_and_exit_64() {
    let dir = tempfile::tempdir().unwrap();
    for (arguments, line) in [
        (&[][..], "no command"),
        (&["key"], "no command"),
        (&["fly"], "unrecognized subcommand 'fly'"),
        (&["key", "gen"], "required arguments were not provided: <FILE>"),
        (&["key", "show", "a", "--loud"], "unexpected argument '--loud'"),
        (&["pack", "verify", "a", "--sequence", "-1"], "unexpected argument '-1'"),
        (&["pack", "verify", "a", "--sequence", "x"], "invalid value 'x'"),
        (&["pack", "verify", "a"], "no trusted key"),
        (&["pack", "verify", "a", "--set", "flash.slots"], "not KEY=VALUE"),
        (&["firmware", "make", "--version", "1", "--selftest", "maybe", "--out", "a"], "maybe"),
    ] {
        fails(dir.path(), arguments, 64, line);
    }
    let help = run(dir.path(), &["--help"]);
    assert_eq!((help.code, help.err.as_str()), (0, ""));
    assert!(help.out.contains("64 wrong usage"));
    assert_eq!(run(dir.path(), &["--version"]).out, format!("fwagent {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn json_has_the_error_as_an_object_too() {
    let dir = tempfile::tempdir().unwrap();
    for (arguments, code) in [(&["--json", "key", "show", "no"][..], 1), (&["fly", "--json"], 64)] {
        let ran = run(dir.path(), arguments);
        let object: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((ran.code, &object["code"]), (code, &code.into()));
        assert_eq!(ran.err, format!("fwagent: {}\n", object["error"].as_str().unwrap()));
    }
}

#[test]
fn a_configuration_is_read_from_the_state_directory_or_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let package = vector("one-integrated.suit");
    fs::create_dir(path.join("st")).unwrap();
    fs::write(path.join("st/fwagent.toml"), format!("keys = [\"{K1}\"]\n")).unwrap();
    let verify = ["--state", "st", "pack", "verify", &package];
    assert_eq!(run(path, &verify).out, "accept\n");
    assert_eq!(run(path, &["--config", "st/fwagent.toml", "pack", "verify", &package]).out, "accept\n");
    assert_eq!(run(path, &[&verify[..], &["--set", "identity.class=other"]].concat()).code, 4);

    fs::write(path.join("st/fwagent.toml"), "keys = []\n[boot]\ntrails = 3\n").unwrap();
    fails(path, &verify, 1, "st/fwagent.toml: line 3: unknown field `trails`");
    fails(path, &["--config", "none", "pack", "verify", &package], 1, "cannot read none");
}

#[test]
fn a_package_is_built_the_same_twice_and_as_other_tools_build_it() {
    let dir = bench();
    let image = vector("fw.bin");
    let base = ["pack", "build", "--image", &image, "--key", "k1.pem", "--sequence", "5"];
    let uuids = ["--vendor", "cfbff0d1-9375-5685-968c-48ce8b15ae17", "--class", "demo-board-1"];
    for (flags, name) in [
        (&["--alg", "eddsa"][..], "one-integrated.suit"),
        (&[], "one-integrated.alg19.suit"),
        (&["--alg", "eddsa", "--version", "1.2.3"], "one-version.suit"),
        (&["--alg", "eddsa", "--uri", "coap://example.com/fw.bin"], "one-uri.suit"),
        (&["--uri", "coap://example.com/fw.bin"], "one-uri.alg19.suit"),
        (&["--alg", "eddsa", "--uri", "coap://example.com/fw.bin", "--bundle"], "one-prefetched.suit"),
        (&uuids, "one-integrated.alg19.suit"),
    ] {
        for out in ["1.suit", "2.suit"] {
            let ran = run(dir.path(), &[&base[..], flags, &["--out", out]].concat());
            assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{flags:?}");
            assert_eq!(fs::read(dir.path().join(out)).unwrap(), fs::read(vector(name)).unwrap(), "{name}");
        }
    }
}

#[test]
fn a_package_that_no_device_takes_is_not_built() {
    let dir = bench();
    fs::write(dir.path().join("empty"), "").unwrap();
    let image = vector("fw.bin");
    let with = |image, more: &[&'static str]| -> Vec<String> {
        let base = ["pack", "build", "--image", image, "--key", "k1.pem", "--sequence", "5", "--out", "p"];
        base.iter().chain(more).map(ToString::to_string).collect()
    };
    for (arguments, code, line) in [
        (with("empty", &[]), 1, "the image is empty"),
        (with("none", &[]), 1, "cannot read none"),
        (with(&image, &["--uri", "fw.bin"]), 1, "a URI has"),
        (with(&image, &["--bundle"]), 64, "--uri"),
        (with(&image, &["--version", "new"]), 64, "is not a version"),
        (with(&image, &["--component", "0"]), 64, "not hex digits"),
        (with(&image, &["--class", "7d0789e9-0509-5940-9265-5b7d4bb9995g"]), 64, "form of a UUID"),
    ] {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        fails(dir.path(), &arguments, code, line);
        assert!(!dir.path().join("p").exists());
    }
}

#[test]
fn a_dump_is_a_summary_or_diagnostic_notation() {
    let dir = tempfile::tempdir().unwrap();
    let package = vector("one-version.suit");
    let text = run(dir.path(), &["pack", "dump", &package]);
    assert_eq!(text.code, 0);
    assert!(text.out.contains("version    1.2.3\n") && text.out.contains("#fw, in this file (1536 bytes)"));
    let json: serde_json::Value =
        serde_json::from_str(&run(dir.path(), &["--json", "pack", "dump", &package]).out).unwrap();
    assert_eq!((&json["sequence"], &json["components"][0]["size"][0]), (&5.into(), &1536.into()));
    let diag = run(dir.path(), &["pack", "dump", "--diag", &package]);
    assert!(diag.out.starts_with("107({") && diag.out.contains("6: <<[1, 2, 3]>>"), "{}", diag.out);
}

/// Packages that are none: a cut one, a web page, an empty file.
fn no_packages(dir: &Path) -> [&'static str; 3] {
    let whole = fs::read(vector("one-integrated.suit")).unwrap();
    fs::write(dir.join("cut"), &whole[..whole.len() - 1]).unwrap();
    fs::write(dir.join("page"), "<!DOCTYPE html><html><body>404</body></html>\n").unwrap();
    fs::write(dir.join("empty"), "").unwrap();
    ["cut", "page", "empty"]
}

#[test]
fn what_is_no_package_is_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    for file in no_packages(dir.path()) {
        for flags in [&[][..], &["--diag"]] {
            let arguments = [&["pack", "dump", file][..], flags].concat();
            fails(dir.path(), &arguments, 3, &format!("{file}: not a package"));
        }
    }
    fails(dir.path(), &["pack", "dump", "none"], 1, "cannot read none");
}

#[test]
fn a_verdict_is_one_line_and_an_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    no_packages(path);
    let mut package = fs::read(vector("one-integrated.suit")).unwrap();
    fs::write(path.join("longer"), [&package[..], b"\0"].concat()).unwrap();
    *package.last_mut().unwrap() ^= 1;
    fs::write(path.join("flipped"), &package).unwrap();
    let uri = fs::read(vector("one-uri.suit")).unwrap();
    fs::write(path.join("uri-longer"), [&uri[..], b"\0"].concat()).unwrap();

    for (file, flags, code, verdict) in [
        (vector("one-integrated.suit"), &[][..], 0, "accept"),
        (vector("one-integrated.alg19.suit"), &[], 0, "accept"),
        (vector("one-version.suit"), &[], 0, "accept"),
        (vector("one-uri.suit"), &[], 0, "accept"),
        (vector("one-prefetched.suit"), &[], 0, "accept"),
        (vector("one-integrated.suit"), &["--key", K2], 0, "accept"),
        (vector("one-seq4.suit"), &[], 4, "reject rollback: "),
        (vector("one-integrated.suit"), &["--class", "demo-board-2"], 4, "reject identity: "),
        (vector("one-integrated.suit"), &["--vendor", "example.org"], 4, "reject identity: "),
        (vector("wrongkey.suit"), &[], 3, "reject authentication: "),
        (vector("one-integrated.suit"), &["--component", "01"], 3, "reject plan: "),
        ("flipped".into(), &[], 3, "reject match: "),
        ("longer".into(), &[], 3, "reject framing: "),
        ("uri-longer".into(), &[], 3, "reject "),
        ("cut".into(), &[], 3, "reject framing: "),
        ("page".into(), &[], 3, "reject framing: "),
        ("empty".into(), &[], 3, "reject framing: "),
    ] {
        let arguments = [&["pack", "verify", &file, "--key", K1, "--sequence", "5"][..], flags].concat();
        let ran = run(path, &arguments);
        assert!(ran.out.starts_with(verdict) && ran.out.lines().count() == 1, "{arguments:?}: {}", ran.out);
        assert_eq!(ran.code, code, "{arguments:?}: {}", ran.out);
        assert!(!ran.err.contains("fwagent: "), "{}", ran.err);

        let json = run(path, &[&arguments[..], &["--json"]].concat());
        let object: serde_json::Value = serde_json::from_str(&json.out).unwrap();
        assert_eq!(object["verdict"], verdict.split(' ').next().unwrap());
        assert_eq!((json.code, json.err.as_str()), (code, ""));
    }
    fails(path, &["pack", "verify", "none", "--key", K1], 1, "cannot read none");
    fails(path, &["pack", "verify", ".", "--key", K1], 1, "cannot read .");
}

#[test]
fn every_truncation_of_a_good_package_is_rejected_as_cut_short() {
    let whole = fs::read(vector("one-uri.suit")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    // Each is a process: some lengths here, and every one of them in the library's own tests.
    for length in [1, 2, 5, 119, 120, 122, whole.len() - 1] {
        fs::write(dir.path().join("cut"), &whole[..length]).unwrap();
        let ran = run(dir.path(), &["pack", "verify", "cut", "--key", K1]);
        assert_eq!(ran.code, 3);
        assert!(ran.out.starts_with("reject framing: "), "{length}: {}", ran.out);
    }
}

#[test]
fn a_version_reads_the_same_from_the_packager_and_from_the_device() {
    let dir = bench();
    let image = vector("fw.bin");
    for version in ["1.2.0", "2.0-rc.1", "3.1-beta", "1-alpha.2.3", "0.0.1"] {
        let build = ["pack", "build", "--image", &image, "--key", "k1.pem", "--sequence", "9", "--out", "p"];
        assert_eq!(run(dir.path(), &[&build[..], &["--version", version]].concat()).code, 0);
        for command in [&["pack", "dump", "p"][..], &["pack", "verify", "p", "--key", K1]] {
            let ran = run(dir.path(), &[command, &["--json"]].concat());
            let object: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
            assert_eq!(object["version"], version, "{command:?}");
        }
    }
}

#[test]
fn a_firmware_image_has_the_head_that_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let make = ["firmware", "make", "--version", "1.2.0", "--selftest", "hang", "--out", "fw"];
    let ran = run(dir.path(), &[&make[..], &["--size", "70000"]].concat());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let image = fs::read(dir.path().join("fw")).unwrap();
    assert_eq!(image.len(), 70_000);
    let head = "fwagent firmware 1\nversion = \"1.2.0\"\nselftest = \"hang\"\n\n";
    assert!(image.starts_with(head.as_bytes()));
    fails(dir.path(), &[&make[..], &["--size", "10"]].concat(), 1, "smaller than its head");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_one_line_and_exit_1() {
    if Path::new("/dev/full").exists() {
        let dir = tempfile::tempdir().unwrap();
        let make = ["firmware", "make", "--version", "1", "--out", "/dev/full"];
        fails(dir.path(), &make, 1, "cannot write /dev/full: No space left");
    }
}
