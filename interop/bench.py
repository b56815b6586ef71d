"""What the scenarios play on: keys, packages, devices as processes, and a web server with the packages."""

import asyncio
import shutil
import signal
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# Version that the factory installed.
FACTORY = "1.0.0"

# Size of a slot, bytes.
SLOT = 128 * 1024

CONFIG = f"""\
keys = ["../maker.pub.pem"]

[flash]
slot = {SLOT}
sync = false

[boot]
trials = 3
period = 60
"""


class Died(Exception):
    """The agent has ended, though nobody asked it to."""


class Bench:
    """A folder with keys, packages, and a device as the factory ships it."""

    def __init__(self, folder, program):
        self.folder = Path(folder)
        self.program = program
        self.make("key", "gen", "maker.pem")
        self.make("key", "gen", "stranger.pem")
        self.package(FACTORY, 10)
        self.small = self.package("2.0.0", 11)
        self.large = self.package("2.1.0", 12, image=96 * 1024)
        self.too_large = self.package("2.2.0", 13, image=SLOT + 16 * 1024)
        self.failing = self.package("2.3.0", 14, selftest="fail")
        self.older = self.package("0.9.0", 9)
        self.forged = self.package("6.6.6", 99, key="stranger.pem")
        self.foreign = self.package("7.7.7", 99, device=["--class", "another-board"])
        self.damaged = bytearray(self.small)
        # Within the image, which comes last.
        self.damaged[-1000] ^= 0x01
        self.damaged = bytes(self.damaged)
        factory = self.folder / "factory"
        factory.mkdir()
        (factory / "fwagent.toml").write_text(CONFIG)
        self.make("--state", "factory", "provision", "--image", f"{FACTORY}.suit")

    def make(self, *arguments):
        ran = subprocess.run(
            [self.program, "--quiet", *arguments], cwd=self.folder, capture_output=True, text=True, timeout=60
        )
        if ran.returncode != 0:
            raise RuntimeError(f"fwagent {' '.join(arguments)}: {ran.stderr.strip()}")

    def package(self, version, sequence, selftest="pass", image=8 * 1024, key="maker.pem", device=()):
        """The bytes of a package with a firmware image of this size."""
        file, package = f"{version}.bin", f"{version}.suit"
        self.make(
            *["firmware", "make", "--version", version, "--selftest", selftest],
            *["--size", f"{image}", "--out", file],
        )
        self.make(
            *["pack", "build", "--image", file, "--key", key, "--sequence", f"{sequence}"],
            *["--version", version, *device, "--out", package],
        )
        return (self.folder / package).read_bytes()

    def device(self, name, speaks, settings=()):
        """A new device of this name, for `fwagent run` with these arguments."""
        state = self.folder / name
        shutil.copytree(self.folder / "factory", state)
        return Agent(self, state, speaks, settings)


class Agent:
    """A device: `fwagent run` as a process of its own. It keeps its process over resets."""

    def __init__(self, bench, state, speaks, settings):
        self.command = [bench.program, "--state", state.name]
        for setting in settings:
            self.command += ["--set", setting]
        self.command += ["run", *speaks, "--trace"]
        self.folder = bench.folder
        self.log = state / "agent.log"
        self.process = None

    async def start(self):
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    async def kill(self):
        """As a power cut would end it."""
        process, self.process = self.process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    async def stop(self):
        """Asks it to end; returns its exit code."""
        process, self.process = self.process, None
        try:
            process.send_signal(signal.SIGTERM)
            return await asyncio.wait_for(process.wait(), 10)
        finally:
            if process.returncode is None:
                process.kill()

    async def died(self):
        """Raises as soon as the process has ended by itself."""
        while True:
            process = self.process
            code = None if process is None else process.returncode
            if code is not None:
                raise Died(f"the agent has ended with {code}")
            await asyncio.sleep(0.05)

    def said(self, lines=40):
        """The last of its output."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


class Files:
    """A web server with packages. Of some it sends a part, and then it closes the connection."""

    def __init__(self):
        files, self.files, self.cut = self, {}, {}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = files.files.get(self.path)
                if body is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", f"{len(body)}")
                self.end_headers()
                self.wfile.write(body[: files.cut.get(self.path)])

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def uri(self, name):
        return f"http://127.0.0.1:{self.server.server_address[1]}/{name}"

    def offer(self, name, body, cut=None):
        """Serves a package, or so many bytes of it; returns its URI."""
        self.files[f"/{name}"], self.cut[f"/{name}"] = body, cut
        return self.uri(name)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def free_port(kind=socket.SOCK_DGRAM):
    """A port that nobody has at the moment, of UDP or of TCP."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
