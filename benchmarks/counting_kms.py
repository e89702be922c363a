"""KMS's protocol, as far as data keys need it, answered by a server that counts its calls."""

from __future__ import annotations

import base64
import json
import secrets
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3

from glisecrets.keys.envelope import AwsWrappingKey
from glisecrets.testing.listener import Listener, QuietHandler

if TYPE_CHECKING:
    from collections.abc import Iterator

_REGION = "ap-northeast-2"
_ARN = f"arn:aws:kms:{_REGION}:123456789012:key/0b5e4f6e-0000-4000-8000-00000000bbbb"


class CountingKms(Listener):
    """Wraps nothing, so that a data key costs next to nothing here: its blob is the key itself."""

    def __init__(self) -> None:
        #: Operation -> its calls.
        self.calls: Counter[str] = Counter()
        super().__init__(0, _Handler)

    def wrapping_key(self) -> AwsWrappingKey:
        """Give the one key that is here."""
        login = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        url = f"http://127.0.0.1:{self.server_port}"
        return AwsWrappingKey(_ARN, client=boto3.client("kms", _REGION, endpoint_url=url, **login))

    def answer(self, operation: str, asked: dict[str, Any]) -> dict[str, str]:
        """Count a call, and answer it."""
        self.calls[operation] += 1
        if operation == "GenerateDataKey":
            blob = base64.b64encode(secrets.token_bytes(32)).decode()
        else:
            blob = asked["CiphertextBlob"]
        plain = {} if operation == "ReEncrypt" else {"Plaintext": blob}
        return {**plain, "CiphertextBlob": blob, "KeyId": _ARN}


class _Handler(QuietHandler):
    server: CountingKms

    def do_POST(self) -> None:  # noqa: N802 - as http.server names it
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        told = self.server.answer(operation, json.loads(self.body()))
        headers = {"Content-Type": "application/x-amz-json-1.1"}
        self.answer(200, json.dumps(told).encode(), headers)


@contextmanager
def counting_kms() -> Iterator[CountingKms]:
    """Serve until the block is left."""
    server = CountingKms()
    try:
        yield server
    finally:
        server.stop()
