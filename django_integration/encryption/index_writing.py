"""No query writes an encrypted field without its blind index, or the index without the field.

Django asks a field for its placeholder while it compiles a query that writes it, and that tells
which query: ``save()``, also with ``update_fields`` or deferred fields, ``update()``,
``bulk_update()``, and ``bulk_create()`` with ``update_conflicts`` all come by here.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django.core.exceptions import FieldError
from django.db.models.sql.subqueries import InsertQuery, UpdateQuery

from .row_binding import Sealed, refuse_other_rows

if TYPE_CHECKING:
    from .blind_index import BlindIndex
    from .fields import EncryptedField

__all__ = ["complete", "refuse_alone", "watch"]


def watch(field: EncryptedField) -> None:
    """Have each query that writes an indexed field, or one bound to its row, completed.

    Only these have placeholders: with one, ``bulk_create`` is slower on PostgreSQL.
    """
    field.get_placeholder = partial(_placeholder, field)  # type: ignore[attr-defined]
    field.get_placeholder_sql = partial(_placeholder_sql, field)  # type: ignore[attr-defined]


def _placeholder(field: EncryptedField, _value: Any, compiler: Any, _connection: Any) -> str:
    complete(field, compiler.query)
    return "%s"


def _placeholder_sql(field: EncryptedField, value: Any, compiler: Any, _connection: Any) -> Any:
    complete(field, compiler.query)
    return compiler.compile(value) if hasattr(value, "as_sql") else ("%s", (value,))


def complete(field: EncryptedField, query: Any) -> None:
    """Add a field's indexes to a query that writes it.

    Raises:
        FieldError: it writes other values to one of them, or no values that are known here; or
            values that are bound to their rows, to rows whose keys are not known.
    """
    from .blind_index import indexes_of

    refuse_other_rows(field, query)
    if field in _updated(query):
        for index in indexes_of(field):
            _complete(query, field, index)


def refuse_alone(index: BlindIndex, query: Any) -> None:
    """Refuse a query that writes an index and not its field.

    Raises:
        FieldError: it does.
    """
    updated = _updated(query)
    if index in updated and index.source not in updated:
        raise FieldError(
            f"{index} is written together with {index.source.name!r}"
            f"\n  next: write {index.source.name!r}, and the index follows; to build it anew,"
            f" `manage.py encrypted_fields index {index}`"
        )


def _updated(query: Any) -> dict[Any, Any]:
    """Give what a query writes to rows that are there: field -> value, where it has one value."""
    if _is_update(query):
        return {field: value for field, _, value in query.values}
    return dict.fromkeys(query.update_fields) if _is_insert(query) else {}


def _complete(query: Any, field: EncryptedField, index: BlindIndex) -> None:
    updated = _updated(query)
    if index in updated:
        _refuse_difference(index, updated[field], updated[index])
    elif _is_insert(query):
        query.update_fields = [*query.update_fields, index]
    elif _is_unknown(updated[field]):
        raise FieldError(
            f"{field} has the blind index {index.name!r}, which must be written with it"
            f"\n  next: name {index.name!r} too, in update_fields or for bulk_update()"
        )
    else:
        # Django's compiler is about to come to it: it goes through this list now.
        query.values.append((index, None, updated[field]))


def _refuse_difference(index: BlindIndex, written: Any, indexed: Any) -> None:
    indexed = getattr(indexed, "value", indexed)
    if _is_unknown(written) or _is_unknown(indexed) or written == indexed:
        return
    raise FieldError(
        f"{index} would index another value than is written\n  next: leave it out, it follows"
    )


def _is_unknown(value: Any) -> bool:
    """Tell whether a value is not known here: an expression, or one that is bound to its row."""
    return hasattr(value, "as_sql") or isinstance(value, Sealed)


def _is_update(query: Any) -> bool:
    return isinstance(query, UpdateQuery)


def _is_insert(query: Any) -> bool:
    return isinstance(query, InsertQuery)
