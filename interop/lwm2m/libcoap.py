"""libcoap's server, from which devices pull."""

import asyncio
import subprocess

import aiocoap
from aiocoap.message import Message
from aiocoap.numbers.codes import Code
from aiocoap.numbers.contentformat import ContentFormat

from bench import free_port


class CoapServer:
    """libcoap's coap-server, with nothing in it yet. It does not send the datagrams of these numbers."""

    def __init__(self, program, loses=None):
        self.program = program
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
