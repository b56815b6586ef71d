"""An OCF client on aiocoap and cbor2, for one device whose address is known."""

import asyncio
from datetime import datetime, timedelta, timezone

import aiocoap
import cbor2
from aiocoap.message import Message
from aiocoap.numbers.codes import Code
from aiocoap.numbers.optionnumbers import OptionNumber
from aiocoap.optiontypes import OpaqueOption

from stage import Wrong

# application/vnd.ocf+cbor, and the options that name its version, 1.0.0.
FORMAT = 10000
ACCEPT_VERSION, FORMAT_VERSION = OptionNumber(2049), OptionNumber(2053)
VERSION = bytes([0x08, 0x00])

UPDATE, STATUS = "/oc/swu", "/oic/sec/pstat"

# How long an answer or a change may take, seconds.
PATIENCE = 20

# The bits of the modes that are about software.
SOFTWARE = 0x1C0


class Refused(Wrong):
    """An answer other than success."""


class Client:
    """Reads, writes and observes."""

    def __init__(self, context, uri):
        self.context = context
        self.uri = uri
        # Pairs of state and result that the observation told, without repetition.
        self.told = []
        self.changed = asyncio.Condition()
        self.observing = None

    @classmethod
    async def to(cls, port):
        context = await aiocoap.Context.create_client_context(transports=["udp6"])
        return cls(context, f"coap://127.0.0.1:{port}")

    async def close(self):
        if self.observing is not None:
            self.observing.cancel()
        await self.context.shutdown()

    async def request(self, code, path, value=None):
        message = Message(code=code, uri=self.uri + path, accept=FORMAT)
        message.opt.add_option(OpaqueOption(ACCEPT_VERSION, VERSION))
        if value is not None:
            message.payload = cbor2.dumps(value)
            message.opt.content_format = FORMAT
            message.opt.add_option(OpaqueOption(FORMAT_VERSION, VERSION))
        return await asyncio.wait_for(self.context.request(message).response, PATIENCE)

    async def get(self, path):
        response = await self.request(Code.GET, path)
        return contents(response, Code.CONTENT)

    async def post(self, path, value, wanted=Code.CHANGED):
        response = await self.request(Code.POST, path, value)
        if response.code != wanted:
            raise Refused(f"POST {path} {value}: {response.code}, not {wanted}")
        return cbor2.loads(response.payload) if response.payload else None

    async def there(self, within=PATIENCE):
        """Waits until the device answers; its software update."""
        for _ in range(within * 5):
            try:
                return await self.get(UPDATE)
            # It may not listen yet, or not have read its journal.
            except (aiocoap.error.NetworkError, Refused):
                await asyncio.sleep(0.2)
        raise Wrong("the device does not answer")

    async def update(self, purl, action, after=0.0, wanted=Code.CHANGED):
        """Writes the three members; the action is due so many seconds from now."""
        # Both clocks are this machine's; a past time is an error.
        due = datetime.now(timezone.utc) + timedelta(seconds=after + 0.5)
        time = due.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        return await self.post(UPDATE, {"purl": purl, "swupdateaction": action, "updatetime": time}, wanted)

    async def trigger(self, mode):
        await self.post(STATUS, {"tm": mode})

    async def observe(self):
        """Observes the software update until the device resets, and then again."""
        while True:
            message = Message(code=Code.GET, uri=self.uri + UPDATE, observe=0, accept=FORMAT)
            request = self.context.request(message)
            told = asyncio.Queue()
            request.observation.register_callback(told.put_nowait)
            request.observation.register_errback(told.put_nowait)
            try:
                await self.tell(contents(await request.response, Code.CONTENT))
                # A reset ends the observation without a word, so that silence is followed by another one.
                while True:
                    notice = await asyncio.wait_for(told.get(), 1)
                    if isinstance(notice, Exception):
                        raise notice
                    await self.tell(contents(notice, Code.CONTENT))
            except (aiocoap.error.Error, Refused, asyncio.TimeoutError):
                await asyncio.sleep(0.1)
            finally:
                request.observation.cancel()

    async def tell(self, software):
        pair = (software["swupdatestate"], software["swupdateresult"])
        async with self.changed:
            if self.told[-1:] != [pair]:
                self.told.append(pair)
                self.changed.notify_all()

    async def until(self, state, result, within=PATIENCE):
        """Waits until the observation has told this pair last."""
        try:
            async with self.changed:
                await asyncio.wait_for(self.changed.wait_for(lambda: self.told[-1:] == [(state, result)]), within)
        except asyncio.TimeoutError:
            raise Wrong(f"{state} with result {result}: not within {within} s") from None


def contents(response, wanted):
    """The map of an answer, which is in the format that was asked for."""
    if response.code != wanted:
        raise Refused(f"{response.code}, not {wanted}")
    if response.opt.content_format not in (FORMAT, None) or response.opt.content_format is None:
        raise Wrong(f"content format {response.opt.content_format}")
    return cbor2.loads(response.payload)
