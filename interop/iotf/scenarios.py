"""Updates the agent by a platform of IoTF device management over Mosquitto, well and badly, and prints what is read from it.

One line for each scenario: `interop iotf: NAME: state S status U; ...`, both read from mgmt.firmware in the end.
"""

import contextlib
from dataclasses import dataclass
from typing import Awaitable, Callable

import stage
from bench import FACTORY, Files
from iotf.platform import ACCEPTED, BAD_REQUEST, NOT_IMPLEMENTED, Broker, Platform
from stage import Wrong


@dataclass
class Scenario:
    """What is done to a device, and what it must tell of it."""

    name: str
    act: Callable[["Visit"], Awaitable[None]]
    # State and status in the end.
    ends: tuple[int, int]
    # Pairs that may be told, in order.
    told: list[tuple[int, int]]
    # Firmware that runs in the end.
    version: str = FACTORY
    within: float = 60


class Visit(stage.Visit):
    """One device in one scenario, at a broker of its own."""

    def __init__(self, bench, mosquitto, files, scenario):
        super().__init__(bench, scenario)
        self.broker = Broker(mosquitto, bench.folder)
        self.files = files
        self.platform = None
        uri = f"mqtt://127.0.0.1:{self.broker.port}"
        speaks = ["--protocol", "iotf", "--broker", uri, "--client-id", f"d:org:interop:{scenario.name}"]
        self.agent = bench.device(scenario.name, speaks)

    def observed(self):
        told = self.platform.told if self.platform else []
        return " ".join(f"{state}/{status}" for state, status in told) or "nothing"

    async def leave(self):
        if self.platform is not None:
            await self.platform.close()
        await self.broker.stop()

    async def managed(self, times, version=None):
        """Waits until the device has asked so often to be managed, and is at this version then."""
        managed = self.platform.managed
        await self.platform.until(f"managed {times} times", lambda: len(managed) >= times, within=30)
        if version is not None and managed[-1]["deviceInfo"]["fwVersion"] != version:
            raise Wrong(f"it is managed with {managed[-1]}, not {version}")

    async def reaches(self, state, status, within=30):
        """Waits until notifications have told this pair last."""
        told = self.platform.told
        await self.platform.until(f"{state}/{status}", lambda: told[-1] == (state, status), within)

    async def fetch(self, uri, version="2.0.0", times=1):
        """The platform's first half: attributes, observation, download."""
        await self.platform.write(uri, version)
        await self.platform.observe()
        await self.platform.download(times=times)

    async def install(self):
        """Its second half, up to the reset."""
        before = len(self.platform.managed)
        await self.platform.update()
        await self.managed(before + 1)

    async def play(self):
        scenario = self.scenario
        await self.broker.start()
        self.platform = Platform()
        await self.platform.connect(self.broker.port)
        await self.agent.start()
        await self.managed(1, FACTORY)
        supports = self.platform.managed[0]["supports"]
        if supports.get("firmwareActions") is not True:
            raise Wrong(f"it supports {supports}")
        await scenario.act(self)
        told = list(self.platform.told)
        value = await self.platform.observe()
        ends, runs = (value["state"], value["updateStatus"]), self.platform.managed[-1]["deviceInfo"]["fwVersion"]
        if (ends, runs) != (scenario.ends, scenario.version):
            raise Wrong(f"it ends with {ends}, runs {runs}; not {scenario.ends}, {scenario.version}")
        if not stage.is_within([pair for n, pair in enumerate(told) if told[n - 1 : n] != [pair]], scenario.told):
            raise Wrong(f"not told in the order {scenario.told}")
        line = f"state {ends[0]} status {ends[1]}; runs {runs}; observed {self.observed()}"
        return "; ".join([line, *self.notes])


async def updated(visit):
    await visit.fetch(visit.files.offer("good.suit", visit.bench.small))
    await visit.reaches(2, 0)
    await visit.platform.cancel()
    await visit.platform.observe()
    await visit.install()
    await visit.reaches(0, 0)
    await visit.platform.cancel()
    await visit.managed(2, "2.0.0")


async def redelivered(visit):
    """A request that QoS 1 delivers twice is carried out once, and answered twice alike."""
    await visit.fetch(visit.files.offer("good.suit", visit.bench.small), times=2)
    await visit.reaches(2, 0)
    visit.note("a download that came twice was answered 202 twice")


async def broker_restarts(visit):
    """The broker goes away between download and update, and comes back knowing nothing."""
    await visit.fetch(visit.files.offer("good.suit", visit.bench.small))
    await visit.reaches(2, 0)
    managed = len(visit.platform.managed)
    await visit.broker.stop()
    await visit.broker.start()
    await visit.managed(managed + 1, FACTORY)
    await visit.install()
    await visit.reaches(0, 0)
    visit.note("the broker was restarted between download and update")


async def killed(visit):
    """The power is lost with the image downloaded; the observation is kept too."""
    await visit.fetch(visit.files.offer("good.suit", visit.bench.small))
    await visit.reaches(2, 0)
    managed = len(visit.platform.managed)
    await visit.agent.kill()
    await visit.agent.start()
    await visit.managed(managed + 1, FACTORY)
    await visit.install()
    await visit.reaches(0, 0)
    visit.note("it was killed between download and update")


def failing(body, ends):
    """A download that ends with this pair."""

    async def act(visit):
        await visit.fetch(visit.files.offer(f"{visit.scenario.name}.suit", body(visit.bench)))
        await visit.reaches(*ends)

    return act


async def not_there(visit):
    await visit.fetch(visit.files.uri("absent.suit"))
    await visit.reaches(0, 6)


async def cut_off(visit):
    body = visit.bench.large
    await visit.fetch(visit.files.offer("cut.suit", body, cut=len(body) // 2))
    await visit.reaches(0, 3, within=45)


async def self_test_fails(visit):
    await visit.fetch(visit.files.offer("failing.suit", visit.bench.failing), "2.3.0")
    await visit.reaches(2, 0)
    await visit.install()
    # The image on trial may or may not have been managed before it was given up.
    await visit.reaches(0, 5)


async def out_of_turn(visit):
    """What has no meaning now is refused, and what is unknown is not implemented."""
    await visit.platform.observe()
    await visit.platform.update(wanted=BAD_REQUEST)
    await visit.platform.download(wanted=BAD_REQUEST)
    await visit.platform.write("ftp://127.0.0.1/good.suit", "2.0.0")
    await visit.platform.download(wanted=BAD_REQUEST)
    await visit.platform.rc("mgmt/initiate/firmware/erase", NOT_IMPLEMENTED)
    visit.note("update and download without a package or a good URI are answered 400, an unknown action 501")


async def rebooted(visit):
    """A plain reboot on demand: accepted first, done when the device asks to be managed again."""
    await visit.platform.observe()
    await visit.platform.rc("mgmt/initiate/device/reboot", ACCEPTED)
    await visit.managed(2, FACTORY)
    visit.note("a reboot is answered 202 and done")


def scenarios():
    good = [(0, 0), (1, 0), (2, 0), (2, 1), (0, 0)]
    yield Scenario("updated", updated, (0, 0), [*good[:3], (2, 0), *good[3:]], "2.0.0")
    yield Scenario("redelivered", redelivered, (2, 0), good[:3])
    yield Scenario("broker-restarts", broker_restarts, (0, 0), good, "2.0.0", within=90)
    yield Scenario("killed", killed, (0, 0), good, "2.0.0")
    yield Scenario("wrong-key", failing(lambda bench: bench.forged, (0, 4)), (0, 4), [(0, 0), (1, 0), (0, 4)])
    yield Scenario("damaged", failing(lambda bench: bench.damaged, (0, 4)), (0, 4), [(0, 0), (1, 0), (0, 4)])
    yield Scenario("other-class", failing(lambda bench: bench.foreign, (0, 5)), (0, 5), [(0, 0), (1, 0), (0, 5)])
    yield Scenario("too-large", failing(lambda bench: bench.too_large, (0, 2)), (0, 2), [(0, 0), (1, 0), (0, 2)])
    yield Scenario("uri-not-found", not_there, (0, 6), [(0, 0), (1, 0), (0, 6)])
    yield Scenario("cut-off", cut_off, (0, 3), [(0, 0), (1, 0), (0, 3)])
    yield Scenario("self-test-fails", self_test_fails, (0, 5), [*good[:4], (0, 5)])
    yield Scenario("out-of-turn", out_of_turn, (0, 0), [(0, 0)])
    yield Scenario("rebooted", rebooted, (0, 0), [(0, 0)])


async def run(arguments):
    files = Files()

    @contextlib.asynccontextmanager
    async def visits(bench):
        yield lambda scenario: Visit(bench, arguments.mosquitto, files, scenario)

    try:
        return await stage.perform("iotf", arguments, scenarios(), visits)
    finally:
        files.stop()


def main():
    parser = stage.parser(__doc__)
    parser.add_argument("--mosquitto", required=True, help="program `mosquitto`")
    stage.main(run(parser.parse_args()))


if __name__ == "__main__":
    main()
