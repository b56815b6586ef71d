"""A LwM2M 1.1 server on aiocoap: as much of it as updates a device's firmware.

It answers registrations, and sends its requests from the port that it is registered at.
"""

import asyncio
import copy
import hashlib
import re
import socket
import warnings

import aiocoap
from aiocoap import resource
from aiocoap.message import Message
from aiocoap.numbers.codes import Code
from aiocoap.numbers.contentformat import ContentFormat
from aiocoap.optiontypes import BlockOption
from aiocoap.util import socknumbers

# Seconds that a device may take to answer.
PATIENCE = 10

Block = BlockOption.BlockwiseTuple


class Refused(Exception):
    """The device answered otherwise than it should."""


class Server:
    """Registers devices and talks to them."""

    def __init__(self):
        self.site = resource.Site()
        self.known = []
        self._changed = asyncio.Event()
        self.site.add_resource(["rd"], _Directory(self))

    @classmethod
    async def start(cls):
        server = cls()
        # Requests leave from the socket that registrations come to, so a device accepts them.
        server.context = await aiocoap.Context.create_server_context(
            server.site, bind=("127.0.0.1", 0), transports=["udp6"]
        )
        [interface] = server.context.request_interfaces
        own = interface.token_interface.message_interface.transport.get_extra_info("socket")
        server.port = own.getsockname()[1]
        # A device that has just ended refuses what is still sent to it, and Linux would tell that by failing
        # the next message, whoever that is for. Silence is told by time-outs.
        own.setsockopt(socket.IPPROTO_IPV6, socknumbers.IPV6_RECVERR, 0)
        own.setsockopt(socket.IPPROTO_IP, socknumbers.IP_RECVERR, 0)
        return server

    @property
    def uri(self):
        return f"coap://127.0.0.1:{self.port}"

    async def stop(self):
        await self.context.shutdown()

    def tell(self):
        """Something is not as it was: whoever waits looks again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, what, found, within=PATIENCE):
        """Waits until `found` returns something; returns it."""

        async def wait():
            while not (value := found()):
                await self._changed.wait()
            return value

        try:
            return await asyncio.wait_for(wait(), within)
        except asyncio.TimeoutError as e:
            raise Refused(f"no {what} within {within} s") from e

    async def registered(self, endpoint, after):
        """The newest registration of this endpoint, as soon as there is one later than `after`."""

        def found():
            devices = [device for device in self.known if device.endpoint == endpoint]
            return devices[-1] if devices and devices[-1] is not after else None

        return await self.until("registration", found, within=None)

    async def request(self, message, within=PATIENCE, **how):
        return await asyncio.wait_for(self.context.request(message, **how).response, within)

    def offer(self, name, image):
        """Serves a body; returns its URI."""
        self.site.add_resource([name], image)
        return f"{self.uri}/{name}"


class _Directory(resource.Resource):
    """/rd: LwM2M 1.1 Transport Bindings, section 6.4.3, Register."""

    def __init__(self, server):
        super().__init__()
        self.server = server

    async def render_post(self, request):
        queries = dict(query.partition("=")[::2] for query in request.opt.uri_query)
        if not queries.get("ep") or request.opt.content_format != ContentFormat.LINKFORMAT:
            return Message(code=Code.BAD_REQUEST)
        place = ("rd", f"{len(self.server.known)}")
        device = Device(self.server, request, queries, place)
        self.server.known.append(device)
        self.server.site.add_resource(place, _Registration(device))
        self.server.tell()
        return Message(code=Code.CREATED, location_path=place)


class _Registration(resource.Resource):
    """What Register answers with: section 6.4.3, Update and De-register."""

    def __init__(self, device):
        super().__init__()
        self.device = device

    async def render_post(self, request):
        self.device.remote = request.remote.as_response_address()
        self.device.updates += 1
        self.device.server.tell()
        return Message(code=Code.CHANGED)

    async def render_delete(self, request):
        self.device.left = True
        self.device.server.site.remove_resource(self.device.place)
        self.device.server.tell()
        return Message(code=Code.DELETED)


class Device:
    """A registration, and the device behind it."""

    def __init__(self, server, request, queries, place):
        self.server = server
        self.remote = request.remote.as_response_address()
        self.queries = queries
        self.endpoint = queries["ep"]
        self.place = place
        self.links = _links(request.payload.decode())
        self.updates = 0
        self.left = False

    def _message(self, code, path, **options):
        """A request to this device, not sent yet."""
        message = Message(code=code, uri_path=path.strip("/").split("/"), **options)
        # Each has its own, since aiocoap notes block sizes in it.
        message.remote = copy.copy(self.remote)
        return message

    async def read(self, path):
        """The text of a resource."""
        response = await self.server.request(self._message(Code.GET, path))
        if response.code != Code.CONTENT:
            raise Refused(f"Read {path}: {_shown(response)}")
        return response.payload.decode()

    async def discover(self, path):
        message = self._message(Code.GET, path, accept=ContentFormat.LINKFORMAT)
        response = await self.server.request(message)
        if response.code != Code.CONTENT or response.opt.content_format != ContentFormat.LINKFORMAT:
            raise Refused(f"Discover {path}: {_shown(response)}")
        return _links(response.payload.decode())

    async def write(self, path, text):
        """Writes text; returns the code of the answer."""
        payload = text.encode()
        message = self._message(Code.PUT, path, content_format=ContentFormat.TEXT, payload=payload)
        return (await self.server.request(message)).code

    async def execute(self, path):
        return (await self.server.request(self._message(Code.POST, path))).code

    async def observe(self, path, told):
        """Calls `told` with the path, and the text of the answer and of each notification."""
        message = self._message(Code.GET, path, observe=0)
        request = self.server.context.request(message, handle_blockwise=False)
        response = await asyncio.wait_for(request.response, PATIENCE)
        if response.code != Code.CONTENT or response.opt.observe is None:
            raise Refused(f"Observe {path}: {_shown(response)}")
        told(path, response.payload.decode())
        with warnings.catch_warnings():
            # What would replace it keeps only the last of several notifications.
            warnings.simplefilter("ignore", DeprecationWarning)
            request.observation.register_callback(lambda message: told(path, message.payload.decode()))

    async def push(self, path, body, size):
        """Writes bytes in blocks of this size, cut by aiocoap; returns the answer. aiocoap goes on after a
        refusal that repeats the Block1 option with its flag M."""
        message = self._message(Code.PUT, path, content_format=ContentFormat.OCTETSTREAM, payload=body)
        message.remote.maximum_block_size_exp = _exponent(size)
        return await self.server.request(message, within=60)

    async def push_blocks(self, path, body, size, upto=None, **first):
        """Writes blocks up to an offset, or the first answer that is not 2.31; returns the last answer.
        The first block has these options besides."""
        octets = ContentFormat.OCTETSTREAM
        for number, at in enumerate(range(0, upto or len(body), size)):
            block = Block(number, at + size < len(body), _exponent(size))
            payload = body[at : at + size]
            options = first if at == 0 else {}
            message = self._message(
                Code.PUT, path, content_format=octets, block1=block, payload=payload, **options
            )
            response = await self.server.request(message, handle_blockwise=False)
            if response.code != Code.CONTINUE:
                break
            if response.opt.block1 != block:
                raise Refused(f"block {block} is answered with {response.opt.block1}")
        return response


class Image(resource.Resource):
    """A body that is served in blocks of at most `size` bytes; `hold` has it stop answering there."""

    def __init__(self, body, size, hold=None):
        super().__init__()
        self.body = body
        self.size = size
        self.hold = hold
        self.etag = hashlib.sha256(body).digest()[:8]
        # Offsets that were asked for.
        self.asked = []
        self.held = asyncio.Event()
        self.released = asyncio.Event()

    async def needs_blockwise_assembly(self, request):
        return False

    async def render_get(self, request):
        wanted = request.opt.block2 or Block(0, False, _exponent(self.size))
        at = wanted.start
        self.asked.append(at)
        if self.hold is not None and at >= self.hold:
            self.held.set()
            await self.released.wait()
        exponent = min(wanted.size_exponent, _exponent(self.size))
        size = 16 << exponent
        if at >= len(self.body) or at % size:
            return Message(code=Code.BAD_REQUEST)
        response = Message(code=Code.CONTENT, payload=self.body[at : at + size], etag=self.etag)
        response.opt.content_format = ContentFormat.OCTETSTREAM
        response.opt.block2 = Block(at // size, at + size < len(self.body), exponent)
        return response


def _exponent(size):
    """SZX of a block size (RFC 7959, section 2.2)."""
    return size.bit_length() - 5


def _links(text):
    """Targets of a link list, each with its attributes as they stand (RFC 6690)."""
    return dict(re.findall(r'<([^>]*)>((?:;[^,;="]+(?:=(?:"[^"]*"|[^,;"]*))?)*)', text))


def _shown(response):
    return f"{response.code} {response.payload[:40]!r}"
