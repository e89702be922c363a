"""The base of the encrypted fields: a plain field for Python, and ``gs1`` bytes in the column.

A value is encrypted when it is written and decrypted when it is read, and never in ``to_python``:
that is given what users type. Anything that cannot be decrypted is an error; no reader ever sees
the encrypted bytes, or nothing, in place of a value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from glisecrets.errors import GlisecretsError
from glisecrets.keys.envelope.errors import InvalidMessage
from glisecrets.keys.envelope.gs1 import VALUE, VERSION

from .checks import check_field
from .delegating import DelegatingField
from .index_writing import watch
from .masking import is_loading, is_message, message_of, text_of
from .process import field_envelope
from .refusal import EncryptedCol, NoneOnly, is_bulk_update, refuse
from .row_binding import BoundHere, Sealed, SealedAttribute, row_of
from .selecting import EncryptedIsNull, as_selected

if TYPE_CHECKING:
    from django.db import models

__all__ = ["EncryptedField"]

_PACKAGE = __name__.rpartition(".")[0]
_GS1 = bytes([VERSION, VALUE])
#: Options of our own, as they are unless given.
_USUAL = {"masked": True, "bound_to_row": False}


class EncryptedField(DelegatingField):
    """A field whose values are encrypted in the database.

    Args:
        data_class: how confidential the values are, as ``confidential``.
        label: names the field's data keys, and is bound into every value. It must never change,
            whatever the model and the column are called one day.
        masked: whether forms, the admin and ``dumpdata`` are kept from showing the value.
        bound_to_row: whether a value can be decrypted in its own row alone; the model's primary
            key is a UUIDField with a default.
        **options: Django's own, and those of the plain field.
    """

    def __init__(
        self,
        verbose_name: str | None = None,
        name: str | None = None,
        *,
        data_class: str,
        label: str,
        masked: bool = True,
        bound_to_row: bool = False,
        **options: Any,
    ) -> None:
        self.data_class, self.label = data_class, label
        self.bound_to_row = bound_to_row
        super().__init__(verbose_name, name, masked, options)

    def deconstruct(self) -> Any:
        """Give what a migration writes: the class as users import it, and its options."""
        name, path, args, kwargs = super().deconstruct()
        module, _dot, class_name = path.rpartition(".")
        if module.startswith(f"{_PACKAGE}."):
            path = f"{_PACKAGE}.{class_name}"
        ours = {"data_class": self.data_class, "label": self.label}
        ours |= {key: getattr(self, key) for key in _USUAL if getattr(self, key) != _USUAL[key]}
        return name, path, args, {**ours, **self.own_options, **kwargs}

    def contribute_to_class(
        self, cls: type[models.Model], name: str, private_only: bool = False
    ) -> None:
        """Join a model."""
        super().contribute_to_class(cls, name, private_only)
        if self.bound_to_row:
            setattr(cls, self.attname, SealedAttribute(self))
            watch(self)

    def check(self, **kwargs: Any) -> list[Any]:
        """Tell of options that mean nothing for encrypted values."""
        return [*super().check(**kwargs), *check_field(self)]

    def get_internal_type(self) -> str:
        """Have a column of bytes."""
        return "BinaryField"

    def provision_data_key(self) -> None:
        """See to it that there is a data key.

        Raises:
            StoreError: the wrapping key cannot be asked.
        """
        field_envelope(self.data_class, self.label).encrypt(b"")

    # Values ---------------------------------------------------------------------------------

    def encode(self, value: Any) -> bytes:
        """Give a value's bytes, which :meth:`decode` reads."""
        raise NotImplementedError

    def decode(self, plain: bytes) -> Any:
        """Give the value of bytes that :meth:`encode` gave."""
        raise NotImplementedError

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:  # noqa: ARG002
        """Give the value; a bound one is encrypted here, where the row is known."""
        value = getattr(model_instance, self.attname)
        if not self.bound_to_row or value is None or hasattr(value, "as_sql"):
            return value
        return BoundHere(self, self.sealed(value, row_of(model_instance)))

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:  # noqa: ARG002
        """Encrypt a value for its column.

        Raises:
            ValidationError: it is not of this field's type.
            FieldError: it is an expression; or it is bound to a row, which is not told.
            StoreError: the data key cannot be had.
        """
        if value is None:
            return None
        if value.__class__ is BoundHere or (value.__class__ is Sealed and is_loading()):
            return value.message
        if hasattr(value, "as_sql"):
            return self._only_bulk_update(value)
        if self.bound_to_row:
            refuse(self, "a value is bound to its row, which is not told", "save the instances")
        return self.sealed(value)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:  # noqa: ARG002
        """Decrypt what the column holds.

        Raises:
            UnknownDataKey: its data key was deleted, or is another field's or environment's.
            InvalidMessage: it was altered, or was never encrypted.
            StoreError: the data key cannot be had.
        """
        if value is None:
            return None
        if value.__class__ is not bytes:
            value = self._bytes(value)
        return Sealed(self, value) if self.bound_to_row else self.opened(value)

    def sealed(self, value: Any, row: str | None = None) -> bytes:
        """Encrypt a value; the errors are those of :meth:`get_db_prep_save`."""
        self.refuse_message(value)
        plain = self.converted(self.encode, value)
        try:
            return field_envelope(self.data_class, self.label).encrypt(plain, row)
        except GlisecretsError as error:
            self._name(error)
            raise

    def opened(self, message: bytes, row: str | None = None) -> Any:
        """Decrypt a message; the errors are those of :meth:`from_db_value`."""
        try:
            plain = field_envelope(self.data_class, self.label).decrypt(message, row)
        except GlisecretsError as error:
            if not message.startswith(_GS1):
                self._refuse_plain()
            self._name(error)
            raise
        try:
            return self.decode(plain)
        except (ValueError, TypeError, ArithmeticError):
            pass  # raised below, where the error that holds the value is not its context
        raise InvalidMessage(
            f"{self}: the value was encrypted by a field of another type",
            next_step="go back to that type, and copy the values to a new field",
        )

    def _bytes(self, value: Any) -> bytes:
        return bytes(value) if isinstance(value, memoryview) else self._refuse_plain()

    def _refuse_plain(self) -> NoReturn:
        raise InvalidMessage(
            f"{self}: the column holds a value that is not encrypted",
            next_step="run `manage.py encrypted_fields encrypt`, see docs/encrypted-fields.md",
        ) from None

    def _name(self, error: GlisecretsError) -> None:
        """Say whose error it is: once, since threads that wait for one data key share it."""
        if not error.message.startswith(f"{self}: "):
            error.message = f"{self}: {error.message}"

    # Validation and dumps -------------------------------------------------------------------

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        """Validate as the plain field does; a unique blind index has no equal value yet."""
        from .looking_up import refuse_repeated  # which needs this module

        super().validate(value, model_instance)
        refuse_repeated(self, value, model_instance)

    def to_python(self, value: Any) -> Any:
        """Convert as the plain field does; ``loaddata`` alone gives encrypted values."""
        if value.__class__ is Sealed:
            return value
        hides = self.masked or self.bound_to_row
        message = message_of(value) if is_loading() and (hides or is_message(value)) else None
        if message is None:
            self.refuse_message(value)
            return super().to_python(value)
        return Sealed(self, message) if self.bound_to_row else self.opened(message)

    def value_to_string(self, obj: models.Model) -> str:
        """Give what ``dumpdata`` writes: the encrypted message of what is masked."""
        hides = self.masked or self.bound_to_row
        return self.dumped(obj) if hides else self.inner.value_to_string(obj)

    def dumped(self, obj: models.Model) -> str:
        """Give an instance's value as the message that ``loaddata`` takes."""
        row = row_of(obj) if self.bound_to_row else None
        return text_of(self.sealed(getattr(obj, self.attname), row))

    # Queries --------------------------------------------------------------------------------

    def get_lookup(self, lookup_name: str) -> Any:
        """Give ``isnull``, what ``filter(field=None)`` needs, and what a blind index answers.

        Raises:
            FieldError: any other.
        """
        from .looking_up import look_up  # which needs this module

        indexed = look_up(self, lookup_name)
        if indexed:
            return indexed
        allowed = {"isnull": EncryptedIsNull, "exact": NoneOnly}
        return allowed.get(lookup_name) or refuse(self, f"there is no look-up {lookup_name!r}")

    def get_transform(self, lookup_name: str) -> NoReturn:
        """Refuse every transform.

        Raises:
            FieldError: always.
        """
        refuse(self, f"there is no transform {lookup_name!r}")

    def get_col(self, alias: Any, output_field: Any = None) -> EncryptedCol:
        """Give the column, each time anew, so that one that is selected is told from others."""
        return EncryptedCol(alias, self, output_field)

    def select_format(self, compiler: Any, sql: str, params: Any) -> Any:
        """Give what is selected of it, by a subquery too; refuse what would be compared then."""
        return as_selected(self, compiler.query, sql), params

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:  # noqa: ARG002
        """Refuse a value that is compared with, or calculated with, in SQL."""
        return None if value is None else refuse(self, "SQL cannot use a value of it")

    def _only_bulk_update(self, expression: Any) -> Any:
        if not is_bulk_update(expression, self):
            refuse(self, "no expression can be assigned to it", "assign a value, row by row")
        return expression
