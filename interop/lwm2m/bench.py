"""What the scenarios play on: keys, packages, devices as processes, and libcoap's server."""

import asyncio
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import aiocoap
from aiocoap.message import Message
from aiocoap.numbers.codes import Code
from aiocoap.numbers.contentformat import ContentFormat

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

    def __init__(self, folder, program, coap_server):
        self.folder = Path(folder)
        self.program = program
        self.coap_server = coap_server
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

    def device(self, name, server, settings):
        """A new device that registers under this name."""
        state = self.folder / name
        shutil.copytree(self.folder / "factory", state)
        return Agent(self, state, server, settings)


class Agent:
    """A device: `fwagent run` as a process of its own. It keeps its process over resets."""

    def __init__(self, bench, state, server, settings):
        self.command = [bench.program, "--state", state.name]
        for setting in settings:
            self.command += ["--set", setting]
        self.command += ["run", "--protocol", "lwm2m", "--server", server.uri, "--endpoint", state.name]
        self.command += ["--trace"]
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


class CoapServer:
    """libcoap's coap-server, with nothing in it yet. It does not send the datagrams of these numbers."""

    def __init__(self, bench, loses=None):
        self.program = bench.coap_server
        port = free_port()
        self.uri = f"coap://127.0.0.1:{port}"
        self.arguments = ["-A", "127.0.0.1", "-p", f"{port}", "-d", "4"]
        if loses is not None:
            self.arguments += ["-l", loses]
        self.process = None

    async def __aenter__(self):
        self.process = await asyncio.create_subprocess_exec(
            *[self.program, *self.arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return self

    async def __aexit__(self, *_):
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def put(self, name, body):
        """Stores a body; returns its URI."""
        uri = f"{self.uri}/{name}"
        client = await aiocoap.Context.create_client_context(transports=["udp6"])
        try:
            for _ in range(50):
                octets = ContentFormat.OCTETSTREAM
                message = Message(code=Code.PUT, uri=uri, payload=body, content_format=octets)
                try:
                    response = await asyncio.wait_for(client.request(message).response, 20)
                except aiocoap.error.NetworkError:
                    # It does not listen yet.
                    await asyncio.sleep(0.1)
                    continue
                if response.code != Code.CREATED:
                    raise RuntimeError(f"coap-server answers {response.code} to PUT /{name}")
                return uri
            raise RuntimeError("coap-server does not listen")
        finally:
            await client.shutdown()


def free_port():
    """A UDP port that nobody has at the moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
