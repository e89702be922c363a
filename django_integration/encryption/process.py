"""This process's envelope: one wrapping key, the table of data keys, one cache.

The wrapping key is what the setting ``GLISECRETS_WRAPPING_KEY`` says, else the variable of that
name, else, in development alone, the local store's own key. The environment is the one that the
settings were loaded for, else ``DJANGO_ENV``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.signals import setting_changed

from glisecrets.environment import current_environment
from glisecrets.guard import Guard
from glisecrets.keys.envelope.envelope import Envelope
from glisecrets.keys.envelope.wrapping import (
    WRAPPING_KEY_VARIABLE,
    open_wrapping_key,
    wrapping_key_address,
)
from glisecrets.options import LoadOptions

from .data_keys import DjangoDataKeys

if TYPE_CHECKING:
    from glisecrets.environment import Environment
    from glisecrets.keys.envelope import FieldEnvelope, WrappingKey

__all__ = ["environment", "field_envelope", "follow_settings", "process_envelope", "wrapping_key"]

_FOLLOWED = {"DATABASES", "DATABASE_ROUTERS", "DJANGO_ENV", "GLISECRETS", WRAPPING_KEY_VARIABLE}

#: At most one; made without a lock, which a forked child could find taken.
_ENVELOPES: dict[str, Envelope] = {}
_FIELDS: dict[tuple[str, str], FieldEnvelope] = {}


def process_envelope() -> Envelope:
    """Give the envelope of this process. Nothing is connected to before a key is needed.

    Raises:
        ConfigurationError: no wrapping key is named, or its address is wrong.
    """
    found = _ENVELOPES.get("")
    return found or _ENVELOPES.setdefault("", Envelope(wrapping_key(), DjangoDataKeys()))


def field_envelope(data_class: str, label: str) -> FieldEnvelope:
    """Give one field's envelope, in the environment that the process runs in.

    Raises:
        ConfigurationError: as :func:`process_envelope`; or a label that is none.
    """
    found = _FIELDS.get((data_class, label))
    if found is None:
        made = process_envelope().field(data_class, environment(), label)
        found = _FIELDS.setdefault((data_class, label), made)
    return found


def environment() -> Environment:
    """Give the environment that the values are bound to."""
    loaded = getattr(settings, "GLISECRETS", None)
    return current_environment() if loaded is None else loaded.environment_loaded


def wrapping_key() -> WrappingKey:
    """Open the wrapping key that the setting or the variable names.

    Raises:
        ConfigurationError: none is named outside development, or the address is wrong.
        EnvironmentMismatch: it is another environment's.
        MissingExtra: boto3 or hvac is not installed.
    """
    named: Any = getattr(settings, WRAPPING_KEY_VARIABLE, None)
    if named and not isinstance(named, str):
        key: WrappingKey = named
        return key
    address = wrapping_key_address(named, environment(), os.environ)
    options = getattr(getattr(settings, "GLISECRETS", None), "load_options", LoadOptions())
    guard = Guard.of(environment(), options)
    guard.check_address(address, os.environ, "the wrapping key's address")
    folder = getattr(settings, "BASE_DIR", None)
    return open_wrapping_key(address, directory=Path(folder) if folder else None)


def follow_settings() -> None:
    """Make a new envelope where a test overrides a setting that it was made of."""
    setting_changed.connect(_forget, dispatch_uid="glisecrets.encryption")


def _forget(*, setting: str, **_: Any) -> None:
    if setting in _FOLLOWED:
        _FIELDS.clear()
        _ENVELOPES.clear()
