//! What the stories play on: keys, packages, and devices that begin alike.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fwupd_core::image::SlotId;
use fwupd_core::outcome::What;
use serde_json::Value;
use tempfile::TempDir;

use crate::config::{Config, Flags};
use crate::device::view::{self, View};
use crate::error::Error;
use crate::firmware::SelfTest;
use crate::flash;

/// Size of the images, bytes.
pub(super) const IMAGE: u32 = 288 * 1024;

const CONFIG: &str = "\
keys = [\"maker.pub.pem\"]

[flash]
slot = 327680
sync = false

[boot]
trials = 3
period = 600
";

/// A firmware image and its package.
pub(super) struct Release {
    pub(super) version: &'static str,
    pub(super) image: Vec<u8>,
    pub(super) package: String,
}

/// What the stories share.
pub(super) struct Bench {
    dir: TempDir,
    pub(super) factory: Release,
    pub(super) good: Release,
    pub(super) failing: Release,
    pub(super) hanging: Release,
    pub(super) older: Release,
    pub(super) forged: Release,
    pub(super) cuts: u32,
    pub(super) seed: u64,
}

/// How a child process ended.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

/// Name of the device that the others are copies of.
const FACTORY: &str = "factory";

impl Bench {
    pub(super) fn new(cuts: u32, seed: u64) -> Result<Self, Error> {
        let dir = tempfile::tempdir().map_err(|e| Error::failed(format_args!("no temporary folder: {e}")))?;
        let maker = Maker(dir.path());
        maker.write("fwagent.toml", CONFIG.as_bytes())?;
        maker.run(&["key", "gen", "maker.pem"])?;
        maker.run(&["key", "gen", "stranger.pem"])?;
        let factory = maker.release("1.0.0", 10, SelfTest::Pass, "maker.pem")?;
        let bench = Self {
            good: maker.release("2.0.0", 11, SelfTest::Pass, "maker.pem")?,
            failing: maker.release("2.1.0", 12, SelfTest::Fail, "maker.pem")?,
            hanging: maker.release("2.2.0", 13, SelfTest::Hang, "maker.pem")?,
            older: maker.release("0.9.0", 9, SelfTest::Pass, "maker.pem")?,
            forged: maker.release("6.6.6", 99, SelfTest::Pass, "stranger.pem")?,
            factory,
            dir,
            cuts,
            seed,
        };
        let image = bench.factory.package.clone();
        bench.must(FACTORY, &["provision", "--image", &image])?;
        Ok(bench)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Size of a package, bytes.
    pub(super) fn size(&self, release: &Release) -> Result<u64, Error> {
        let path = self.path(&release.package);
        fs::metadata(&path).map(|found| found.len()).map_err(|e| Error::file("read", &path, &e))
    }

    /// A package.
    pub(super) fn bytes(&self, release: &Release) -> Result<Vec<u8>, Error> {
        let path = self.path(&release.package);
        fs::read(&path).map_err(|e| Error::file("read", &path, &e))
    }

    /// A new device, or the same one as new.
    pub(super) fn device(&self, name: &'static str) -> Result<Device<'_>, Error> {
        let (from, to) = (self.path(FACTORY), self.path(name));
        let failed = |e| Error::file("copy", &to, &e);
        fs::create_dir_all(&to).map_err(failed)?;
        for file in [flash::FILE, flash::WEAR] {
            fs::copy(from.join(file), to.join(file)).map_err(failed)?;
        }
        Ok(Device { bench: self, name })
    }

    pub(super) fn command(&self, device: &str, arguments: &[&str]) -> Result<Command, Error> {
        let mut command = child(self.dir.path())?;
        command.args(["--config", "fwagent.toml", "--state", device]).args(arguments);
        Ok(command)
    }

    fn must(&self, device: &str, arguments: &[&str]) -> Result<(), Error> {
        done(arguments, &ran(self.command(device, arguments)?)?)
    }
}

/// What makes keys and packages.
struct Maker<'a>(&'a Path);

impl Maker<'_> {
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.0.join(name);
        fs::write(&path, bytes).map_err(|e| Error::file("write", &path, &e))
    }

    fn run(&self, arguments: &[&str]) -> Result<(), Error> {
        let mut command = child(self.0)?;
        command.args(arguments);
        done(arguments, &ran(command)?)
    }

    fn release(
        &self,
        version: &'static str,
        sequence: u64,
        selftest: SelfTest,
        key: &str,
    ) -> Result<Release, Error> {
        let (image, package) = (format!("{version}.bin"), format!("{version}.suit"));
        let (size, sequence) = (IMAGE.to_string(), sequence.to_string());
        let selftest = selftest.as_str();
        let make = ["firmware", "make", "--version", version, "--selftest", selftest, "--size", &size];
        self.run(&[&make[..], &["--out", &image]].concat())?;
        let build = ["pack", "build", "--image", &image, "--key", key, "--sequence", &sequence];
        self.run(&[&build[..], &["--version", version, "--out", &package]].concat())?;
        let path = self.0.join(&image);
        let image = fs::read(&path).map_err(|e| Error::file("read", &path, &e))?;
        Ok(Release { version, image, package })
    }
}

/// A device of a story.
pub(super) struct Device<'a> {
    bench: &'a Bench,
    name: &'static str,
}

impl Device<'_> {
    /// A command that runs on it.
    pub(super) fn command(&self, arguments: &[&str]) -> Result<Command, Error> {
        self.bench.command(self.name, arguments)
    }

    /// Runs a command on it to its end.
    pub(super) fn run(&self, arguments: &[&str]) -> Result<Ran, Error> {
        ran(self.command(arguments)?)
    }

    /// Runs a command with a power cut to come.
    pub(super) fn run_cut(&self, arguments: &[&str], after: u64, seed: u64) -> Result<Ran, Error> {
        let mut command = self.command(arguments)?;
        command.env("FWAGENT_POWER_CUT", format!("{after}:{seed}"));
        ran(command)
    }

    /// Runs a command until it says `line` on stderr, and kills it then (SIGKILL).
    pub(super) fn run_until(&self, arguments: &[&str], line: &str) -> Result<Ran, Error> {
        let mut command = self.command(arguments)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let failed = |e| Error::failed(format_args!("cannot run fwagent: {e}"));
        let mut child = command.spawn().map_err(failed)?;
        let mut err = String::new();
        if let Some(stderr) = child.stderr.take() {
            for text in BufReader::new(stderr).lines() {
                let text = text.map_err(failed)?;
                err.push_str(&text);
                err.push('\n');
                if text.contains(line) {
                    child.kill().map_err(failed)?;
                }
            }
        }
        let mut out = String::new();
        if let Some(mut stdout) = child.stdout.take() {
            stdout.read_to_string(&mut out).map_err(failed)?;
        }
        let code = child.wait().map_err(failed)?.code();
        Ok(Ran { code, out, err })
    }

    /// The configuration that its commands run with.
    pub(super) fn config(&self) -> Result<Config, Error> {
        let (file, state) = (self.bench.path("fwagent.toml"), self.bench.path(self.name));
        Config::load(&Flags { file: Some(file), state: Some(state), set: Vec::new() })
    }

    /// What its flash tells.
    pub(super) fn view(&self) -> Result<View, Error> {
        view::look(&self.config()?)
    }

    /// Turns all bits of one byte of a slot.
    pub(super) fn damage(&self, slot: SlotId, offset: u32) -> Result<(), Error> {
        let region = self.config()?.layout.slot(slot).copied();
        let at = region.map_or(0, |region| region.from).saturating_add(offset) as usize;
        let path = self.bench.path(self.name).join(flash::FILE);
        let mut bytes = fs::read(&path).map_err(|e| Error::file("read", &path, &e))?;
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 0xFF;
        }
        fs::write(&path, bytes).map_err(|e| Error::file("write", &path, &e))
    }
}

/// What runs and how the last run ended, in words.
pub(super) fn standing(view: &View) -> String {
    let version = view.firmware.map_or("nothing".to_owned(), |firmware| firmware.version.to_string());
    let last = match view.last.map(|last| last.what) {
        None => "no run".to_owned(),
        Some(What::Done) => "done".to_owned(),
        Some(What::Failed(why)) => why.to_string(),
    };
    format!("runs {version} from slot {}, {}, {last}", view.running.0, view.state)
}

/// An exit code in words.
pub(super) fn exit(ran: &Ran) -> String {
    ran.code.map_or("killed".to_owned(), |code| format!("exit {code}"))
}

impl Ran {
    /// A number of the object on stdout.
    pub(super) fn number(&self, key: &str) -> Option<u64> {
        let object: Value = serde_json::from_str(&self.out).ok()?;
        object.get(key)?.as_u64()
    }
}

fn child(dir: &Path) -> Result<Command, Error> {
    let program = std::env::current_exe().map_err(|e| Error::failed(format_args!("no program: {e}")))?;
    let mut command = Command::new(program);
    command.current_dir(dir).env_remove("FWAGENT_POWER_CUT");
    Ok(command)
}

fn ran(mut command: Command) -> Result<Ran, Error> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|e| Error::failed(format_args!("cannot run fwagent: {e}")))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) })
}

fn done(arguments: &[&str], ran: &Ran) -> Result<(), Error> {
    match ran.code {
        Some(0) => Ok(()),
        Some(_) | None => Err(Error::failed(format_args!("{}: {}", arguments.join(" "), ran.err))),
    }
}
