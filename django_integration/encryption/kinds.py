"""The encrypted fields, one for each kind of value: how it becomes bytes, and back."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.db import models
from django.db.backends.utils import format_number
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .fields import EncryptedField

__all__ = [
    "EncryptedBinaryField",
    "EncryptedBooleanField",
    "EncryptedCharField",
    "EncryptedDateField",
    "EncryptedDateTimeField",
    "EncryptedDecimalField",
    "EncryptedEmailField",
    "EncryptedIntegerField",
    "EncryptedJSONField",
    "EncryptedTextField",
]


class EncryptedTextField(EncryptedField):
    """Text of any length, as UTF-8."""

    def encode(self, value: Any) -> bytes:
        """See :meth:`EncryptedField.encode`."""
        # Of a member of an enumeration this is its value, as a plain field takes it.
        return (value if isinstance(value, str) else str(value)).encode()

    def decode(self, plain: bytes) -> str:
        """See :meth:`EncryptedField.decode`."""
        return plain.decode()


class EncryptedCharField(EncryptedTextField):
    """Text in one line; forms and ``full_clean`` hold it to ``max_length``, the database cannot."""

    inner_class = models.CharField


class EncryptedEmailField(EncryptedTextField):
    """An e-mail address."""

    inner_class = models.EmailField


class EncryptedBinaryField(EncryptedField):
    """Bytes, as they are; read back as ``bytes``."""

    inner_class = models.BinaryField

    def __init__(self, *args: Any, **options: Any) -> None:
        options.setdefault("editable", False)  # as Django's own
        super().__init__(*args, **options)

    def deconstruct(self) -> Any:
        """Write ``editable`` where it is not the usual."""
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("editable", None)
        return name, path, args, {**kwargs, **({"editable": True} if self.editable else {})}

    def encode(self, value: Any) -> bytes:
        """See :meth:`EncryptedField.encode`."""
        return bytes(memoryview(value))

    def decode(self, plain: bytes) -> bytes:
        """See :meth:`EncryptedField.decode`."""
        return plain


class EncryptedJSONField(EncryptedField):
    """What JSON can hold; ``None`` is no value, as for every field."""

    inner_class = models.JSONField
    inner_options = ("encoder", "decoder")
    inner: models.JSONField[Any, Any]

    def encode(self, value: Any) -> bytes:
        """See :meth:`EncryptedField.encode`."""
        return json.dumps(value, cls=self.inner.encoder, ensure_ascii=False).encode()

    def decode(self, plain: bytes) -> Any:
        """See :meth:`EncryptedField.decode`."""
        return json.loads(plain, cls=self.inner.decoder)

    def value_to_string(self, obj: models.Model) -> str:
        """Give the message, though it is not masked: not every format of a dump holds JSON."""
        return self.dumped(obj)


class EncryptedIntegerField(EncryptedField):
    """A whole number, of 64 bits where it is validated."""

    inner_class = models.BigIntegerField

    def encode(self, value: Any) -> bytes:
        """See :meth:`EncryptedField.encode`."""
        return str(int(value)).encode()

    def decode(self, plain: bytes) -> int:
        """See :meth:`EncryptedField.decode`."""
        return int(plain)


class EncryptedDecimalField(EncryptedField):
    """A decimal number, rounded to ``decimal_places`` as a column of that type would."""

    inner_class = models.DecimalField
    inner_options = ("max_digits", "decimal_places")
    inner: models.DecimalField[Any, Any]

    def encode(self, value: Any) -> bytes:
        """See :meth:`EncryptedField.encode`."""
        number = self.inner.to_python(value)
        text = format_number(number, self.inner.max_digits, self.inner.decimal_places)
        return str(text).encode()

    def decode(self, plain: bytes) -> Decimal:
        """See :meth:`EncryptedField.decode`."""
        return Decimal(plain.decode())


class EncryptedBooleanField(EncryptedField):
    """True or false."""

    inner_class = models.BooleanField
    _BYTES: ClassVar[tuple[bytes, ...]] = (b"0", b"1")

    def encode(self, value: Any) -> bytes:
        """See :meth:`EncryptedField.encode`."""
        return self._BYTES[(False, True).index(self.inner.to_python(value))]

    def decode(self, plain: bytes) -> bool:
        """See :meth:`EncryptedField.decode`."""
        return self._BYTES.index(plain) == 1

    def plain_form_field(self, **kwargs: Any) -> Any:
        """Give a choice of three where the value is masked: a box cannot be left empty."""
        if not self.masked:
            return super().plain_form_field(**kwargs)
        answers = [("", "---------"), ("true", _("Yes")), ("false", _("No"))]
        kwargs["required"] = not (self.blank or self.null)
        kwargs["error_messages"] = {"invalid_choice": self.error_messages["unfit"]}
        return forms.TypedChoiceField(
            choices=answers, coerce=lambda answer: answer == "true", empty_value=None, **kwargs
        )


class EncryptedDateField(EncryptedField):
    """A date, as ISO 8601."""

    inner_class = models.DateField

    def encode(self, value: Any) -> bytes:
        """See :meth:`EncryptedField.encode`."""
        day = value if value.__class__ is date else self.inner.to_python(value)
        return str(day.isoformat()).encode()

    def decode(self, plain: bytes) -> date:
        """See :meth:`EncryptedField.decode`."""
        return date.fromisoformat(plain.decode())


class EncryptedDateTimeField(EncryptedField):
    """A time of a day, as ISO 8601; with ``USE_TZ`` in UTC, as PostgreSQL gives it.

    A naive one is taken to be of the time zone in ``TIME_ZONE``.
    """

    inner_class = models.DateTimeField

    def encode(self, value: Any) -> bytes:
        """See :meth:`EncryptedField.encode`."""
        moment = value if isinstance(value, datetime) else self.inner.to_python(value)
        return str(self._fit(moment).isoformat()).encode()

    def decode(self, plain: bytes) -> datetime:
        """See :meth:`EncryptedField.decode`."""
        return self._fit(datetime.fromisoformat(plain.decode()))

    @staticmethod
    def _fit(moment: datetime) -> datetime:
        usual = timezone.get_default_timezone()
        if settings.USE_TZ:
            aware = moment if timezone.is_aware(moment) else timezone.make_aware(moment, usual)
            return aware.astimezone(UTC)
        return timezone.make_naive(moment, usual) if timezone.is_aware(moment) else moment
