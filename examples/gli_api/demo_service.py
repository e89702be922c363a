"""The sample API as a running service, and requests to it as its load balancer sends them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from demo_staging import BrokenPromise

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from demo_staging import Staging

__all__ = ["HTTPS", "get", "served", "service_log"]

#: What ALLOWED_HOSTS has in .env.staging.
_HOST = "stg-api.glibiz.com"
#: Seconds that a request may take.
_PATIENCE = 20

_PROCESSES = ("--workers", "2", "--threads", "4")
_LOG = "server.log"

#: What a load balancer adds to a request that came to it by HTTPS.
HTTPS = {"X-Forwarded-Proto": "https"}


@contextmanager
def served(staging: Staging, settings: str = "config.settings") -> Iterator[str]:
    """Run the API under gunicorn, by a module of settings; give its URL, and stop it then.

    Raises:
        BrokenPromise: it does not start.
    """
    log = staging.folder / _LOG
    with log.open("w", encoding="utf-8") as written:
        server, port = _gunicorn(staging, written, settings)
        url = f"http://127.0.0.1:{port}"
        try:
            _check_health(url)
            yield url
        finally:
            server.terminate()
            server.wait()
            staging.screen.remember(log.read_text("utf-8"))


def _gunicorn(
    staging: Staging, written: IO[str], settings: str
) -> tuple[subprocess.Popen[bytes], int]:
    """Start it on a port that the kernel chooses; where it ends, connections are refused."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        place = f"fd://{listening.fileno()}"
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", place, *_PROCESSES],
            cwd=staging.folder,
            env=os.environ | {"DJANGO_SETTINGS_MODULE": settings},
            pass_fds=[listening.fileno()],
            stdout=written,
            stderr=written,
        )
        return server, listening.getsockname()[1]


def _check_health(url: str) -> None:
    try:
        get(f"{url}/health/")
    except OSError:
        raise BrokenPromise("the API starts") from None


def service_log(staging: Staging) -> list[dict[str, Any]]:
    """Give the records of what ran last."""
    lines = (staging.folder / _LOG).read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


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
