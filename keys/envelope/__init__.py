"""Envelope encryption: fields and files under data keys that a wrapping key protects.

The byte format is ``gs1``: see ``docs/gs1.md``. Names are imported when first used.
"""

from typing import TYPE_CHECKING

from glisecrets.lazy import lazy as _lazy

if TYPE_CHECKING:
    from .aws_kms import AwsWrappingKey
    from .cache import DataKeyCache
    from .context import FieldContext
    from .data_keys import DataKey, DataKeyStore, FileDataKeys, MemoryDataKeys
    from .envelope import Envelope, FieldEnvelope
    from .errors import InvalidMessage, UnknownDataKey
    from .esdk import EsdkField
    from .gs1 import FieldCipher
    from .local import LocalWrappingKey
    from .transit import TransitWrappingKey
    from .wrapping import Wrapped, WrappingKey, open_wrapping_key

__getattr__, __dir__ = _lazy(
    __name__,
    {
        "aws_kms": ("AwsWrappingKey",),
        "cache": ("DataKeyCache",),
        "context": ("FieldContext",),
        "data_keys": ("DataKey", "DataKeyStore", "FileDataKeys", "MemoryDataKeys"),
        "envelope": ("Envelope", "FieldEnvelope"),
        "errors": ("InvalidMessage", "UnknownDataKey"),
        "esdk": ("EsdkField",),
        "gs1": ("FieldCipher",),
        "local": ("LocalWrappingKey",),
        "transit": ("TransitWrappingKey",),
        "wrapping": ("Wrapped", "WrappingKey", "open_wrapping_key"),
    },
)

__all__ = [
    "AwsWrappingKey",
    "DataKey",
    "DataKeyCache",
    "DataKeyStore",
    "Envelope",
    "EsdkField",
    "FieldCipher",
    "FieldContext",
    "FieldEnvelope",
    "FileDataKeys",
    "InvalidMessage",
    "LocalWrappingKey",
    "MemoryDataKeys",
    "TransitWrappingKey",
    "UnknownDataKey",
    "Wrapped",
    "WrappingKey",
    "open_wrapping_key",
]
