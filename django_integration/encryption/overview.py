"""What there is: the declared fields, their data keys, and how many rows are under each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import router

from .blind_index import BlindIndex
from .columns import Table
from .declared import declared
from .process import environment, process_envelope

if TYPE_CHECKING:
    from glisecrets.keys.envelope import DataKey

    from .fields import EncryptedField

__all__ = ["FieldOverview", "database_of", "overviews", "rows_under"]


@dataclass(frozen=True)
class FieldOverview:
    """One encrypted field or blind index."""

    field: EncryptedField | BlindIndex
    #: In the order of their making.
    data_keys: tuple[DataKey, ...]
    #: By the data key's id, ``None`` for what is not encrypted; empty unless counted.
    rows: dict[str | None, int]
    counted: bool

    @property
    def active(self) -> DataKey | None:
        """The data key that new values are under; ``None``: not made yet."""
        return next((it for it in self.data_keys if it.active), None)

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
        }


def overviews(using: str | None, *, rows: bool) -> list[FieldOverview]:
    """Give every declared field with its data keys in this environment.

    Args:
        using: the database's alias; default each model's own.
        rows: whether to count them, which reads whole tables.
    """
    keys = [key for key in process_envelope().data_keys if key.context.environment == environment()]
    found = []
    for field in declared():
        counted = rows and not isinstance(field, BlindIndex)  # whose column names no data key
        counts = Table(database_of(field, using), field).rows_by_key() if counted else {}
        own = tuple(it for it in keys if _is_of(it, field))
        found.append(FieldOverview(field, own, counts, counted))
    return found


def rows_under(data_key: DataKey, using: str | None) -> int:
    """Count the rows that only this data key opens."""
    fields = [it for it in declared() if _is_of(data_key, it) and not isinstance(it, BlindIndex)]
    tables = [Table(database_of(it, using), it) for it in fields]
    return sum(table.count(*table.under(data_key.id)) for table in tables)


def database_of(field: Any, using: str | None) -> str:
    """Give the alias of the database that a field's rows are written to."""
    return using or router.db_for_write(field.model)


def _is_of(data_key: DataKey, field: EncryptedField | BlindIndex) -> bool:
    context = data_key.context
    return (context.data_class, context.field) == (field.data_class, field.label)
