"""Encrypted fields: ``"glisecrets.django_integration.encryption"`` in ``INSTALLED_APPS``.

::

    class Patient(models.Model):
        email = EncryptedTextField(data_class="confidential", label="patients/email")

See ``docs/encrypted-fields.md``. Names are imported when first used: Django imports this package
as an app, before anything of Django may be used.
"""

from typing import TYPE_CHECKING

from glisecrets.lazy import lazy as _lazy

if TYPE_CHECKING:
    from .blind_index import BlindIndex, as_is, caseless
    from .data_keys import DjangoDataKeys
    from .fields import EncryptedField
    from .kinds import (
        EncryptedBinaryField,
        EncryptedBooleanField,
        EncryptedCharField,
        EncryptedDateField,
        EncryptedDateTimeField,
        EncryptedDecimalField,
        EncryptedEmailField,
        EncryptedIntegerField,
        EncryptedJSONField,
        EncryptedTextField,
    )
    from .process import field_envelope, process_envelope
    from .row_binding import Sealed

__getattr__, __dir__ = _lazy(
    __name__,
    {
        "blind_index": ("BlindIndex", "as_is", "caseless"),
        "data_keys": ("DjangoDataKeys",),
        "fields": ("EncryptedField",),
        "kinds": (
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
        ),
        "process": ("field_envelope", "process_envelope"),
        "row_binding": ("Sealed",),
    },
)

__all__ = [
    "BlindIndex",
    "DjangoDataKeys",
    "EncryptedBinaryField",
    "EncryptedBooleanField",
    "EncryptedCharField",
    "EncryptedDateField",
    "EncryptedDateTimeField",
    "EncryptedDecimalField",
    "EncryptedEmailField",
    "EncryptedField",
    "EncryptedIntegerField",
    "EncryptedJSONField",
    "EncryptedTextField",
    "Sealed",
    "as_is",
    "caseless",
    "field_envelope",
    "process_envelope",
]
