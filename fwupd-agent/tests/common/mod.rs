//! A folder with keys, packages and a device, and the binary run in it.
#![expect(dead_code, reason = "each test binary uses its own part of it")]

pub(crate) mod http;
pub(crate) mod https;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fwupd_agent::firmware::{self, SelfTest};
use fwupd_agent::identity::Identity;
use fwupd_agent::keys::PrivateKey;
use fwupd_agent::pack::build::{self, Algorithm, Place, Recipe};
use serde_json::Value;
use tempfile::TempDir;

/// Size of the images, bytes: more than one checkpoint.
pub(crate) const IMAGE: usize = 100_000;

pub(crate) const CONFIG: &str = "keys = [\"../k1.pub.pem\"]\n\
    [flash]\nslot = 131072\nsync = false\n[boot]\nperiod = 600\n";

pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) struct Bench {
    pub(crate) dir: TempDir,
}

impl Bench {
    /// With a configuration, but no device yet.
    pub(crate) fn bare(config: &str) -> Self {
        let bench = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(bench.path("dev")).unwrap();
        fs::write(bench.path("dev/fwagent.toml"), config).unwrap();
        fs::write(bench.path("k1.pub.pem"), key(1).public().to_pem().unwrap()).unwrap();
        bench
    }

    /// With a device that runs 1.0.0, sequence 10.
    pub(crate) fn with(config: &str) -> Self {
        let bench = Self::bare(config);
        bench.package("1.0.0", 10, SelfTest::Pass);
        bench.done(&["provision", "--image", "1.0.0.suit"]);
        bench
    }

    pub(crate) fn new() -> Self {
        Self::with(CONFIG)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes `VERSION.suit`, and returns its name and its bytes.
    pub(crate) fn package(&self, version: &str, sequence: u64, selftest: SelfTest) -> String {
        let image = firmware::build(version, selftest, IMAGE).unwrap();
        let name = format!("{version}.suit");
        fs::write(self.path(&name), package(&image, version, sequence, 1)).unwrap();
        name
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fwagent"));
        command.current_dir(self.dir.path()).env_remove("FWAGENT_POWER_CUT");
        command.args(["--state", "dev"]).args(arguments);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, b"")
    }

    /// Runs a command with these bytes on its standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Whoever refuses reads no more of it.
        let _ = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs a command that succeeds, and returns what it prints.
    #[track_caller]
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.err);
        ran.out
    }

    /// Runs a command that fails, with this exit code and an error line that holds `line`.
    #[track_caller]
    pub(crate) fn fails(&self, arguments: &[&str], code: i32, line: &str) {
        let ran = self.run(&[&["--quiet"], arguments].concat());
        assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{arguments:?}: {}", ran.err);
        assert_eq!(ran.err.matches('\n').count(), 1, "one line: {}", ran.err);
        assert!(ran.err.starts_with("fwagent: ") && ran.err.contains(line), "{arguments:?}: {}", ran.err);
    }

    /// Runs a command until it says `line` on stderr, and kills it (SIGKILL).
    pub(crate) fn killed_at(&self, arguments: &[&str], line: &str) {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        assert!(said.any(|said| said.contains(line)), "it never said {line:?}");
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().code(), None);
    }

    pub(crate) fn status(&self) -> Value {
        serde_json::from_str(&self.done(&["status", "--json"])).unwrap()
    }

    /// State, running slot, its version, and how the last run ended.
    #[track_caller]
    pub(crate) fn stands(&self, state: &str, running: u8, version: &str, last: Option<&str>) {
        let status = self.status();
        let told = (&status["state"], &status["running"], &status["firmware"]["version"]);
        assert_eq!(told, (&state.into(), &running.into(), &version.into()), "{status}");
        assert_eq!(status["last"]["failure"].as_str(), last, "{status}");
    }

    pub(crate) fn flash(&self) -> Vec<u8> {
        fs::read(self.path("dev/flash.bin")).unwrap()
    }

    /// The bytes of the slots alone.
    pub(crate) fn slots(&self) -> Vec<u8> {
        let mut flash = self.flash();
        flash.truncate(2 * 131_072);
        flash
    }

    /// Changes the flash behind the device's back.
    pub(crate) fn tamper(&self, change: impl FnOnce(&mut [u8])) {
        let mut flash = self.flash();
        change(&mut flash);
        fs::write(self.path("dev/flash.bin"), flash).unwrap();
    }
}

/// A process that does not outlive its test.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a command that goes on; what it says on stderr stands in `device.err`.
pub(crate) fn running(bench: &Bench, arguments: &[&str]) -> Process {
    let mut command = bench.command(arguments);
    // Not a pipe: nobody reads from it while the device runs.
    let err = File::create(bench.path("device.err")).unwrap();
    Process(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(err).spawn().unwrap())
}

/// No test waits longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until there is an answer.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "{what}: it never came");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A private key that belongs to this number.
pub(crate) fn key(number: u8) -> PrivateKey {
    PrivateKey::from_seed(&[number; 32])
}

/// A package of this image for the demo board, signed with [`key`]`(signer)`.
pub(crate) fn package(image: &[u8], version: &str, sequence: u64, signer: u8) -> Vec<u8> {
    let identity = Identity::named("example.com", "demo-board-1").unwrap();
    package_for(image, version, sequence, signer, &identity)
}

pub(crate) fn package_for(
    image: &[u8],
    version: &str,
    sequence: u64,
    signer: u8,
    identity: &Identity,
) -> Vec<u8> {
    let version = fwupd_agent::pack::version::parse(version).unwrap();
    build::build(&Recipe {
        image,
        identity,
        sequence,
        version: Some(&version),
        component: &[0],
        place: Place::Inside,
        algorithm: Algorithm::default(),
        key: &key(signer),
    })
    .unwrap()
}
