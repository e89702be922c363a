"""An encrypted column as the database keeps it: read page by page, and changed row by row.

By hand-written SQL, which knows the bytes and nothing of managers or signals. A row is changed
only while its first column is as it was read: what somebody else wrote meanwhile stays.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import IntegrityError, connections, transaction

from glisecrets.errors import ConfigurationError
from glisecrets.keys.envelope.gs1 import HEADER_BYTES, KEY_ID_BYTES, VALUE, VERSION

from .blind_index import BlindIndex
from .fields import EncryptedField

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from django.db.models import Field, Model

    PlainField = Field[Any, Any]
    #: A row, and what the columns that are written are to hold.
    Change = tuple["Stored", Sequence[bytes | None]]

__all__ = ["Stored", "Table"]

_HEADER = bytes([VERSION, VALUE])
#: SQL for what a message begins with, and for the data key that it names; SQL counts from one.
_STARTS = "substr({0}, 1, 2)"
_KEY_ID = f"substr({{0}}, {HEADER_BYTES - KEY_ID_BYTES + 1}, {KEY_ID_BYTES})"
_EVERY = "1 = 1"


class Stored(NamedTuple):
    """A row: its primary key as the database gave it, and its columns' values."""

    key: Any
    #: Bytes of an encrypted column or an index, a value for Python of any other.
    values: list[Any]


class Table:
    """Some columns of a model's table.

    Conditions are SQL with ``{0}``, ``{1}``… for the columns.

    Args:
        using: the database's alias.
        fields: of one model.
    """

    def __init__(self, using: str, *fields: PlainField) -> None:
        self._using = using
        self._connection: Any = connections[using]
        quote, meta = self._connection.ops.quote_name, fields[0].model._meta
        self._model: type[Model] = fields[0].model
        self._name = quote(meta.db_table)
        self._pk = quote(meta.pk.column) if meta.pk.column else None
        self._names = [str(field.column) for field in fields]
        self._columns = [quote(name) for name in self._names]
        self._readers = [self._reader(field) for field in fields]

    def row_id(self, stored: Stored) -> str:
        """Give what a value that is bound to its row is bound to."""
        return str(self._model._meta.pk.to_python(stored.key))

    # Reading --------------------------------------------------------------------------------

    def pages(self, size: int, where: str = _EVERY, *parameters: Any) -> Iterator[list[Stored]]:
        """Give the rows in the order of their keys, so many at a time."""
        page = self.page(None, size, where, *parameters)
        while page:
            yield page
            page = self.page(page[-1], size, where, *parameters)

    def page(
        self,
        after: Stored | None,
        size: int,
        where: str = _EVERY,
        *parameters: Any,
        locked: bool = False,
    ) -> list[Stored]:
        """Give the next rows.

        Args:
            after: the last one before them; ``None``: begin.
            size: how many.
            where: a condition.
            *parameters: of it.
            locked: whether nobody else may change them until the transaction ends.

        Raises:
            ConfigurationError: the model's primary key is not one column.
        """
        if self._pk is None:
            label = self._model._meta.label
            raise ConfigurationError(f"{label} has a composite primary key: not served yet")
        columns = ", ".join((self._pk, *self._columns))
        beyond = f" AND {self._pk} > %s" if after else ""
        told = self._asked(
            f"SELECT {columns} FROM {self._name} WHERE ({where.format(*self._columns)}){beyond}"  # noqa: S608 - names are quoted
            f" ORDER BY {self._pk} LIMIT {size:d}{self._lock() if locked else ''}",
            [*parameters, after.key] if after else parameters,
        )
        return [Stored(key, self._read(row)) for key, *row in told]

    def is_there(self) -> bool:
        """Tell whether the database has the columns: it may not, before and after migrations."""
        told, name = self._connection.introspection, self._model._meta.db_table
        with self._connection.cursor() as cursor:
            if name not in told.table_names(cursor, include_views=True):
                return False
            there = {column.name for column in told.get_table_description(cursor, name)}
        return there.issuperset(self._names)

    def any(self, where: str) -> bool:
        """Tell whether there is such a row."""
        condition = where.format(*self._columns)
        found = self._asked(
            f"SELECT 1 FROM {self._name} WHERE {condition} LIMIT 1",  # noqa: S608 - names are quoted
            (),
        )
        return bool(found)

    def count(self, where: str = _EVERY, *parameters: Any) -> int:
        """Count rows."""
        condition = where.format(*self._columns)
        ((found,),) = self._asked(
            f"SELECT count(*) FROM {self._name} WHERE {condition}",  # noqa: S608 - names are quoted
            parameters,
        )
        return int(found)

    def rows_by_key(self) -> dict[str | None, int]:
        """Count the first column's values under each data key; ``None``: what is no message."""
        parts = f"{_STARTS}, {_KEY_ID}, count(*)".format(self._columns[0])
        told = self._asked(
            f"SELECT {parts} FROM {self._name} WHERE {self._columns[0]} IS NOT NULL GROUP BY 1, 2",  # noqa: S608 - names are quoted
            (),
        )
        counts: dict[str | None, int] = {}
        for start, key, count in told:
            name = bytes(key).hex() if _bytes(start) == _HEADER else None
            counts[name] = counts.get(name, 0) + count
        return counts

    def under(self, key_id: str) -> tuple[str, Any]:
        """Give the condition, and its parameter, for a first column under a data key."""
        return f"{_KEY_ID} = %s", self._binary(bytes.fromhex(key_id))

    def not_under(self, key_id: str) -> tuple[str, Any]:
        """Give the condition, and its parameter, for a first column under another one."""
        return f"{_KEY_ID} <> %s", self._binary(bytes.fromhex(key_id))

    # Writing --------------------------------------------------------------------------------

    def swap(self, columns: Sequence[int], changes: Sequence[Change]) -> tuple[int, list[Any]]:
        """Write to rows whose first column is as it was read.

        Args:
            columns: which ones are written.
            changes: the rows, and what those columns are to hold.

        Returns:
            How many rows were written, and the keys of those that the database refuses because
            another row has the value of a unique column.
        """
        if not changes:
            return 0, []
        try:
            return self._swapped(columns, changes), []
        except IntegrityError:
            if len(changes) == 1:
                return 0, [changes[0][0].key]
        each = [self.swap(columns, [change]) for change in changes]
        return sum(count for count, _ in each), [key for _, keys in each for key in keys]

    def _swapped(self, columns: Sequence[int], changes: Sequence[Change]) -> int:
        same = "IS" if self._connection.vendor == "sqlite" else "IS NOT DISTINCT FROM"
        written = ", ".join(f"{self._columns[at]} = %s" for at in columns)
        row = f"{self._pk} = %s AND {self._columns[0]} {same} %s"
        statement = f"UPDATE {self._name} SET {written} WHERE {row}"  # noqa: S608 - names are quoted
        told = [
            (*map(self._binary, new), stored.key, self._binary(stored.values[0]))
            for stored, new in changes
        ]
        with transaction.atomic(self._using), self._connection.cursor() as cursor:
            cursor.executemany(statement, told)
            return int(cursor.rowcount)

    # The database's ways --------------------------------------------------------------------

    def _reader(self, field: PlainField) -> Callable[[Any], Any]:
        if isinstance(field, EncryptedField | BlindIndex):
            return _bytes
        column, connection = field.get_col(str(field.model._meta.db_table)), self._connection
        converters = [
            *connection.ops.get_db_converters(column),
            *column.get_db_converters(connection),
        ]
        return lambda value: reduce(lambda it, do: do(it, column, connection), converters, value)

    def _read(self, row: list[Any]) -> list[Any]:
        return [read(value) for read, value in zip(self._readers, row, strict=True)]

    def _lock(self) -> str:
        features = self._connection.features
        if not features.has_select_for_update:
            return ""
        return (
            f" {self._connection.ops.for_update_sql(no_key=features.has_select_for_no_key_update)}"
        )

    def _binary(self, value: bytes | None) -> Any:
        return None if value is None else self._connection.Database.Binary(value)

    def _asked(self, statement: str, parameters: Sequence[Any]) -> list[Any]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return list(cursor.fetchall())


def _bytes(value: Any) -> bytes | None:
    if isinstance(value, str):  # SQLite keeps what was written, whatever the column's type
        return value.encode()
    return None if value is None else bytes(value)
