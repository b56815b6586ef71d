"""A USP controller on websockets and protoc, for one agent."""

import asyncio
import itertools

import websockets
from websockets.asyncio.server import serve

from stage import Wrong
from usp.text import entries, quoted, text

CONTROLLER = "self::interop-controller"
SUBPROTOCOL = "v1.usp"

IMAGES = "Device.DeviceInfo.FirmwareImage."

# How long an answer or a notification may take, seconds.
PATIENCE = 20


class Closed(Wrong):
    """The agent has closed the connection, as it does at a reset."""


class Controller:
    """Answers one agent's connections, one after the other, and asks it."""

    def __init__(self, codec):
        self.codec = codec
        self.numbers = itertools.count(1)
        self.socket = None
        self.agent = None
        self.answers = {}
        self.connections = 0
        # Notifications as they came: subscription, kind, contents.
        self.notices = []
        self.changed = asyncio.Condition()
        self.wrong = None
        self.server = None

    @classmethod
    async def start(cls, codec):
        self = cls(codec)
        self.server = await serve(self.attend, "127.0.0.1", 0, subprotocols=[SUBPROTOCOL])
        return self

    @property
    def uri(self):
        return f"ws://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/usp"

    async def stop(self):
        self.server.close()
        await self.server.wait_closed()

    async def attend(self, socket):
        if socket.subprotocol != SUBPROTOCOL:
            return
        try:
            async for frame in socket:
                await self.received(socket, frame)
        except websockets.ConnectionClosed:
            # A reset of the device ends it without a farewell.
            pass
        except (Wrong, ValueError, KeyError) as e:
            self.wrong = e
            await self.wake()

    async def wake(self):
        async with self.changed:
            self.changed.notify_all()

    async def received(self, socket, frame):
        if not isinstance(frame, bytes):
            raise Wrong(f"a text frame: {frame[:40]!r}")
        record = self.codec.decode("usp_record.Record", frame)
        if text(record["to_id"][0]) != CONTROLLER:
            raise Wrong(f"a record for {record['to_id']}")
        if "websocket_connect" in record:
            self.agent, self.socket = text(record["from_id"][0]), socket
            self.connections += 1
        elif "no_session_context" in record:
            self.message(self.codec.decode("usp.Msg", record["no_session_context"][0]["payload"][0]))
        else:
            raise Wrong(f"a record with {sorted(record)}")
        await self.wake()

    def message(self, message):
        number, body = text(message["header"][0]["msg_id"][0]), message["body"][0]
        if "request" in body:
            [notify] = body["request"][0]["notify"]
            kind = next(kind for kind in notify if kind not in ("subscription_id", "send_resp"))
            self.notices.append((text(notify["subscription_id"][0]), kind, notify[kind][0]))
        else:
            self.answers[number] = body

    async def until(self, what, is_so, within=PATIENCE):
        """Waits until the agent has made it so."""
        try:
            async with self.changed:
                await asyncio.wait_for(self.changed.wait_for(lambda: self.wrong or is_so()), within)
        except asyncio.TimeoutError:
            raise Wrong(f"{what}: not within {within} s") from None
        if self.wrong:
            raise self.wrong

    async def connected(self, times):
        await self.until(f"connection {times}", lambda: self.connections >= times, within=30)

    async def ask(self, kind, request):
        """Sends a request; the body of the answer."""
        number = f"interop-{next(self.numbers)}"
        header = f"header {{ msg_id: {quoted(number)} msg_type: {kind.upper()} }}"
        msg = self.codec.encode("usp.Msg", f"{header} body {{ request {{ {kind} {{ {request} }} }} }}")
        record = self.codec.encode(
            "usp_record.Record",
            f'version: "1.4" to_id: {quoted(self.agent)} from_id: {quoted(CONTROLLER)} '
            f"payload_security: PLAINTEXT no_session_context {{ payload: {quoted(msg)} }}",
        )
        socket = self.socket
        try:
            await socket.send(record)
        except websockets.ConnectionClosed:
            raise Closed(f"{kind} {request}: the connection is closed") from None
        answered = lambda: number in self.answers or socket is not self.socket
        await self.until(f"answer to {kind} {request}", answered)
        if number not in self.answers:
            raise Closed(f"{kind} {request}: the connection was closed before the answer")
        return self.answers.pop(number)

    async def response(self, kind, request):
        body = await self.ask(kind, request)
        if "error" in body:
            raise Wrong(f"{kind} {request}: {body['error']}")
        return body["response"][0][f"{kind}_resp"][0]

    async def error(self, kind, request):
        """Sends a request that is wrong as a whole; the code that says why."""
        body = await self.ask(kind, request)
        if "error" not in body:
            raise Wrong(f"{kind} {request} is answered {body}")
        return int(body["error"][0]["err_code"][0])

    async def read(self, *paths):
        """The values behind paths, by the whole names of parameters."""
        answer = await self.response("get", " ".join(f"param_paths: {quoted(path)}" for path in paths))
        values = {}
        for asked in answer["req_path_results"]:
            for resolved in asked.get("resolved_path_results", []):
                at = text(resolved["resolved_path"][0])
                values |= {at + name: value for name, value in entries(resolved.get("result_params", [])).items()}
        return values

    async def subscribe(self, name, kind, reference):
        settings = {"ID": name, "NotifType": kind, "ReferenceList": reference, "Enable": "true", "Persistent": "true"}
        given = " ".join(
            f"param_settings {{ param: {quoted(p)} value: {quoted(v)} required: true }}" for p, v in settings.items()
        )
        path = quoted("Device.LocalAgent.Subscription.")
        answer = await self.response("add", f"allow_partial: false create_objs {{ obj_path: {path} {given} }}")
        [created] = answer["created_obj_results"]
        if "oper_success" not in created["oper_status"][0]:
            raise Wrong(f"subscription {name}: {created}")

    async def set(self, path, name, value):
        setting = f"param_settings {{ param: {quoted(name)} value: {quoted(value)} required: true }}"
        answer = await self.response("set", f"update_objs {{ obj_path: {quoted(path)} {setting} }}")
        [updated] = answer["updated_obj_results"]
        if "oper_success" not in updated["oper_status"][0]:
            raise Wrong(f"Set {path}{name} {value}: {updated}")

    async def operate(self, command, key, arguments=None):
        """What a command was answered: one of req_obj_path, req_output_args and cmd_failure, with its contents."""
        given = " ".join(
            f"input_args {{ key: {quoted(k)} value: {quoted(v)} }}" for k, v in (arguments or {}).items()
        )
        request = f"command: {quoted(command)} command_key: {quoted(key)} send_resp: true {given}"
        answer = await self.response("operate", request)
        [result] = answer["operation_results"]
        kind = next(kind for kind in result if kind != "executed_command")
        return kind, result[kind][0]

    def told(self, subscription):
        return [contents for name, _, contents in self.notices if name == subscription]

    async def notice(self, subscription, times=1, within=PATIENCE):
        """Waits for the n-th notification of a subscription; its contents."""
        what = f"notification {times} of {subscription}"
        await self.until(what, lambda: len(self.told(subscription)) >= times, within)
        return self.told(subscription)[times - 1]


def failure(contents):
    """The code of a command that has failed."""
    return int(contents["err_code"][0])
