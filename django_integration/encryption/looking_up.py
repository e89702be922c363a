"""Rows found by an encrypted value: its blind index is compared in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .blind_index import indexes_of
from .refusal import EncryptedCol, refuse

if TYPE_CHECKING:
    from .fields import EncryptedField

__all__ = ["look_up", "refuse_repeated"]

_EQUALITY = ("exact", "in")


def look_up(field: EncryptedField, name: str) -> Any:
    """Give what compares a field's index in its place; ``None`` where it has no such index.

    Returns:
        A function of both sides, which is all that Django asks of a look-up's class.
    """
    if name not in _EQUALITY:
        return None
    index = next((index for index in indexes_of(field) if index.searchable), None)
    if index is None:
        return None

    def compare(lhs: Any, rhs: Any) -> Any:
        if not isinstance(lhs, EncryptedCol):
            refuse(field, "the index of a row in a subquery cannot be compared", "filter in there")
        if any(hasattr(it, "as_sql") for it in (rhs if isinstance(rhs, list | tuple) else [rhs])):
            refuse(field, "its blind index compares values only, no expressions", "give the values")
        return index.get_lookup(name)(index.get_col(lhs.alias), rhs)

    return compare


def refuse_repeated(field: EncryptedField, value: Any, instance: Any) -> None:
    """Refuse what a unique index has already: forms know nothing of the index, and cannot.

    Raises:
        ValidationError: another row has an equal value.
    """
    unique = [index for index in indexes_of(field) if index.unique]
    if not unique or value is None or instance is None:
        return
    rows = type(instance)._default_manager.exclude(pk=instance.pk)
    if any(rows.filter(**{index.name: value}).exists() for index in unique):
        raise instance.unique_error_message(type(instance), (field.name,))
