"""Values that are bound to their row: moved to another one, they cannot be decrypted.

What is read from the database does not know its row yet, so it stays sealed until the instance
is asked for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models.query_utils import DeferredAttribute
from django.db.models.sql.subqueries import InsertQuery

from glisecrets.errors import ConfigurationError

from .masking import is_loading
from .refusal import refuse

if TYPE_CHECKING:
    from django.db.models import Model

    from .fields import EncryptedField

__all__ = ["BoundHere", "Sealed", "SealedAttribute", "refuse_other_rows", "row_of"]


class Sealed:
    """An encrypted value of one row, as ``values()`` gives it. Its ``repr`` shows nothing."""

    __slots__ = ("field", "message")

    def __init__(self, field: EncryptedField, message: bytes) -> None:
        self.field = field
        self.message = message

    def __repr__(self) -> str:
        return f"<sealed value of {self.field}>"

    def open(self, row: Any) -> Any:
        """Decrypt.

        Args:
            row: the primary key of the row that the value was read from.

        Raises:
            InvalidMessage: it is another row's, or was altered.
        """
        return self.field.opened(self.message, str(row))


class BoundHere(Sealed):
    """What was encrypted for the row that is about to be written, and may be written as it is."""

    __slots__ = ()


class SealedAttribute(DeferredAttribute):
    """The attribute of a bound field: opens what is sealed when it is first asked for.

    It is asked also where the instance has the value already, so it has to have ``__set__``.
    """

    field: Any

    def __get__(self, instance: Model | None, cls: type[Model] | None = None) -> Any:
        name = self.field.attname
        if instance is None:
            return self
        value = vars(instance)[name] if name in vars(instance) else super().__get__(instance)
        if not isinstance(value, Sealed):
            return value
        opened = value.open(row_of(instance))
        if is_loading():  # it is saved as it is, and was verified
            return value
        vars(instance)[name] = opened
        return opened

    def __set__(self, instance: Model, value: Any) -> None:
        vars(instance)[self.field.attname] = value

    def __delete__(self, instance: Model) -> None:
        del vars(instance)[self.field.attname]


def row_of(instance: Model) -> str:
    """Give the id that a row's values are bound to.

    Raises:
        ConfigurationError: the instance has no primary key.
    """
    if instance.pk is None:
        raise ConfigurationError(
            f"a bound value of {instance._meta.label} has no row: the primary key is None",
            next_step="read or set the value while the instance has its key",
        )
    return str(instance._meta.pk.to_python(instance.pk))


def refuse_other_rows(field: EncryptedField, query: Any) -> None:
    """Refuse an upsert whose rows are found by another column: they have keys of their own.

    Raises:
        FieldError: it would write a value that is bound to the new key into the old row.
    """
    is_insert = isinstance(query, InsertQuery)
    upserts = is_insert and field in vars(query)["update_fields"]
    if (
        field.bound_to_row
        and upserts
        and list(vars(query)["unique_fields"]) != [field.model._meta.pk]
    ):
        refuse(field, "a value is bound to its row, which is not told", 'unique_fields=["pk"]')
