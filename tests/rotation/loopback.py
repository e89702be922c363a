"""A small HTTP server on loopback, for stubs of providers that keep their own state."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Asked(NamedTuple):
    """A request as it arrived."""

    method: str
    path: str
    #: What follows ``Authorization: Bearer``.
    token: str
    text: str

    @property
    def document(self) -> Any:
        return json.loads(self.text or "null")


class Reply(NamedTuple):
    """What is answered: ``document`` as JSON, or as it is if it is text."""

    status: int
    document: object = ""
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed


@contextmanager
def serving(answer: Callable[[Asked], Reply]) -> Iterator[str]:
    """Serve on a port of the kernel's choice; gives the URL."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            reply = answer(Asked(self.command, self.path, token, text))
            document = reply.document
            body = document if isinstance(document, str) else json.dumps(document)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815 - http.server's names

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def closed_port() -> Iterator[str]:
    """Give a URL at which nobody listens."""
    with serving(lambda _: Reply(200)) as url:
        pass
    yield url
