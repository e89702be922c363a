"""An account of Secrets Manager and a provider, both slow, in a process of their own.

The first line of output gives their URLs, as JSON. A GET of the provider's ``/calls`` gives the
calls of both since the last one: how many, and the seconds that they took there.
"""

from __future__ import annotations

import json
import sys
import time
from http.server import ThreadingHTTPServer
from typing import ClassVar

from glisecrets.testing import SecretsManagerServer
from glisecrets.testing.listener import QuietHandler


class Provider(QuietHandler):
    """Takes and accepts any password, a fixed time after each request."""

    latency: ClassVar[float]
    server_calls: ClassVar[list[float]] = []
    account: ClassVar[SecretsManagerServer]

    def do_GET(self) -> None:  # noqa: N802 - as http.server names it
        if self.path == "/calls":
            self.answer(200, json.dumps(self._taken()).encode(), {})
            return
        started = time.monotonic()
        time.sleep(self.latency)
        self.answer(200, b"{}", {})
        self.server_calls.append(time.monotonic() - started)

    def _taken(self) -> dict[str, float]:
        seconds = [call.ended - call.started for call in self.account.calls] + self.server_calls
        self.account.calls.clear()
        self.server_calls.clear()
        return {"calls": len(seconds), "seconds": sum(seconds)}


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
