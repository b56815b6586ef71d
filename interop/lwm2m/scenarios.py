"""Updates the agent by a foreign LwM2M server, well and badly, and prints what the server reads from it.

One line for each scenario: `interop lwm2m: NAME: state S result R; ...`, S read from /5/0/3 and R from /5/0/5.
"""

import asyncio
import contextlib
import socket
from dataclasses import dataclass, field
from typing import Awaitable, Callable

from aiocoap.numbers.codes import Code

import stage
from bench import FACTORY, SLOT
from lwm2m.libcoap import CoapServer
from lwm2m.server import PATIENCE, Image, Refused, Server

PACKAGE, URI, UPDATE, STATE, RESULT, CANCEL = "/5/0/0", "/5/0/1", "/5/0/2", "/5/0/3", "/5/0/5", "/5/0/10"
VERSION = "/3/0/3"

# Block sizes of RFC 7959.
SIZES = [16, 32, 64, 128, 256, 512, 1024]

# Block size where the scenario is not about it.
BLOCK = 256

# States of an update that takes place, and of one that fails before it is downloaded.
UPDATED, FAILED = "01230", "010"


@dataclass
class Scenario:
    """What is done to a device, and what it must tell of it."""

    name: str
    act: Callable[["Visit"], Awaitable[None]]
    result: str
    # States that may be told, in order. A notification may be left out, since only the last counts.
    states: str
    # Firmware that runs in the end.
    version: str = FACTORY
    # For `--set` of the agent.
    settings: list[str] = field(default_factory=list)
    # Seconds that it may take.
    within: float = 60
    # Whether it is asked to end.
    leaves: bool = False


class Visit(stage.Visit):
    """One device in one scenario."""

    def __init__(self, bench, server, coap_server, scenario):
        super().__init__(bench, scenario)
        self.server = server
        self.coap_server = coap_server
        speaks = ["--protocol", "lwm2m", "--server", server.uri, "--endpoint", scenario.name]
        self.agent = bench.device(scenario.name, speaks, scenario.settings)
        self.device = None
        self.registrations = 0
        self.told = {STATE: [], RESULT: []}

    async def play(self):
        return await play(self)

    def beside(self):
        return [self.follow()]

    def observed(self):
        return ", ".join(f"{path} {' '.join(values)}" for path, values in self.told.items())

    async def follow(self):
        """Looks at each registration, and observes the device behind it."""
        observing = None
        try:
            while True:
                device = await self.server.registered(self.scenario.name, self.device)
                # It may have been observed for the last time, with a reset behind that.
                if observing is not None:
                    observing.cancel()
                check_registration(device)
                self.device = device
                observing = asyncio.create_task(self.observe(device))
        finally:
            if observing is not None:
                observing.cancel()

    async def observe(self, device):
        try:
            for path in (STATE, RESULT):
                await device.observe(path, self.tell)
        except (Refused, asyncio.TimeoutError) as e:
            self.note(f"registered, but not observed: {e or 'no answer'}")
            return
        self.registrations += 1
        self.server.tell()

    def tell(self, path, value):
        if self.told[path][-1:] != [value]:
            self.told[path].append(value)
            self.server.tell()

    async def registered(self, times):
        """Waits until it has registered and was observed so often."""
        await self.server.until(f"registration {times}", lambda: self.registrations >= times, within=20)

    async def until(self, path, value, within=PATIENCE):
        """Waits until the observation has told this value last."""
        await self.server.until(f"{path} = {value}", lambda: self.told[path][-1:] == [value], within)

    async def downloaded(self, within=PATIENCE):
        """Waits for State 2, or a failure."""

        def ended():
            return self.told[STATE][-1:] == ["2"] or self.told[RESULT][-1:] not in ([], ["0"])

        await self.server.until(f"{STATE} = 2", ended, within)
        if self.told[RESULT][-1:] != ["0"]:
            raise Refused(f"result {self.told[RESULT][-1]} instead of State 2")

    async def update(self):
        """Executes Update, and meets the device again after its reset."""
        before = self.registrations
        expect("Execute Update", await self.device.execute(UPDATE), Code.CHANGED)
        await self.registered(before + 1)


def check_registration(device):
    """What LwM2M 1.1 and Object 5 want of it."""
    wrong = [
        (device.queries.get("lwm2m") != "1.1", "lwm2m is not 1.1"),
        (not device.queries.get("lt", "").isdigit(), "lt is no number"),
        ("ver=1.1" not in device.links.get("/5", ""), "no </5>;ver=1.1"),
        (any(path not in device.links for path in ("/1/0", "/3/0", "/5/0")), "object 1, 3 or 5 is missing"),
        (any(path == "/0" or path.startswith("/0/") for path in device.links), "object 0 is listed"),
    ]
    for is_wrong, what in wrong:
        if is_wrong:
            raise Refused(f"Register: {what}: {device.queries} {device.links}")


def expect(what, code, *codes):
    if code not in codes:
        raise Refused(f"{what}: {code}, not {' or '.join(map(str, codes))}")


def pushing(body, size=BLOCK, answers=(Code.CHANGED,)):
    """Has aiocoap push the whole body in blocks of this size."""

    async def act(visit):
        response = await visit.device.push(PACKAGE, body(visit.bench), size)
        expect("the push", response.code, *answers)
        visit.note(f"the push is answered {response.code.dotted}")

    return act


def pushing_until_refused(body):
    """Pushes, and ends where the device refuses, which may be before the last block."""

    async def act(visit):
        response = await visit.device.push_blocks(PACKAGE, body(visit.bench), BLOCK)
        expect("the push", response.code, Code.BAD_REQUEST, Code.CHANGED)
        visit.note(f"the push is answered {response.code.dotted}")

    return act


def updating(download):
    """Downloads, then updates."""

    async def act(visit):
        await download(visit)
        await visit.downloaded()
        await visit.update()

    return act


def pulling_from_libcoap(loses=None):
    """Downloads from libcoap, which does not send the datagrams of these numbers."""

    async def act(visit):
        async with CoapServer(visit.coap_server, loses) as libcoap:
            uri = await libcoap.put("large.suit", visit.bench.large)
            expect("Write URI", await visit.device.write(URI, uri), Code.CHANGED)
            await visit.downloaded(within=30)

    return act


async def pull_over_a_kill(visit):
    """Stops answering half way, kills the device there, and sees where it goes on."""
    body = visit.bench.large
    image = Image(body, BLOCK, hold=len(body) // 2)
    uri = visit.server.offer("resumed.suit", image)
    expect("Write URI", await visit.device.write(URI, uri), Code.CHANGED)
    await asyncio.wait_for(image.held.wait(), 30)
    await visit.agent.kill()
    before = len(image.asked)
    image.hold = None
    image.released.set()
    registrations = visit.registrations
    await visit.agent.start()
    await visit.registered(registrations + 1)
    await visit.downloaded(within=30)
    offset = next((at for at in image.asked[before:] if at > 0), None)
    if not offset or offset * 4 < len(body):
        raise Refused(f"after the kill it goes on at {offset} of {len(body)}: {image.asked[before:][:5]}")
    visit.note(f"killed at {image.asked[before - 1]} of {len(body)} bytes, gone on at {offset}")


async def too_large_by_its_size(visit):
    body = visit.bench.too_large
    response = await visit.device.push_blocks(PACKAGE, body, BLOCK, size1=len(body))
    expect("the first block", response.code, Code.REQUEST_ENTITY_TOO_LARGE)
    size = response.opt.size1
    if not size or size > SLOT:
        raise Refused(f"4.13 with Size1 {size}, of a slot of {SLOT} bytes")
    visit.note(f"the push with Size1 {len(body)} is answered 4.13 with Size1 {size}")


async def too_large_by_its_description(visit):
    response = await visit.device.push_blocks(PACKAGE, visit.bench.too_large, BLOCK)
    expect("the push", response.code, Code.REQUEST_ENTITY_TOO_LARGE)
    visit.note("the push without Size1 is answered 4.13")


async def push_half(visit):
    body = visit.bench.small
    response = await visit.device.push_blocks(PACKAGE, body, BLOCK, upto=len(body) // 2)
    expect("a block", response.code, Code.CONTINUE)
    await visit.until(STATE, "1")


async def pull_from_nobody(visit):
    # Somebody has the port, so that no error comes back; nobody reads from it.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        uri = f"coap://127.0.0.1:{silent.getsockname()[1]}/large.suit"
        expect("Write URI", await visit.device.write(URI, uri), Code.CHANGED)
        await visit.until(RESULT, "4", within=visit.scenario.within)


def writing_uri(uri, *answers):
    async def act(visit):
        code = await visit.device.write(URI, uri)
        expect("Write URI", code, *answers)
        visit.note(f"{uri!r} is answered {code.dotted}")

    return act


async def pull_what_is_not_there(visit):
    async with CoapServer(visit.coap_server) as libcoap:
        await libcoap.put("large.suit", b"another")
        uri = f"{libcoap.uri}/absent.suit"
        expect("Write URI", await visit.device.write(URI, uri), Code.CHANGED)
        await visit.until(RESULT, "7")


async def cancel(visit):
    await pushing(lambda bench: bench.small)(visit)
    await visit.downloaded()
    expect("Execute Cancel", await visit.device.execute(CANCEL), Code.CHANGED)


async def stay_registered(visit):
    """Discover, an update on its trigger, a reboot, and the farewell."""
    found = await visit.device.discover("/5")
    absent = [path for path in (PACKAGE, URI, UPDATE, STATE, RESULT, "/5/0/9") if path not in found]
    if absent:
        raise Refused(f"Discover /5 names {sorted(found)}, not {absent}")
    updates = visit.device.updates
    expect("Execute Registration Update Trigger", await visit.device.execute("/1/0/8"), Code.CHANGED)
    await visit.server.until("registration update", lambda: visit.device.updates > updates)
    registrations = visit.registrations
    expect("Execute Reboot", await visit.device.execute("/3/0/4"), Code.CHANGED)
    await visit.registered(registrations + 1)
    visit.note(f"Discover names {len(found)} paths, it updates on the trigger, it reboots")


def scenarios():
    # The last, where aiocoap has gone on after the first.
    refused = (Code.BAD_REQUEST, Code.CHANGED, Code.REQUEST_ENTITY_INCOMPLETE)
    for size in SIZES:
        act = updating(pushing(lambda bench: bench.small, size))
        yield Scenario(f"push-{size}", act, "1", UPDATED, "2.0.0")
    yield Scenario("pull-libcoap", updating(pulling_from_libcoap()), "1", UPDATED, "2.1.0")
    # A hundred datagrams have answered the upload of the image by then.
    lossy = updating(pulling_from_libcoap("110,120-121,130-132"))
    yield Scenario("pull-lossy", lossy, "1", UPDATED, "2.1.0", settings=["coap.ack_timeout=100"])
    yield Scenario("pull-resumed", updating(pull_over_a_kill), "1", UPDATED, "2.1.0")
    yield Scenario("too-large-size1", too_large_by_its_size, "2", FAILED)
    yield Scenario("too-large-described", too_large_by_its_description, "2", FAILED)
    yield Scenario("push-abandoned", push_half, "4", FAILED, settings=["lwm2m.push_idle=2"])
    # Every attempt is sent five times, and there are several, with pauses.
    short = ["coap.ack_timeout=50"]
    yield Scenario("pull-silent", pull_from_nobody, "4", FAILED, settings=short, within=90)
    yield Scenario("wrong-key", pushing(lambda bench: bench.forged, answers=refused), "5", FAILED)
    yield Scenario("damaged", pushing(lambda bench: bench.damaged), "5", FAILED)
    yield Scenario("other-class", pushing_until_refused(lambda bench: bench.foreign), "6", FAILED)
    yield Scenario("older", pushing_until_refused(lambda bench: bench.older), "6", FAILED)
    yield Scenario("uri-no-host", writing_uri("coap:///large.suit", Code.CHANGED), "7", "0")
    yield Scenario("uri-not-found", pull_what_is_not_there, "7", FAILED)
    yield Scenario("self-test-fails", updating(pushing(lambda bench: bench.failing)), "8", UPDATED)
    ftp = writing_uri("ftp://127.0.0.1/large.suit", Code.BAD_REQUEST, Code.CHANGED)
    yield Scenario("uri-ftp", ftp, "9", "0")
    yield Scenario("cancelled", cancel, "10", "0120")
    yield Scenario("registration", stay_registered, "0", "0", leaves=True)


async def play(visit):
    """Plays a scenario; returns what its line says."""
    scenario = visit.scenario
    await visit.agent.start()
    await visit.registered(1)
    running = await visit.device.read(VERSION)
    if running != FACTORY:
        raise Refused(f"it runs {running} at first")
    await scenario.act(visit)
    await visit.until(RESULT, scenario.result, within=20)
    await visit.until(STATE, "0")
    state, result = await visit.device.read(STATE), await visit.device.read(RESULT)
    running = await visit.device.read(VERSION)

    line = f"state {state} result {result}; runs {running}; observed {visit.observed()}"
    line = "; ".join([line, *visit.notes])
    wanted = ("0", scenario.result, scenario.version)
    if (state, result, running) != wanted:
        told = f"state {state} result {result}, runs {running}"
        raise Refused(f"it ends with {told}; not state {wanted[0]} result {wanted[1]}, runs {wanted[2]}")
    if scenario.leaves:
        await leave(visit)
        line += "; it de-registers on SIGTERM"
    results = ["0", scenario.result]
    if not stage.is_within(visit.told[STATE], scenario.states) or not stage.is_within(visit.told[RESULT], results):
        raise Refused(f"observed other than {' '.join(scenario.states)} and {' '.join(results)}")
    return line


async def leave(visit):
    """Ends the device, which says farewell to its server."""
    device = visit.device
    code = await visit.agent.stop()
    await visit.server.until("de-registration", lambda: device.left)
    if code != 0:
        raise Refused(f"on SIGTERM it ends with {code}")


async def run(arguments):
    server = await Server.start()

    @contextlib.asynccontextmanager
    async def visits(bench):
        yield lambda scenario: Visit(bench, server, arguments.coap_server, scenario)

    try:
        return await stage.perform("lwm2m", arguments, scenarios(), visits)
    finally:
        await server.stop()


def main():
    parser = stage.parser(__doc__)
    parser.add_argument("--coap-server", required=True, help="program `coap-server` of libcoap")
    stage.main(run(parser.parse_args()))


if __name__ == "__main__":
    main()
