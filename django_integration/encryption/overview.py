"""What there is: the declared fields, their data keys, and how many rows are under each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connections, router

from .blind_index import BlindIndex
from .columns import Table
from .declared import declared, labelled
from .indexing import Indexing
from .process import environment, process_envelope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from glisecrets.keys.envelope import DataKey

    from .fields import EncryptedField

__all__ = ["FieldOverview", "database_of", "overviews", "rows_under"]


@dataclass(frozen=True)
class FieldOverview:
    """One encrypted field or blind index."""

    field: EncryptedField | BlindIndex
    #: Those of its labels, in the order of their making.
    data_keys: tuple[DataKey, ...]
    #: By the data key's id, ``None`` for what is not encrypted; empty unless counted.
    rows: dict[str | None, int]
    counted: bool
    #: Rows whose blind index lacks their value, where this is one; zero unless they were counted.
    unindexed: int
    #: Every data key that there is, by its id.
    known: Mapping[str, DataKey]

    @property
    def active(self) -> DataKey | None:
        """The data key that new values are under; ``None``: not made yet."""
        return next((it for it in self.data_keys if it.active), None)

    @property
    def strange(self) -> dict[str, int]:
        """How many rows are under each data key that the field does not have."""
        own = {it.id for it in self.data_keys}
        return {
            key: count for key, count in self.rows.items() if key is not None and key not in own
        }

    def document(self) -> dict[str, Any]:
        """Give it as JSON."""
        keys = [
            {
                "id": it.id,
                "active": it.active,
                "created": it.created.isoformat(),
                "wrapping-key": it.wrapped.key,
                "rows": self.rows.get(it.id, 0) if self.counted else None,
            }
            for it in self.data_keys
        ]
        return {
            "field": str(self.field),
            "kind": "blind index" if isinstance(self.field, BlindIndex) else "field",
            "label": self.field.label,
            "data-class": self.field.data_class,
            "data-keys": keys,
            "rows-not-encrypted": self.rows.get(None, 0) if self.counted else None,
            "rows-under-other-data-keys": self.strange,
            "rows-not-indexed": self.unindexed,
        }

    def faults(self) -> Iterator[str]:
        """Tell what is wrong, a line for each; of rows only where they were counted."""
        for former in sorted(set() if self.counted else self._former_classes()):
            yield (
                f"{self.field}: its label has data keys of the data class {former!r}, whose values"
                f" it cannot read as {self.field.data_class!r}; give it that data class again"
            )
        if self.rows.get(None):
            yield f"{self.field}: {self.rows[None]} rows are not encrypted"
        for key_id, count in self.strange.items():
            yield f"{self.field}: {count} rows cannot be read: {self._strangeness(key_id)}"
        if self.unindexed:
            yield (
                f"{self.field}: {self.unindexed} rows are not indexed, and look-ups miss them;"
                f" run `manage.py encrypted_fields index {self.field}`"
            )

    def _former_classes(self) -> set[str]:
        label, here = self.field.label, environment()
        contexts = (it.context for it in self.known.values())
        classes = {it.data_class for it in contexts if (it.field, it.environment) == (label, here)}
        return classes - {it.data_class for it in labelled(label)}

    def _strangeness(self, key_id: str) -> str:
        key, own = self.known.get(key_id), self.field
        if key is None:
            return f"data key {key_id} is not there; restore its row from a copy"
        return (
            f"data key {key_id} is of {key.context}, and the field is of {own.label}"
            f" ({own.data_class}, {environment()}); give it those labels again"
        )


def overviews(using: str | None, *, rows: bool) -> list[FieldOverview]:
    """Give every declared field with its data keys in this environment.

    Args:
        using: the database's alias; default each model's own.
        rows: whether to count them, which reads whole tables.
    """
    known = {key.id: key for key in process_envelope().data_keys}
    found = []
    for field in declared():
        own = tuple(it for it in known.values() if _is_of(it, field))
        alias, counts, missed = database_of(field, using), {}, 0
        if rows and isinstance(field, BlindIndex):  # whose column names no data key
            missed = Indexing(field, alias).unindexed()
        elif rows:
            counts = Table(alias, field).rows_by_key()
        counted = rows and not isinstance(field, BlindIndex)
        found.append(FieldOverview(field, own, counts, counted, missed, known))
    return found


def rows_under(data_key: DataKey) -> int:
    """Count the rows that only this data key opens, whatever labels their field has by now.

    In every database: a replica's rows count again.
    """
    fields = [field for field in declared() if not isinstance(field, BlindIndex)]
    tables = [Table(alias, field) for field in fields for alias in connections]
    return sum(table.count(*table.under(data_key.id)) for table in tables if table.is_there())


def database_of(field: Any, using: str | None) -> str:
    """Give the alias of the database that a field's rows are written to."""
    return using or router.db_for_write(field.model)


def _is_of(data_key: DataKey, field: EncryptedField | BlindIndex) -> bool:
    labels = (field.data_class, environment(), field.label)
    context = data_key.context
    return (context.data_class, context.environment, context.field) == labels
