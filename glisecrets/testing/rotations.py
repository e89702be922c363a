"""What Secrets Manager does after RotateSecret: it calls the Lambda step by step, and retries.

Sources: RotateSecret in the API reference, "Lambda rotation functions" in the user guide, and
issues 145 and 168 of aws-samples/aws-secrets-manager-rotation-lambdas.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from ..errors import SecretNotFound
from ..references import AWSCURRENT, AWSPENDING
from ..stores.local import rules
from .wire import WireError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..stores.local import LocalStore
    from ..stores.local.record import SecretRecord

    #: Takes a step's event.
    OnRotate = Callable[[Mapping[str, str]], object]

#: The steps of a rotation, in order.
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")

_logger = logging.getLogger(__name__)


class RotationRun(NamedTuple):
    """One rotation that was asked for."""

    name: str
    arn: str
    token: str
    #: Run ``testSecret`` alone: RotateImmediately is false.
    only_test: bool = False


class Rotations:
    """One server's rotations: how they go, and those that are under way.

    A class, for it has switches, which count for rotations that begin later.

    Args:
        store: where the secrets are.
        on_rotate: what stands in for the Lambda: called with each step's event, in a thread.
    """

    def __init__(self, store: LocalStore, on_rotate: OnRotate | None) -> None:
        self._store = store
        self._on_rotate = on_rotate
        #: By secret: the thread of its latest rotation, which waits for the one before it.
        self._threads: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()
        self._tokens: dict[str, str] = {}
        #: How often a rotation is run, from its first step, before it is given up when a step
        #: fails. Of the service it is only told that it retries "multiple times".
        self.attempts = 3
        #: Seconds between these.
        self.pause = 0.0
        #: Put a ``RotationToken`` into events, and ask for it when the new version is written.
        self.with_tokens = False
        #: Take ``AWSPENDING`` off after a rotation that worked. The service is said to do so, and
        #: has been seen not to.
        self.remove_pending = True

    def begin(self, run: RotationRun) -> None:
        """Run a rotation in a thread, once the secret's earlier ones have ended."""
        if self._on_rotate is None:
            self._end(run)
            return
        with self._lock:
            before = self._threads.get(run.name)
            thread = threading.Thread(
                target=self._run, args=(run, self._on_rotate, before), daemon=True
            )
            self._threads[run.name] = thread
            thread.start()

    def wait(self, timeout: float | None = None) -> None:
        """Wait until every rotation that was begun has worked or been given up.

        Args:
            timeout: the longest wait for each secret, in seconds; default for ever.
        """
        for thread in list(self._threads.values()):
            thread.join(timeout)

    def check_token(self, version: str | None, given: str | None) -> None:
        """Refuse who writes a rotation's version without the ``RotationToken`` of its events.

        Raises:
            WireError: it is missing or another one.
        """
        if given != self._tokens.get(version or "", given):
            raise WireError(
                "AccessDeniedException", "The RotationToken is missing, or of another rotation."
            )

    def _run(self, run: RotationRun, call: OnRotate, before: threading.Thread | None) -> None:
        if before is not None:
            before.join()
        event = {"SecretId": run.arn, "ClientRequestToken": run.token}
        if self.with_tokens:
            event["RotationToken"] = self._tokens.setdefault(run.token, str(uuid.uuid4()))
        for attempt in range(self.attempts):
            time.sleep(self.pause if attempt else 0)
            if not self._goes_on(run, begins=not attempt) or _all_steps(event, run, call):
                break
        self._end(run)

    def _goes_on(self, run: RotationRun, *, begins: bool) -> bool:
        """Tell whether to run the steps: not once it is cancelled, or the secret deleted.

        It is not begun when an earlier run has finished it. A failed run is repeated wherever the
        labels are: the step that failed may have done its work before.
        """
        try:
            record = self._store.record(run.name)
        except SecretNotFound:
            return False
        enabled = (record.rotation or {}).get("RotationEnabled") is True
        return enabled and (not begins or record.labels.holder(AWSPENDING) == run.token)

    def _end(self, run: RotationRun) -> None:
        ended = _tested if run.only_test else _finished
        if run.only_test or self.remove_pending:
            with suppress(SecretNotFound):  # it may be deleted by now
                self._store.change(run.name, lambda record: ended(record, run.token))


def _all_steps(event: Mapping[str, str], run: RotationRun, call: OnRotate) -> bool:
    for step in ("testSecret",) if run.only_test else STEPS:
        try:
            call({"Step": step, **event})
        except Exception as error:  # noqa: BLE001 - whatever a Lambda may raise
            fault = type(error).__name__
            _logger.warning("rotation of %s failed in %s: %s", run.arn, step, fault)
            return False
    return True


def _tested(record: SecretRecord, token: str) -> SecretRecord:
    """Forget the version that stood in for a new one during the test."""
    version = record.versions.get(token)
    if version is None or not version.empty:
        return record
    return replace(record, versions={t: v for t, v in record.versions.items() if t != token})


def _finished(record: SecretRecord, token: str) -> SecretRecord:
    """Take ``AWSPENDING`` off a version that has become the current one."""
    labels = record.labels
    if not labels.holder(AWSPENDING) == labels.holder(AWSCURRENT) == token:
        return record
    now = datetime.now(UTC)
    return rules.label_moved(record, AWSPENDING, to=None, expected=token, now=now)
