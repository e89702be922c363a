"""Stores: AWS Secrets Manager, Vault / OpenBao, the local store, and the port that they share."""

from .base import (
    MAX_VALUE_BYTES,
    SecretDescription,
    SecretValue,
    SecretVersion,
    Store,
    VersionInfo,
)
from .opening import open_store

__all__ = [
    "MAX_VALUE_BYTES",
    "SecretDescription",
    "SecretValue",
    "SecretVersion",
    "Store",
    "VersionInfo",
    "open_store",
]
