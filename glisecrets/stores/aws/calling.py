"""One request to AWS: its answer, or what botocore raised, and nothing in a log."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from botocore.client import BaseClient


def attempt(client: BaseClient, action: str, params: Mapping[str, Any]) -> Any:
    """Send one request, with botocore's retries.

    The exception is given and not raised: its traceback leads to frames that hold the request's
    parameters, and an error raised while it is handled would carry it along as its context.

    Args:
        client: a client: of Secrets Manager; rotations use others, as of IAM.
        action: the operation, as ``GetSecretValue``.
        params: the operation's parameters.

    Returns:
        The answer, or a ``ClientError`` or ``BotoCoreError``.
    """
    with _UNLOGGED.here():
        try:
            return getattr(client, xform_name(action))(**params)
        except (BotoCoreError, ClientError) as error:
            return error


class _Unlogged(logging.Filter):
    """Keeps botocore's DEBUG records of our requests out of logs: they print bodies and tokens.

    It marks the thread that a request runs in, so other clients' records stay.
    """

    _LOGGERS = ("botocore.endpoint", "botocore.parsers", "botocore.auth")

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.local()

    @contextmanager
    def here(self) -> Iterator[None]:
        for name in self._LOGGERS:
            logging.getLogger(name).addFilter(self)  # a second time does nothing
        self._thread.busy = True
        try:
            yield
        finally:
            self._thread.busy = False

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.DEBUG or not getattr(self._thread, "busy", False)


_UNLOGGED = _Unlogged()
