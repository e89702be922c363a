"""HTTP/1.1 on the loopback interface, each connection in a thread of its own."""

from __future__ import annotations

import socket
import threading
import uuid
from contextlib import suppress
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from email.message import Message

_HOST = "127.0.0.1"
_STOP_SECONDS = 5.0


class Responder(Protocol):
    """What a listener serves."""

    def is_down(self) -> bool:
        """Tell whether to hang up on callers."""
        ...

    def now(self) -> datetime:
        """Tell the time for the ``Date`` header."""
        ...

    def respond(self, headers: Message, body: bytes) -> tuple[int, bytes]:
        """Give the status and the body that answer a request."""
        ...


class Listener(ThreadingHTTPServer):
    """Serves from its start to its stop, when it hangs up on everybody, idle or not."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, handler: Callable[..., BaseHTTPRequestHandler]) -> None:
        super().__init__((_HOST, port), handler)
        self._open: dict[Any, threading.Thread] = {}
        # A short poll, for that is how long stopping takes.
        self._loop = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._loop.start()

    def stop(self) -> None:
        """Close the port and every connection, and wait for their threads."""
        self.shutdown()
        self._loop.join()
        self.server_close()
        for connection, thread in list(self._open.items()):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(_STOP_SECONDS)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread that :meth:`stop` knows of."""
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), daemon=True
        )
        self._open[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that hangs up is no fault, and a traceback could show a value."""


class QuietHandler(BaseHTTPRequestHandler):
    """What the handlers of all our servers have in common."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one packet for head and body

    def body(self) -> bytes:
        """Read the request's body."""
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Send an answer."""
        self.send_response(status)
        for name, text in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as overridden
        """Log nothing: a server keeps its own account of calls."""


class ResponderHandler(QuietHandler):
    """Has a responder answer every POST."""

    def __init__(self, responder: Responder, *args: Any) -> None:
        self._responder = responder
        super().__init__(*args)

    def do_POST(self) -> None:
        """Answer one request."""
        body = self.body()
        if self._responder.is_down():
            self.close_connection = True
            return
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "x-amzn-RequestId": str(uuid.uuid4()),
        }
        self.answer(*self._responder.respond(self.headers, body), headers)

    def date_time_string(self, timestamp: float | None = None) -> str:  # noqa: ARG002 - as overridden
        """Give the ``Date`` header by the server's own clock."""
        return format_datetime(self._responder.now(), usegmt=True)
