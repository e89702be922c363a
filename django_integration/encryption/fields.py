"""The base of the encrypted fields: a plain field for Python, and ``gs1`` bytes in the column.

A value is encrypted when it is written and decrypted when it is read, and never in ``to_python``:
that is given what users type. Anything that cannot be decrypted is an error; no reader ever sees
the encrypted bytes, or nothing, in place of a value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from glisecrets.errors import GlisecretsError
from glisecrets.keys.envelope.errors import InvalidMessage
from glisecrets.keys.envelope.gs1 import VALUE, VERSION

from .process import field_envelope
from .refusal import EncryptedCol, EncryptedIsNull, NoneOnly, is_bulk_update, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    PlainField = models.Field[Any, Any]
else:
    PlainField = models.Field

__all__ = ["EncryptedField", "EncryptedTextField"]

_PACKAGE = __name__.rpartition(".")[0]
_GS1 = bytes([VERSION, VALUE])
#: What an encrypted field takes, and Django's ``deconstruct`` knows nothing of.
_OWN = {"masked": True}


class EncryptedField(PlainField):
    """A field whose values are encrypted in the database.

    Args:
        data_class: how confidential the values are, as ``confidential``.
        label: names the field's data keys, and is bound into every value. It must never change,
            whatever the model and the column are called one day.
        masked: whether forms, the admin and ``dumpdata`` are kept from showing the value.
        **options: Django's own, and those of the plain field.
    """

    #: The plain field that converts, validates and makes form fields.
    inner_class: ClassVar[type[PlainField]] = models.TextField
    #: Options that the plain field takes and Django's base class does not.
    inner_options: ClassVar[tuple[str, ...]] = ()

    default_error_messages: ClassVar[Mapping[str, Any]] = {
        "unfit": _("The value is not of this field's type."),
    }

    def __init__(
        self,
        verbose_name: str | None = None,
        name: str | None = None,
        *,
        data_class: str,
        label: str,
        masked: bool = True,
        **options: Any,
    ) -> None:
        self.data_class, self.label, self.masked = data_class, label, masked
        self._given = {key: options.pop(key) for key in self.inner_options if key in options}
        super().__init__(verbose_name, name, **options)
        self.inner = self.inner_class(null=self.null, blank=self.blank, **self._given)
        self.empty_strings_allowed = self.inner.empty_strings_allowed
        self.empty_values = self.inner.empty_values

    def deconstruct(self) -> Any:
        """Give what a migration writes: the class as users import it, and its options."""
        name, path, args, kwargs = super().deconstruct()
        module, _dot, class_name = path.rpartition(".")
        if module.startswith(f"{_PACKAGE}."):
            path = f"{_PACKAGE}.{class_name}"
        own = {
            key: getattr(self, key) for key, usual in _OWN.items() if getattr(self, key) != usual
        }
        labels = {"data_class": self.data_class, "label": self.label}
        return name, path, args, {**labels, **own, **self._given, **kwargs}

    def get_internal_type(self) -> str:
        """Have a column of bytes."""
        return "BinaryField"

    # Values ---------------------------------------------------------------------------------

    def encode(self, value: Any) -> bytes:
        """Give a value's bytes, which :meth:`decode` reads."""
        raise NotImplementedError

    def decode(self, plain: bytes) -> Any:
        """Give the value of bytes that :meth:`encode` gave."""
        raise NotImplementedError

    def to_python(self, value: Any) -> Any:
        """Convert as the plain field does; a value that does not fit is not repeated."""
        try:
            return self.inner.to_python(value)
        except ValidationError:
            pass  # raised below, where the error that holds the value is not its context
        self._refuse_value()

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """Refuse a value that is compared with, or calculated with, in SQL."""
        return None if value is None else refuse(self, "SQL cannot use a value of it")

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        """Encrypt a value for its column.

        Raises:
            ValidationError: it is not of this field's type.
            FieldError: it is an expression.
            StoreError: the data key cannot be had.
        """
        if value is None:
            return None
        if hasattr(value, "as_sql"):
            return self._only_bulk_update(value)
        plain = self._encoded(value)
        try:
            return field_envelope(self.data_class, self.label).encrypt(plain)
        except GlisecretsError as error:
            raise self._named(error)  # noqa: B904 - the same error

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """Decrypt what the column holds.

        Raises:
            UnknownDataKey: its data key was deleted, or is another field's or environment's.
            InvalidMessage: it was altered, or was never encrypted.
            StoreError: the data key cannot be had.
        """
        if value is None:
            return None
        message = value if value.__class__ is bytes else self._message(value)
        try:
            plain = field_envelope(self.data_class, self.label).decrypt(message)
        except GlisecretsError as error:
            raise self._named(error, message)  # noqa: B904 - the same error
        return self._decoded(plain)

    def _encoded(self, value: Any) -> bytes:
        try:
            return self.encode(value)
        except (ValidationError, ValueError, TypeError, ArithmeticError):
            pass  # raised below, where the error that holds the value is not its context
        self._refuse_value()

    def _decoded(self, plain: bytes) -> Any:
        try:
            return self.decode(plain)
        except (ValueError, TypeError, ArithmeticError):
            pass
        raise InvalidMessage(
            f"{self}: the value was encrypted by a field of another type",
            next_step="go back to that type, and copy the values to a new field",
        )

    def _message(self, value: Any) -> bytes:
        if isinstance(value, memoryview | bytearray):
            return bytes(value)
        return self._refuse_plain()

    def _refuse_value(self) -> NoReturn:
        raise ValidationError(self.error_messages["unfit"], code="unfit")

    def _refuse_plain(self) -> NoReturn:
        raise InvalidMessage(
            f"{self}: the column holds a value that is not encrypted",
            next_step="run `manage.py encrypted_fields encrypt`, see docs/encrypted-fields.md",
        )

    def _named(self, error: GlisecretsError, message: bytes = _GS1) -> GlisecretsError:
        """Say whose error it is: once, since threads that wait for one data key share it."""
        if not message.startswith(_GS1):
            self._refuse_plain()
        if not error.message.startswith(f"{self}: "):
            error.message = f"{self}: {error.message}"
        return error

    # Queries --------------------------------------------------------------------------------

    def get_lookup(self, lookup_name: str) -> Any:
        """Give ``isnull``, what ``filter(field=None)`` needs, and what a blind index answers.

        Raises:
            FieldError: any other.
        """
        from .blind_index import look_up

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

    def _only_bulk_update(self, expression: Any) -> Any:
        if is_bulk_update(expression, self):
            return expression
        refuse(self, "no expression can be assigned to it", "assign a value, row by row")


class EncryptedTextField(EncryptedField):
    """Text of any length."""

    inner_class = models.TextField

    def encode(self, value: Any) -> bytes:
        """UTF-8."""
        return str(value).encode()

    def decode(self, plain: bytes) -> str:
        """UTF-8."""
        return plain.decode()
