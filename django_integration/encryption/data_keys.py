"""Data keys in the database, read and written outside every transaction of the caller.

The first value of a field makes its data key, and the process then encrypts under it for minutes.
Were its row part of the caller's transaction, and that rolled back, what the process encrypts
afterwards could never be read again. So each call has a connection of its own, in autocommit,
which is closed at once: there are few calls, one per field and process in 300 seconds.

SQLite has one writer, and its databases in memory one connection: there the caller's connection
is used, and no data key is made within a transaction.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from inspect import ismethod
from typing import TYPE_CHECKING, TypeVar

from django.conf import settings
from django.db import DatabaseError, IntegrityError, connections, router, transaction
from django.utils import timezone

from glisecrets.errors import ConfigurationError, StoreUnavailable
from glisecrets.keys.envelope import context, data_keys, wrapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.db.models import QuerySet

    from .models import DataKey

__all__ = ["DjangoDataKeys"]

Answer = TypeVar("Answer")

#: What the connection of our own is called, in the thread that has it.
_OWN = "glisecrets_data_keys"
#: Options of a caller's connection that this one must not have.
_NOT_OURS = {"pool", "isolation_level"}


class DjangoDataKeys:
    """Data keys as rows of the model ``DataKey``.

    Args:
        alias: the database; default where the routers write the model to.
    """

    def __init__(self, alias: str | None = None) -> None:
        self._alias = alias

    def active(self, context: context.FieldContext) -> data_keys.DataKey | None:
        """See :meth:`DataKeyStore.active`."""
        labels = _labels(context)
        return self._ask(lambda rows: _first(rows.filter(retired=None, **labels)))

    def find(self, context: context.FieldContext, key_id: str) -> data_keys.DataKey | None:
        """See :meth:`DataKeyStore.find`."""
        labels = _labels(context)
        return self._ask(lambda rows: _first(rows.filter(pk=key_id, **labels)))

    def add(
        self, data_key: data_keys.DataKey, *, instead_of: str | None = None
    ) -> data_keys.DataKey:
        """See :meth:`DataKeyStore.add`.

        Raises:
            ConfigurationError: on SQLite, within a transaction.
        """
        return self._ask(lambda rows: _added(rows, data_key, instead_of), makes=True)

    def rewrapped(self, data_key: data_keys.DataKey, wrapped: wrapping.Wrapped) -> bool:
        """See :meth:`DataKeyStore.rewrapped`."""
        was = {"pk": data_key.id, "wrapped": data_key.wrapped.blob}
        new = {"wrapped": wrapped.blob, "wrapping_key": wrapped.key, "material": wrapped.material}
        return self._ask(lambda rows: bool(rows.filter(**was).update(**new)))

    def delete(self, key_id: str) -> bool:
        """See :meth:`DataKeyStore.delete`."""
        return self._ask(lambda rows: bool(rows.filter(pk=key_id).delete()[0]))

    def __iter__(self) -> Iterator[data_keys.DataKey]:
        return iter(self._ask(lambda rows: [_told(row) for row in rows.order_by("created", "id")]))

    def _ask(
        self, question: Callable[[QuerySet[DataKey]], Answer], *, makes: bool = False
    ) -> Answer:
        from .models import DataKey

        alias = self._alias or router.db_for_write(DataKey)
        if not ismethod(connections[alias].connect):
            connections[alias].connect()  # a test's stand-in: it may use no database, and says so
        try:
            if connections[alias].vendor == "sqlite":
                if makes:
                    _refuse_within_transaction(alias)
                return question(DataKey.objects.using(alias))
            return _outside_event_loop(lambda: _alone(alias, question))
        except DatabaseError as error:
            raise StoreUnavailable(
                f"the table of data keys cannot be used ({type(error).__name__})",
                store="database",
                next_step="run `manage.py migrate`; check the database and the role's rights",
            ) from error


def _alone(alias: str, question: Callable[[QuerySet[DataKey]], Answer]) -> Answer:
    from .models import DataKey

    with _own_connection(alias):
        return question(DataKey.objects.using(_OWN))


@contextmanager
def _own_connection(alias: str) -> Iterator[None]:
    """Connect as the database's own connections do, but for this thread and block alone."""
    usual = connections[alias]
    kept = {k: v for k, v in usual.settings_dict["OPTIONS"].items() if k not in _NOT_OURS}
    entry = {**usual.settings_dict, "OPTIONS": kept, "AUTOCOMMIT": True}
    own = connections[_OWN] = type(usual)(entry, _OWN)
    try:
        yield
    finally:
        del connections[_OWN]
        own.close()


def _outside_event_loop(ask: Callable[[], Answer]) -> Answer:
    """Ask in a thread where this one runs an event loop, in which Django refuses to connect."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return ask()
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(ask).result()


def _refuse_within_transaction(alias: str) -> None:
    if connections[alias].in_atomic_block:
        raise ConfigurationError(
            "on SQLite no data key is made within a transaction, which could roll it back",
            next_step="run `manage.py encrypted_fields provision` before",
        )


def _added(
    rows: QuerySet[DataKey], data_key: data_keys.DataKey, instead_of: str | None
) -> data_keys.DataKey:
    try:
        with transaction.atomic(rows.db):
            rows.filter(pk=instead_of, retired=None).update(retired=_stored(datetime.now(UTC)))
            rows.create(**_row(data_key))
    except IntegrityError:
        pass  # somebody was quicker
    else:
        return data_key
    return _told(rows.get(retired=None, **_labels(data_key.context)))


def _labels(context: context.FieldContext) -> dict[str, str]:
    return {name.replace("-", "_"): value for name, value in context.pairs().items()}


def _row(data_key: data_keys.DataKey) -> dict[str, object]:
    wrapped = data_key.wrapped
    return {
        **_labels(data_key.context),
        "id": data_key.id,
        "wrapped": wrapped.blob,
        "wrapping_key": wrapped.key,
        "material": wrapped.material,
        "created": _stored(data_key.created),
        "retired": _stored(data_key.retired),
    }


def _first(rows: QuerySet[DataKey]) -> data_keys.DataKey | None:
    row = rows.first()
    return None if row is None else _told(row)


def _told(row: DataKey) -> data_keys.DataKey:
    return data_keys.DataKey(
        row.id,
        context.FieldContext(row.data_class, row.environment, row.field),
        wrapping.Wrapped(bytes(row.wrapped), row.wrapping_key, row.material),
        _aware(row.created),
        _aware(row.retired) if row.retired else None,
    )


def _aware(stored: datetime) -> datetime:
    return stored if stored.tzinfo else stored.replace(tzinfo=UTC)


def _stored(moment: datetime | None) -> datetime | None:
    return moment if moment is None or settings.USE_TZ else timezone.make_naive(moment, UTC)
