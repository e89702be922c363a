"""Live values: store-held fields that follow a rotation while the program runs.

A read within the TTL costs a dict look-up. The first read after it asks the store, while other
threads go on with the value they have (single flight). A store that is down costs nothing but a
warning until the last known good value is too old.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

from .admission import admit
from .documents import MISSING, UnreadableValue
from .errors import GlisecretsError, StoreUnavailable
from .field_validation import REFUSED, FieldValidation
from .layers import Found
from .redaction.process import process_redactor
from .values import from_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from .fields import FieldPlan
    from .references import Address, Reference
    from .resolution import Resolution
    from .settings import Settings
    from .stores.base import SecretVersion

_log = logging.getLogger("glisecrets.live")

#: Seconds until the next try after a failed one, unless the TTL is shorter.
_RETRY_AFTER = 15.0

#: By how much a TTL varies, so that the workers of a service do not ask in step.
_JITTER = 0.2


@dataclass(frozen=True, slots=True)
class Change:
    """A field has a new version. Read it with ``settings.live(change.field)``."""

    field: str
    #: Version id before; ``None`` where it was not known.
    old_version: str | None
    new_version: str


@dataclass(slots=True)
class _Cell:
    """One field's live value."""

    plan: FieldPlan
    #: ``None`` for a value that no store gave: it never changes.
    reference: Reference | None
    value: Any = field(repr=False)
    version_id: str | None
    #: ``monotonic()`` of the last successful read.
    read_at: float
    #: ``monotonic()`` until which no read is tried.
    fresh_until: float
    hooks: list[Callable[[Change], None]] = field(default_factory=list)


class LiveValues:
    """The live values of one settings object; made with the values as loaded."""

    def __init__(
        self,
        cls: type[Settings],
        resolution: Resolution,
        loaded: dict[str, Any],
        loaded_at: float,
    ) -> None:
        self._cls = cls
        self._resolution = resolution
        self._access = resolution.access
        self._options = resolution.options.live
        self._loaded = loaded
        self._loaded_at = loaded_at
        self._cells: dict[str, _Cell] = {}
        self._flights: dict[tuple[int, Address], threading.Lock] = {}

    def reader(self) -> Callable[[str], Any]:
        """Give the function that gives a field's present value; see ``Settings.live``."""
        # A closure and not a method: within the TTL each look-up on self would be a tenth more.
        cells, clock = self._cells, monotonic

        def live(name: str) -> Any:
            try:
                cell = cells[name]
            except KeyError:
                cell = self._cell(name)
            return cell.value if clock() < cell.fresh_until else self._read(cell)

        return live

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # a copy of the settings reads the same live values

    def on_change(self, name: str, hook: Callable[[Change], None]) -> None:
        """Have a hook called after a new version of a field was found."""
        self._cell(name).hooks.append(hook)

    def refresh(self, name: str) -> None:
        """Read a field again now, whatever its age; for a caller whose credential was refused.

        Raises:
            GlisecretsError: the store does not give a readable value.
        """
        cell, changes = self._cell(name), _Changes()
        if cell.reference is not None:
            with changes, self._flight(cell.reference):
                self._renew(cell, cell.reference, changes)

    def _cell(self, name: str) -> _Cell:
        # No lock: one that another thread holds while the process forks stays locked in the child.
        return self._cells.get(name) or self._cells.setdefault(name, self._first_cell(name))

    def _first_cell(self, name: str) -> _Cell:
        origin = self._resolution.origin(name)
        plan = self._resolution.plans[name]
        reference = None
        if plan.declaration is not None and origin.layer == "store":
            reference = plan.declaration.reference(self._resolution.environment)
        until = self._loaded_at + self._ttl() if reference else float("inf")
        value = self._loaded[name]
        return _Cell(plan, reference, value, origin.version_id, self._loaded_at, until)

    def _read(self, cell: _Cell) -> Any:
        """Give the value, after a new read unless another thread is at it."""
        reference = cell.reference
        if reference is None or monotonic() < cell.fresh_until:
            return cell.value
        flight = self._flight(reference)
        too_old = monotonic() - cell.read_at > self._options.max_age
        if not flight.acquire(blocking=too_old):
            return cell.value
        with _Changes() as changes:
            try:
                if monotonic() >= cell.fresh_until:
                    self._try_to_renew(cell, reference, changes)
            finally:
                flight.release()
        return cell.value

    def _try_to_renew(self, cell: _Cell, reference: Reference, changes: _Changes) -> None:
        try:
            # What another worker of this host has read within half a TTL is as good.
            self._renew(cell, reference, changes, younger_than=self._options.ttl / 2)
        except GlisecretsError as error:
            age = monotonic() - cell.read_at
            if age > self._options.max_age:
                raise
            level = logging.WARNING if isinstance(error, StoreUnavailable) else logging.ERROR
            _log.log(
                level,
                "%s: the last known good value is used, read %.0f s ago: %s",
                reference,
                age,
                error.message,
            )
            cell.fresh_until = monotonic() + self._retry_after()

    def _renew(
        self, cell: _Cell, reference: Reference, changes: _Changes, *, younger_than: float = 0.0
    ) -> None:
        """Read a version, and give it to every field that the same version feeds.

        What does not fit one of the others is told when that one is read.
        """
        if self._access is None:
            return  # no field is declared, so none has a reference
        version = self._access.read(reference, younger_than=younger_than)
        failure: GlisecretsError | None = None
        for fed in list(self._cells.values()):
            if fed.reference is None or not _same_version(fed.reference, reference):
                continue
            try:
                self._give(fed, fed.reference, version, changes)
            except GlisecretsError as error:
                failure = error if fed is cell else failure
        if failure is not None:
            raise failure

    def _give(
        self, cell: _Cell, reference: Reference, version: SecretVersion, changes: _Changes
    ) -> None:
        old, read_at = cell.version_id, _moment(version)
        if version.version_id != old:
            if read_at < cell.read_at:  # what is kept on disk is older than what we have
                cell.fresh_until = monotonic() + self._retry_after()
                return
            cell.value = self._converted(cell.plan, reference, version)
            cell.version_id = version.version_id
            changes.append((cell, Change(cell.plan.name, old, version.version_id)))
        cell.read_at = read_at
        cell.fresh_until = max(read_at + self._ttl(), monotonic() + self._retry_after())

    def _converted(self, plan: FieldPlan, reference: Reference, version: SecretVersion) -> Any:
        found = _found(plan, reference, version)
        if found.error is not None:
            # Without its frames, which have the document among their locals.
            raise found.error.with_traceback(None)
        fault = admit(self._resolution, plan, found.value)
        if fault is None:
            fields = FieldValidation(self._cls, self._resolution, self._loaded)
            value = fields.validated(plan.name, found)
            if value is not REFUSED:
                return value
        message = f"{reference}: version {version.version_id} does not fit field {plan.name}"
        why, step = (f": {fault.message}", fault.next_step) if fault else ("", "")
        raise UnreadableValue(message + why, next_step=step or "run glisecrets check")

    def _flight(self, reference: Reference) -> threading.Lock:
        # By process id: a lock that was held while the process forked is never let go in the child.
        return self._flights.setdefault((os.getpid(), reference.address), threading.Lock())

    def _retry_after(self) -> float:
        return min(_RETRY_AFTER, self._options.ttl)

    def _ttl(self) -> float:
        return self._options.ttl * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - not a secret


def _found(plan: FieldPlan, reference: Reference, version: SecretVersion) -> Found:
    try:
        value = from_secret(plan, version.value, reference.key)
    except GlisecretsError as error:
        return Found(None, plan.name, error)
    return Found(None if value is MISSING else value, plan.name)


def _moment(version: SecretVersion) -> float:
    """Give the ``monotonic()`` at which a version was read from its store."""
    if version.recalled is None:
        return monotonic()
    return monotonic() - max(0.0, (datetime.now(UTC) - version.recalled).total_seconds())


def _same_version(one: Reference, other: Reference) -> bool:
    return one.store == other.store and one.address == other.address


class _Changes(list[tuple[_Cell, Change]]):
    """Changes to tell the hooks of, at the end of a ``with`` block.

    That is after the flight: a hook may read live values of the same secret itself.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for cell, change in self:
            for hook in list(cell.hooks):
                try:
                    hook(change)
                except Exception:  # noqa: BLE001 - a hook must not break the read
                    trace = process_redactor().redact(traceback.format_exc())
                    _log.error("a hook for %s failed\n%s", change.field, trace)
