"""Secrets Manager's protocol, answered from memory a fixed time after each request.

It runs in a process of its own and does next to nothing, so that what is measured is the caller.
The first line of output tells where it listens, as JSON: latency in milliseconds -> URL. A GET
of any path gives that port's calls since the last one.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from functools import partial
from itertools import count
from time import monotonic
from typing import TypedDict

MAX_BATCH = 20
_LINE_END = b"\r\n"
_HEAD_END = _LINE_END * 2


class Call(TypedDict):
    """One request: times in seconds of ``time.monotonic()``."""

    operation: str
    connection: int
    started: float
    ended: float


class Entries(dict[str, bytes]):
    """Secret name -> its entry in an answer; the value is made when first asked for."""

    def __missing__(self, name: str) -> bytes:
        entry = {
            "ARN": f"arn:aws:secretsmanager:ap-northeast-2:123456789012:secret:{name}-AbCdEf",
            "Name": name,
            "VersionId": secrets.token_hex(16),
            # Its length goes with its name, so that a program's proof is the same every time.
            "SecretString": secrets.token_hex(16 + len(name)),
            "VersionStages": ["AWSCURRENT"],
            "CreatedDate": 1_790_000_000.0,
        }
        return self.setdefault(name, json.dumps(entry).encode())


class Port:
    """What one port shares among its connections."""

    def __init__(self, latency: float, entries: Entries) -> None:
        self.latency = latency
        self.entries = entries
        self.calls: list[Call] = []
        self.connections = count(1)

    def answer(self, operation: str, body: bytes) -> bytes:
        """Give the body of an answer."""
        asked = json.loads(body)
        if operation == "GetSecretValue":
            return self.entries[asked["SecretId"]]
        wanted = asked["SecretIdList"]
        if len(wanted) > MAX_BATCH:
            raise ValueError("too many names in one batch")
        return b'{"SecretValues":[%s],"Errors":[]}' % b",".join(
            map(self.entries.__getitem__, wanted)
        )


class Connection(asyncio.Protocol):
    """One caller; a request comes whole before the next is sent."""

    transport: asyncio.Transport

    def __init__(self, port: Port) -> None:
        self._port = port
        self._number = next(port.connections)
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(_HEAD_END)
        fields = _fields(head)
        if end and len(body) >= int(fields.get(b"content-length", b"0")):
            self._received = b""
            self._respond(fields, body)

    def _respond(self, fields: dict[bytes, bytes], body: bytes) -> None:
        if not body:
            calls, self._port.calls = self._port.calls, []
            self.transport.write(_response(json.dumps(calls).encode()))
            return
        operation = fields[b"x-amz-target"].decode().rpartition(".")[2]
        response = _response(self._port.answer(operation, body))
        loop = asyncio.get_running_loop()
        loop.call_later(self._port.latency, self._finish, operation, monotonic(), response)

    def _finish(self, operation: str, started: float, response: bytes) -> None:
        self.transport.write(response)
        self._port.calls.append(
            Call(
                operation=operation,
                connection=self._number,
                started=started,
                ended=monotonic(),
            )
        )


def _fields(head: bytes) -> dict[bytes, bytes]:
    lines = (line.partition(b":") for line in head.split(_LINE_END)[1:])
    return {name.lower(): value.strip() for name, _, value in lines}


def _response(body: bytes) -> bytes:
    head = (
        b"HTTP/1.1 200 OK",
        b"Content-Type: application/x-amz-json-1.1",
        b"Content-Length: %d" % len(body),
    )
    return _LINE_END.join(head) + _HEAD_END + body


async def serve(latencies: list[str]) -> None:
    """Listen on one port for each latency, in milliseconds, until the process is ended."""
    loop, entries, urls = asyncio.get_running_loop(), Entries(), {}
    for milliseconds in latencies:
        port = Port(float(milliseconds) / 1000, entries)
        server = await loop.create_server(partial(Connection, port), "127.0.0.1", 0)
        urls[milliseconds] = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    print(json.dumps(urls), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1:]))
