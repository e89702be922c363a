"""Secrets Manager on this machine: its JSON protocol, served for the length of a test."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import tempfile
import time
import weakref
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ..errors import MissingExtra
from ..stores.local import LocalStore
from .account import Account
from .faults import Faults
from .listener import Listener, ResponderHandler
from .operations import answer
from .rotations import Rotations
from .wire import Request, WireError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from email.message import Message
    from types import TracebackType

    from botocore.config import Config
    from mypy_boto3_secretsmanager import SecretsManagerClient

_SIGNATURE = re.compile(r"AWS4-HMAC-SHA256 Credential=\S+, ?SignedHeaders=\S+, ?Signature=\w+")


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was answered: what it was about, never a value."""

    operation: str
    #: Names or ARNs, as the request had them.
    secrets: tuple[str, ...]
    #: When it came and when its answer was ready, in seconds of ``time.monotonic()``.
    started: float
    ended: float
    #: The error's code, or ``None``.
    error: str | None = None

    def overlaps(self, other: Call) -> bool:
        """Tell whether two calls were under way at the same time."""
        return self.started < other.ended and other.started < self.ended


class SecretsManagerServer:
    """Secrets Manager on a port of the loopback interface, for the length of a ``with`` block.

    A request must be signed (Signature Version 4), by whomever: the signature is looked for and
    not verified.

    Args:
        store: what it serves; default a temporary store of its own.
        port: the port; 0 takes a free one, and keeps it when the server is started again.
        region: the region in the secrets' ARNs.
        account: the account in them, 12 digits.
        latency: time before each answer, in seconds; also ``faults.latency``.
        on_rotate: what stands in for the rotation Lambda, as ``LambdaRuntime.invoke``. RotateSecret
            answers at once; then this is called with the event of each of the four steps, in a
            thread. After an exception the rotation begins again, a few times, and is then left
            as it is; see ``rotations``.
    """

    def __init__(
        self,
        store: LocalStore | None = None,
        *,
        port: int = 0,
        region: str = "ap-northeast-2",
        account: str = "123456789012",
        latency: float = 0.0,
        on_rotate: Callable[[Mapping[str, str]], object] | None = None,
    ) -> None:
        self.region = region
        self.faults = Faults(latency=latency)
        #: What was answered so far, in the order of the answers; clear it as you like.
        self.calls: list[Call] = []
        self.store = store or self._temporary_store()
        self._port = port
        self._listener: Listener | None = None
        #: How rotations go: switches as ``rotations.attempts``.
        self.rotations = Rotations(self.store, on_rotate)
        self._account = Account(
            self.store,
            self.faults,
            arn_prefix=f"arn:aws:secretsmanager:{region}:{account}:secret:",
            rotations=self.rotations,
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen. The secrets and the port are those of the last time."""
        self._listener = Listener(self._port, partial(ResponderHandler, self))
        self._port = self._listener.server_address[1]

    def stop(self) -> None:
        """Hang up and close the port; then connections are refused."""
        if self._listener is not None:
            self._listener.stop()
            self._listener = None

    @property
    def url(self) -> str:
        """The endpoint, for ``AWS_ENDPOINT_URL``."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def environ(self) -> dict[str, str]:
        """The variables that make any boto3 program, or the AWS CLI, use this server alone."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, config: Config | None = None) -> SecretsManagerClient:
        """Make a boto3 client of this server.

        Raises:
            MissingExtra: boto3 is not installed.
        """
        try:
            from boto3.session import Session
        except ImportError as error:
            raise MissingExtra("a boto3 client", "aws") from error
        return Session("test", "test", region_name=self.region).client(
            "secretsmanager", endpoint_url=self.url, config=config
        )

    def wait_for_rotations(self, timeout: float | None = None) -> None:
        """Wait until every rotation that was begun has run its steps or failed.

        Args:
            timeout: the longest wait for each, in seconds; default for ever.
        """
        self.rotations.wait(timeout)

    def is_down(self) -> bool:
        """Tell the listener whether to hang up on callers."""
        return self.faults.down

    def now(self) -> datetime:
        """Tell the listener the time on the server's clock."""
        return self.faults.now()

    def respond(self, headers: Message, body: bytes) -> tuple[int, bytes]:
        """Answer one HTTP request, and keep account of it."""
        started, error = time.monotonic(), None
        time.sleep(self.faults.latency)
        request = Request.parse(headers.get("X-Amz-Target", ""), body)
        try:
            status, content = 200, self._answer(request, headers)
        except WireError as refusal:
            status, error = refusal.status, refusal.code
            content = {"__type": refusal.code, "Message": refusal.message}
        self.calls.append(
            Call(request.operation, request.secrets, started, time.monotonic(), error)
        )
        return status, json.dumps(content).encode()

    def _answer(self, request: Request, headers: Message) -> dict[str, object]:
        if not _SIGNATURE.match(headers.get("Authorization", "")):
            raise WireError("MissingAuthenticationTokenException", "The request is not signed.")
        self.faults.check_request(request.operation, headers.get("X-Amz-Date", ""))
        try:
            return answer(self._account, request)
        except (KeyError, TypeError, AttributeError) as error:  # a parameter of another type
            fault = type(error).__name__
        raise WireError("SerializationException", f"The request's parameters are wrong: {fault}")

    def _temporary_store(self) -> LocalStore:
        """Make a store that goes with this server, under a key that nothing keeps."""
        folder = tempfile.mkdtemp(prefix="glisecrets-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return LocalStore(Path(folder), key=secrets.token_bytes(32))
