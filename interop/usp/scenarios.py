"""Updates the agent by a USP controller over WebSocket, well and badly, and prints what the controller reads from it.

Messages are written and read by protoc. One line for each scenario: `interop usp: NAME: active A; image 2 STATUS; ...`,
both read from FirmwareImage in the end.
"""

import asyncio
import contextlib
import hashlib
from dataclasses import dataclass
from typing import Awaitable, Callable

import stage
from bench import FACTORY, Files
from stage import Wrong
from usp.controller import CONTROLLER, IMAGES, Closed, Controller, failure
from usp.text import Codec, entries, text

FIRST, SECOND = f"{IMAGES}1", f"{IMAGES}2"
INFO = "Device.DeviceInfo."


@dataclass
class Scenario:
    """What is done to an agent, and what it must tell of it."""

    name: str
    act: Callable[["Visit"], Awaitable[None]]
    # Status of the second image in the end.
    status: str
    # Firmware that runs in the end.
    version: str = FACTORY
    within: float = 60


class Visit(stage.Visit):
    """One agent in one scenario, at a controller of its own."""

    def __init__(self, bench, codec, files, scenario):
        super().__init__(bench, scenario)
        self.codec = codec
        self.files = files
        self.controller = None

    async def begin(self):
        self.controller = await Controller.start(self.codec)
        speaks = ["--protocol", "usp", "--websocket", self.controller.uri, "--controller-id", CONTROLLER]
        speaks += ["--endpoint-id", f"self::interop-{self.scenario.name}"]
        self.agent = self.bench.device(self.scenario.name, speaks)

    def observed(self):
        notices = self.controller.notices if self.controller else []
        return " ".join(name for name, *_ in notices) or "nothing"

    async def leave(self):
        if self.controller is not None:
            await self.controller.stop()

    async def play(self):
        scenario, controller = self.scenario, self.controller
        await self.agent.start()
        await controller.connected(1)
        for name, kind, reference in [
            ("boot", "Event", "Device.Boot!"),
            ("transfer", "Event", "Device.LocalAgent.TransferComplete!"),
            ("complete", "OperationComplete", IMAGES),
            ("version", "ValueChange", f"{INFO}SoftwareVersion"),
        ]:
            await controller.subscribe(name, kind, reference)
        before = await controller.read(INFO)
        if (before[f"{INFO}ActiveFirmwareImage"], before[f"{SECOND}.Status"]) != (FIRST, "NoImage"):
            raise Wrong(f"at first: {before}")
        await scenario.act(self)
        after = await controller.read(INFO)
        active, version = after[f"{INFO}ActiveFirmwareImage"], after[f"{INFO}SoftwareVersion"]
        status = after[f"{SECOND}.Status"]
        line = f"active {active.rsplit('.', 1)[1]}; image 2 {status}; runs {version}; told {self.observed()}"
        line = "; ".join([line, *self.notes])
        runs = (version, after[f"{active}.Status"], after[f"{active}.Version"])
        if (status, runs) != (scenario.status, (scenario.version, "Active", scenario.version)):
            raise Wrong(f"it ends with {after}")
        return line

    async def download(self, uri, activates, key="download", **more):
        """Has the second image downloaded; how that ended, by both of its notifications."""
        controller = self.controller
        arguments = {"URL": uri, "AutoActivate": "true" if activates else "false", **more}
        kind, begun = await controller.operate(f"{SECOND}.Download()", key, arguments)
        if kind != "req_obj_path":
            raise Wrong(f"Download() of {uri} is answered {kind} {begun}")
        event = entries((await controller.notice("transfer", within=45))["params"])
        complete = await controller.notice("complete")
        if (event["Affected"].rstrip("."), event["CommandKey"], event["TransferURL"]) != (SECOND, key, uri):
            raise Wrong(f"TransferComplete! says {event}")
        return int(event["FaultCode"]), complete

    async def downloaded(self, body, activates=False, **more):
        uri = self.files.offer(f"{self.scenario.name}.suit", body)
        fault, complete = await self.download(uri, activates, **more)
        if fault != 0 or "cmd_failure" in complete:
            raise Wrong(f"the download ends with {fault}, {complete}")

    async def booted(self, times, key, updated, cause="RemoteReboot"):
        """Waits for the n-th Boot!, which must say so."""
        await self.controller.connected(times + 1)
        event = entries((await self.controller.notice("boot", times, within=30))["params"])
        said = {name: event[name] for name in ("CommandKey", "FirmwareUpdated")}
        if said != {"CommandKey": key, "FirmwareUpdated": updated}:
            raise Wrong(f"Boot! says {event}")
        self.note(f"Boot! {event['Cause']} {said['FirmwareUpdated']}")
        return event

    async def accepted(self, command, key, arguments=None, kind="req_obj_path"):
        answer, contents = await self.controller.operate(command, key, arguments)
        if answer != kind:
            raise Wrong(f"{command} is answered {answer} {contents}")
        return contents


async def activates_by_itself(visit):
    await visit.downloaded(visit.bench.small, activates=True)
    await visit.booted(1, "download", "true")
    changed = await visit.controller.notice("version")
    if text(changed["param_value"][0]) != "2.0.0":
        raise Wrong(f"ValueChange says {changed}")


async def activated(visit):
    digest = hashlib.sha256(visit.bench.small).hexdigest()
    await visit.downloaded(visit.bench.small, CheckSumAlgorithm="SHA-256", CheckSum=digest)
    await visit.accepted(f"{SECOND}.Activate()", "activate")
    await visit.controller.notice("complete", 2)
    await visit.booted(1, "activate", "true")


async def activated_in_a_window(visit):
    await visit.downloaded(visit.bench.small)
    window = {"TimeWindow.1.Start": "1", "TimeWindow.1.End": "100", "TimeWindow.1.Mode": "Immediately"}
    await visit.accepted(f"{SECOND}.Activate()", "window", window)
    await visit.controller.notice("complete", 2)
    await visit.booted(1, "window", "true")


async def booted_by_name(visit):
    await visit.downloaded(visit.bench.small)
    await visit.controller.set(INFO, "BootFirmwareImage", SECOND)
    await visit.accepted("Device.Reboot()", "reboot", kind="req_output_args")
    await visit.booted(1, "reboot", "true")


async def forth_and_back(visit):
    await booted_by_name(visit)
    await visit.controller.set(INFO, "BootFirmwareImage", FIRST)
    await visit.accepted("Device.Reboot()", "back", kind="req_output_args")
    await visit.booted(2, "back", "true")


async def self_test_fails(visit):
    await visit.downloaded(visit.bench.failing, activates=True)
    # The image on trial may or may not have connected before it was given up, and may be asked in its last moment.
    await visit.controller.connected(2)
    values = {}
    for _ in range(100):
        with contextlib.suppress(Closed):
            values = await visit.controller.read(f"{SECOND}.")
        if values.get(f"{SECOND}.Status") == "ActivationFailed":
            visit.note(f"BootFailureLog {values[f'{SECOND}.BootFailureLog']!r}")
            return
        await asyncio.sleep(0.1)
    raise Wrong(f"it ends with {values}")


def failing(body, fault, **more):
    """A download that fails with this code."""

    async def act(visit):
        uri = visit.files.offer(f"{visit.scenario.name}.suit", body(visit.bench))
        await fails(visit, uri, fault, **more)

    return act


async def fails(visit, uri, fault, **more):
    told, complete = await visit.download(uri, activates=True, **more)
    if told != fault or failure(complete["cmd_failure"][0]) != 7022:
        raise Wrong(f"TransferComplete! says {told}, OperationComplete {complete}")
    visit.note(f"FaultCode {told}, cmd_failure 7022")


async def not_there(visit):
    await fails(visit, visit.files.uri("absent.suit"), 7033)


async def cut_off(visit):
    body = visit.bench.large
    await fails(visit, visit.files.offer("cut.suit", body, cut=len(body) // 2), 7033)


async def refused(visit):
    """What cannot be is refused with its code, and nothing has happened."""
    codes = []
    for command, arguments, code in [
        (f"{SECOND}.Download()", {"URL": "ftp://127.0.0.1/x", "AutoActivate": "true"}, 7004),
        (f"{SECOND}.Download()", {"AutoActivate": "true"}, 7027),
        (f"{SECOND}.Activate()", {}, 7022),
        (f"{FIRST}.Activate()", {}, 7002),
    ]:
        contents = await visit.accepted(command, "refused", arguments, kind="cmd_failure")
        if failure(contents) != code:
            raise Wrong(f"{command} {arguments} fails with {contents}, not {code}")
        codes.append(code)
    absent = await visit.controller.error("operate", f'command: "{IMAGES}9.Activate()" send_resp: true')
    if absent != 7016:
        raise Wrong(f"an absent image gives {absent}")
    visit.note(f"refused with {codes} and {absent}")


async def cancelled(visit):
    await visit.downloaded(visit.bench.small)
    window = {"TimeWindow.1.Start": "120", "TimeWindow.1.End": "500", "TimeWindow.1.Mode": "AnyTime"}
    request = text(await visit.accepted(f"{SECOND}.Activate()", "late", window)).rstrip(".")
    await visit.accepted(f"{request}.Cancel()", "cancel", kind="req_output_args")
    complete = await visit.controller.notice("complete", 2)
    if failure(complete["cmd_failure"][0]) != 7023:
        raise Wrong(f"OperationComplete says {complete}")
    visit.note("cmd_failure 7023")


async def connection_lost(visit):
    """The controller closes the connection; the agent comes back."""
    await visit.controller.socket.close()
    await visit.controller.connected(2)
    await visit.downloaded(visit.bench.small)


def scenarios():
    yield Scenario("auto-activate", activates_by_itself, "Active", "2.0.0")
    yield Scenario("activate", activated, "Active", "2.0.0")
    yield Scenario("window", activated_in_a_window, "Active", "2.0.0")
    yield Scenario("boot-image", booted_by_name, "Active", "2.0.0")
    yield Scenario("back", forth_and_back, "Available")
    yield Scenario("reconnected", connection_lost, "Available")
    yield Scenario("not-found", not_there, "DownloadFailed")
    yield Scenario("cut-off", cut_off, "DownloadFailed")
    yield Scenario("wrong-key", failing(lambda bench: bench.forged, 7036), "ValidationFailed")
    yield Scenario("damaged", failing(lambda bench: bench.damaged, 7035), "ValidationFailed")
    wrong = {"CheckSumAlgorithm": "SHA-1", "CheckSum": "00" * 20}
    yield Scenario("wrong-checksum", failing(lambda bench: bench.small, 7035, **wrong), "ValidationFailed")
    yield Scenario("other-class", failing(lambda bench: bench.foreign, 7035), "ValidationFailed")
    yield Scenario("too-large", failing(lambda bench: bench.too_large, 7005), "InstallationFailed")
    yield Scenario("self-test-fails", self_test_fails, "ActivationFailed")
    yield Scenario("refused", refused, "NoImage")
    yield Scenario("cancelled", cancelled, "Available")


async def run(arguments):
    files, codec = Files(), Codec(arguments.protoc, arguments.schemas)

    @contextlib.asynccontextmanager
    async def visits(bench):
        yield lambda scenario: Visit(bench, codec, files, scenario)

    try:
        return await stage.perform("usp", arguments, scenarios(), visits)
    finally:
        files.stop()


def main():
    parser = stage.parser(__doc__)
    parser.add_argument("--protoc", required=True, help="program `protoc`")
    parser.add_argument("--schemas", required=True, help="folder of the schemas, usp-msg-1-4.proto and others")
    stage.main(run(parser.parse_args()))


if __name__ == "__main__":
    main()
