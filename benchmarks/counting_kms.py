"""KMS's protocol, as far as data keys need it, answered by a server that counts its calls."""

from __future__ import annotations

import base64
import json
import secrets
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ARN = "arn:aws:kms:ap-northeast-2:123456789012:key/0b5e4f6e-0000-4000-8000-00000000bbbb"


class CountingKms(ThreadingHTTPServer):
    """Wraps nothing, so that a data key costs next to nothing here: its blob is the key itself."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        #: Operation -> its calls.
        self.calls: Counter[str] = Counter()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, operation: str, asked: dict[str, Any]) -> dict[str, str]:
        """Count a call, and answer it."""
        self.calls[operation] += 1
        if operation == "GenerateDataKey":
            blob = base64.b64encode(secrets.token_bytes(32)).decode()
        elif operation == "ReEncrypt":
            return {"CiphertextBlob": asked["CiphertextBlob"], "KeyId": ARN}
        else:
            blob = asked["CiphertextBlob"]
        return {"Plaintext": blob, "CiphertextBlob": blob, "KeyId": ARN}


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: CountingKms

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        body = json.dumps(self.server.answer(operation, asked)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Stay quiet."""


@contextmanager
def counting_kms() -> Iterator[CountingKms]:
    """Serve until the block is left."""
    with CountingKms() as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
