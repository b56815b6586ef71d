"""A platform of IoTF device management on paho-mqtt, for the one device of a broker, and Mosquitto as that broker."""

import asyncio
import itertools
import json
import socket
import subprocess

import paho.mqtt.client as mqtt

from bench import free_port
from stage import Wrong

# Return codes of the protocol.
OK, ACCEPTED, CHANGED, BAD_REQUEST, NOT_IMPLEMENTED = 200, 202, 204, 400, 501

FIRMWARE = "mgmt.firmware"

# How long an answer or a notification may take, seconds.
PATIENCE = 15


class Broker:
    """Mosquitto, on a port of its own, which it keeps when it is started anew."""

    def __init__(self, program, folder):
        self.program = program
        self.port = free_port(socket.SOCK_STREAM)
        self.configuration = folder / f"mosquitto-{self.port}.conf"
        self.configuration.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
        self.process = None

    async def start(self):
        self.process = await asyncio.create_subprocess_exec(
            *[self.program, "-c", str(self.configuration)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(100):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return
        raise Wrong("mosquitto does not listen")

    async def stop(self):
        process, self.process = self.process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()


class Platform:
    """What the device says, and what is said to it."""

    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.numbers = itertools.count(1)
        self.answers = {}
        # What it has said of itself, each time it asked to be managed.
        self.managed = []
        # Pairs of state and status as they are known by notifications, since it was observed.
        self.told = []
        self.changed = asyncio.Condition()
        self.client = None

    async def connect(self, port):
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="platform")
        subscribed = asyncio.Event()
        self.client.on_connect = lambda client, *_: client.subscribe("iotdevice-1/#", qos=1)
        self.client.on_subscribe = lambda *_: self.loop.call_soon_threadsafe(subscribed.set)
        self.client.on_message = lambda _, __, message: self.loop.call_soon_threadsafe(self.received, message)
        self.client.reconnect_delay_set(min_delay=1, max_delay=1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        await asyncio.wait_for(subscribed.wait(), PATIENCE)

    async def close(self):
        if self.client is not None:
            self.client.disconnect()
            await asyncio.to_thread(self.client.loop_stop)

    def send(self, topic, message):
        self.client.publish(f"iotdm-1/{topic}", json.dumps(message), qos=1)

    def received(self, message):
        body = json.loads(message.payload)
        if message.retain:
            raise Wrong(f"{message.topic} is retained")
        if message.topic == "iotdevice-1/response":
            waiting = self.answers.get(body["reqId"])
            if waiting is not None:
                waiting.append(body)
        elif message.topic == "iotdevice-1/mgmt/manage":
            self.managed.append(body["d"])
            self.send("response", {"rc": OK, "reqId": body["reqId"]})
        elif message.topic == "iotdevice-1/notify":
            state, status = self.told[-1]
            for field in body["d"]["fields"]:
                if field["field"] == FIRMWARE:
                    state = field["value"].get("state", state)
                    status = field["value"].get("updateStatus", status)
            self.told.append((state, status))
            self.send("response", {"rc": OK, "reqId": body["reqId"]})
        self.loop.create_task(self.wake())

    async def wake(self):
        async with self.changed:
            self.changed.notify_all()

    async def until(self, what, is_so, within=PATIENCE):
        """Waits until the device has made it so."""
        try:
            async with self.changed:
                await asyncio.wait_for(self.changed.wait_for(is_so), within)
        except asyncio.TimeoutError:
            raise Wrong(f"{what}: not within {within} s") from None

    async def ask(self, topic, d=None, times=1):
        """Sends a request, so many times; the answer, which is the same to each."""
        req_id = f"interop-{next(self.numbers)}"
        answers = self.answers[req_id] = []
        message = {"reqId": req_id} if d is None else {"d": d, "reqId": req_id}
        for _ in range(times):
            self.send(topic, message)
        await self.until(f"answer to {topic}", lambda: len(answers) == times)
        if any(answer != answers[0] for answer in answers):
            raise Wrong(f"{topic} is answered {answers}")
        return answers[0]

    async def rc(self, topic, wanted, d=None, times=1):
        """Sends a request whose answer has this return code."""
        answer = await self.ask(topic, d, times)
        if answer["rc"] != wanted:
            raise Wrong(f"{topic}: {answer}, not rc {wanted}")
        return answer

    async def write(self, uri, version, wanted=CHANGED):
        """Sets all the members, as before a download."""
        value = {
            **{"version": version, "name": "firmware", "uri": uri, "verifier": ""},
            **{"state": 0, "updateStatus": 0, "updatedDateTime": ""},
        }
        await self.rc("device/update", wanted, {"fields": [{"field": FIRMWARE, "value": value}]})

    async def observe(self):
        """Observes the firmware's attributes; its value."""
        answer = await self.rc("observe", OK, {"fields": [{"field": FIRMWARE}]})
        [value] = [f["value"] for f in answer["d"]["fields"] if f["field"] == FIRMWARE]
        self.told.append((value["state"], value["updateStatus"]))
        return value

    async def cancel(self):
        await self.rc("cancel", OK, {"fields": [{"field": FIRMWARE}]})

    async def download(self, wanted=ACCEPTED, times=1):
        await self.rc("mgmt/initiate/firmware/download", wanted, times=times)

    async def update(self, wanted=ACCEPTED):
        await self.rc("mgmt/initiate/firmware/update", wanted)
