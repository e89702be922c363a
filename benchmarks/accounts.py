"""An account of Secrets Manager and a provider, both slow, in a process of their own.

The first line of output gives their URLs, as JSON. A GET of the provider's ``/calls`` gives the
calls of both since the last one: how many, and the seconds that they took there.
"""

from __future__ import annotations

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from glisecrets.testing import SecretsManagerServer


class Provider(BaseHTTPRequestHandler):
    """Takes and accepts any password, a fixed time after each request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one packet for head and body
    latency: ClassVar[float]
    server_calls: ClassVar[list[float]] = []
    account: ClassVar[SecretsManagerServer]

    def do_GET(self) -> None:
        if self.path == "/calls":
            self._answer(json.dumps(self._taken()).encode())
            return
        started = time.monotonic()
        time.sleep(self.latency)
        self._answer(b"{}")
        self.server_calls.append(time.monotonic() - started)

    def _taken(self) -> dict[str, float]:
        seconds = [call.ended - call.started for call in self.account.calls] + self.server_calls
        self.account.calls.clear()
        self.server_calls.clear()
        return {"calls": len(seconds), "seconds": sum(seconds)}

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def main(milliseconds: str, secrets: str) -> None:
    """Serve until the process is ended."""
    latency = float(milliseconds) / 1000
    with (
        SecretsManagerServer() as account,
        ThreadingHTTPServer(("127.0.0.1", 0), Provider) as server,
    ):
        for number in range(int(secrets)):
            tags = {"glisecrets:rotator": "remote"}
            account.store.create(f"gli/{number}/staging", "first", tags=tags)
        Provider.latency, Provider.account = latency, account
        account.faults.latency = latency
        urls = {"store": account.url, "provider": f"http://127.0.0.1:{server.server_port}"}
        print(json.dumps(urls), flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
