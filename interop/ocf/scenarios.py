"""Updates the agent by an OCF client on aiocoap, well and badly, and prints what the client reads from it.

One line for each scenario: `interop ocf: NAME: state S result R; ...`, S and R read from the software update in the end.
"""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Awaitable, Callable

from aiocoap.numbers.codes import Code

import stage
from bench import Files, free_port
from ocf.client import SOFTWARE, STATUS, Client
from stage import Wrong


@dataclass
class Scenario:
    """What is done to a device, and what it must tell of it."""

    name: str
    act: Callable[["Visit"], Awaitable[None]]
    # Result in the end, when the state is idle again or the package still waits.
    result: int
    state: str = "idle"
    # States that may be told, in order.
    states: str = "idle"
    # Whether the time of the last update changes, as it does with an installation alone.
    installs: bool = False
    within: float = 60


class Visit(stage.Visit):
    """One device in one scenario."""

    def __init__(self, bench, files, scenario):
        super().__init__(bench, scenario)
        self.files = files
        self.port = free_port()
        self.agent = bench.device(scenario.name, ["--protocol", "ocf", "--listen", f"127.0.0.1:{self.port}"])
        self.client = None

    def observed(self):
        told = self.client.told if self.client else []
        return " ".join(f"{state}/{result}" for state, result in told) or "nothing"

    def beside(self):
        return [self.observe()]

    async def observe(self):
        while self.client is None:
            await asyncio.sleep(0.05)
        await self.client.observe()

    async def leave(self):
        if self.client is not None:
            await self.client.close()

    async def play(self):
        scenario = self.scenario
        await self.agent.start()
        client = await Client.to(self.port)
        before = await client.there()
        await discover(client)
        self.client = client
        await client.until("idle", 0)
        await scenario.act(self)
        await client.until(scenario.state, scenario.result, within=30)
        after, mode = await client.there(), await client.get(STATUS)
        ends = (after["swupdatestate"], after["swupdateresult"])
        line = f"state {ends[0]} result {ends[1]}; cm {mode['cm'] & SOFTWARE}; observed {self.observed()}"
        line = "; ".join([line, *self.notes])
        if ends != (scenario.state, scenario.result):
            raise Wrong(f"it ends with {ends}")
        if mode["cm"] & SOFTWARE != {"idle": 0, "nsa": 256, "sva": 320}[scenario.state]:
            raise Wrong(f"cm {mode['cm']} in {scenario.state}")
        if (after["lastupdate"] != before["lastupdate"]) != scenario.installs:
            raise Wrong(f"lastupdate {before['lastupdate']} is {after['lastupdate']} now")
        states = [state for n, (state, _) in enumerate(client.told) if n == 0 or client.told[n - 1][0] != state]
        if not stage.is_within(states, scenario.states.split()):
            raise Wrong(f"observed other than {scenario.states}")
        return line


async def discover(client):
    """The software update is found by its type, and the device says what it is."""
    links = await client.get("/oic/res?rt=oic.r.softwareupdate")
    found = [link["href"] for link in links if "oic.r.softwareupdate" in link.get("rt", [])]
    if found != ["/oc/swu"]:
        raise Wrong(f"found {links}")
    device = await client.get("/oic/d")
    if links[0]["anchor"] != f"ocf://{device['di']}":
        raise Wrong(f"{links[0]} is not of {device['di']}")


def doing(action, body, name="package.suit"):
    """One scheduled action on a package."""

    async def act(visit):
        await visit.client.update(visit.files.offer(f"{visit.scenario.name}-{name}", body(visit.bench)), action)

    return act


async def step_by_step(visit):
    """Validated at one time and installed by a target mode later."""
    uri = visit.files.offer("steps.suit", visit.bench.small)
    await visit.client.update(uri, "isvv")
    await visit.client.until("sva", 1)
    await visit.client.trigger(128)


async def scheduled(visit):
    """Some seconds ahead, and nothing happens before."""
    uri = visit.files.offer("later.suit", visit.bench.small)
    await visit.client.update(uri, "upgrade", after=4)
    await asyncio.sleep(3)
    software = await visit.client.there()
    if (software["swupdatestate"], software["swupdateaction"]) != ("idle", "upgrade"):
        raise Wrong(f"before its time: {software}")
    await visit.client.until("idle", 1, within=30)


async def checked(visit):
    await visit.client.update(visit.files.offer("newer.suit", visit.bench.small), "isac")


async def past(visit):
    """A time in the past is refused, and nothing runs."""
    uri = visit.files.offer("past.suit", visit.bench.small)
    await visit.client.update(uri, "upgrade", after=-60, wanted=Code.BAD_REQUEST)


def pointing(uri):
    async def act(visit):
        await visit.client.update(uri or visit.files.uri("absent.suit"), "upgrade")

    return act


async def cut_off(visit):
    body = visit.bench.large
    await visit.client.update(visit.files.offer("cut.suit", body, cut=len(body) // 2), "upgrade")
    await visit.client.until("nsa", 4, within=45)


def scenarios():
    through = "idle svv sva upgrading idle"
    yield Scenario("upgrade", doing("upgrade", lambda b: b.small), 1, states=through, installs=True)
    yield Scenario("steps", step_by_step, 1, states=through, installs=True)
    yield Scenario("scheduled", scheduled, 1, states=through, installs=True)
    yield Scenario("checked", checked, 1, "nsa", "idle nsa")
    yield Scenario("validated", doing("isvv", lambda b: b.small), 1, "sva", "idle svv sva")
    yield Scenario("wrong-key", doing("upgrade", lambda b: b.forged), 5, states="idle svv idle")
    # Where the description was good, a newer version is known from then on.
    yield Scenario("damaged", doing("upgrade", lambda b: b.damaged), 5, "nsa", "idle svv nsa")
    yield Scenario("too-large", doing("upgrade", lambda b: b.too_large), 3, states="idle svv idle")
    yield Scenario("not-found", pointing(None), 404, states="idle svv idle")
    yield Scenario("cut-off", cut_off, 4, "nsa", "idle svv nsa")
    yield Scenario("no-url", pointing("not a url"), 6)
    yield Scenario("ftp", pointing("ftp://127.0.0.1/good.suit"), 7)
    yield Scenario("self-test-fails", doing("upgrade", lambda b: b.failing), 8, "nsa", "idle svv sva upgrading nsa")
    yield Scenario("past", past, 0)


async def run(arguments):
    files = Files()

    @contextlib.asynccontextmanager
    async def visits(bench):
        yield lambda scenario: Visit(bench, files, scenario)

    try:
        return await stage.perform("ocf", arguments, scenarios(), visits)
    finally:
        files.stop()


def main():
    stage.main(run(stage.parser(__doc__).parse_args()))


if __name__ == "__main__":
    main()
