"""The sample API as a running service, and requests to it as its load balancer sends them."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from demo_staging import BrokenPromise

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from demo_staging import Staging

__all__ = ["get", "served"]

#: What ALLOWED_HOSTS has in .env.staging.
_HOST = "stg-api.glibiz.com"
#: Seconds that a request may take.
_PATIENCE = 20


@contextmanager
def served(staging: Staging) -> Iterator[str]:
    """Run the API in a process of its own, and give its URL; then stop it by its process id.

    Raises:
        BrokenPromise: it does not start.
    """
    log = staging.folder / "server.log"
    with (
        log.open("w", encoding="utf-8") as written,
        subprocess.Popen(
            [sys.executable, "serve.py"],
            cwd=staging.folder,
            stdout=subprocess.PIPE,
            stderr=written,
            encoding="utf-8",
        ) as server,
    ):
        try:
            yield _first_line(server)
        finally:
            server.terminate()
            server.wait()
            staging.screen.remember(log.read_text("utf-8"))


def _first_line(server: subprocess.Popen[str]) -> str:
    line = server.stdout.readline().strip() if server.stdout else ""
    if not line:
        raise BrokenPromise("the API does not start")
    return line


def get(url: str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Send a request for the API's own host; give the status and the body."""
    address = urlsplit(url)
    connection = HTTPConnection(str(address.hostname), address.port, timeout=_PATIENCE)
    try:
        connection.request("GET", address.path, headers={"Host": _HOST, **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
