"""The wrapping key: it encrypts data keys, and whoever keeps it never gives it away.

::

    aws:alias/gli-secrets?region=ap-northeast-2        a KMS key: ARN, id or alias
    vault:https://vault.example:8200?key=gli&mount=transit
    local:/path/to/folder                              the local store's own key
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple, Protocol

from glisecrets.environment import Environment
from glisecrets.errors import ConfigurationError
from glisecrets.stores.opening import StoreAddress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .context import FieldContext

#: The variable that names the wrapping key.
WRAPPING_KEY_VARIABLE = "GLISECRETS_WRAPPING_KEY"


class Wrapped(NamedTuple):
    """An encrypted data key."""

    #: As the wrapping key's keeper gave it.
    blob: bytes
    #: Which key it is encrypted under: an ARN, or a name.
    key: str
    #: Which version of that key, where the keeper tells: KMS's ``KeyMaterialId``.
    material: str | None = None


class WrappingKey(Protocol):
    """Makes, opens and renews encrypted data keys, each bound to its field's context.

    Every method raises ``AccessDenied``, ``Undecryptable``, ``StoreUnavailable`` or another
    :class:`~glisecrets.errors.StoreError`, and no error carries a key.
    """

    #: ``aws``, ``vault`` or ``local``.
    scheme: str
    #: Which one, for messages.
    name: str

    def generate(self, context: FieldContext) -> tuple[bytes, Wrapped]:
        """Make a data key of 32 bytes; give it plain and encrypted."""
        ...

    def unwrap(self, wrapped: Wrapped, context: FieldContext) -> bytes:
        """Decrypt a data key.

        Raises:
            Undecryptable: it is of another context or key, or its key is disabled or gone.
        """
        ...

    def rewrap(self, wrapped: Wrapped, context: FieldContext) -> Wrapped:
        """Encrypt a data key anew under this key's newest version; where it is kept, not here."""
        ...


def wrapping_key_address(
    named: str | None, environment: Environment, environ: Mapping[str, str]
) -> str:
    """Give the address that is named, else the variable's, else in development the local key.

    Args:
        named: by an option or a setting.
        environment: the one that the process runs in.
        environ: where the variable is.

    Returns:
        An address; ``off``, which :func:`open_wrapping_key` refuses, where nothing names one.
    """
    unnamed = "local" if environment is Environment.DEVELOPMENT else "off"
    return named or environ.get(WRAPPING_KEY_VARIABLE) or unnamed


def open_wrapping_key(
    address: str, *, directory: Path | None = None, environ: Mapping[str, str] | None = None
) -> WrappingKey:
    """Open the wrapping key at an address. Connects only when first asked.

    Args:
        address: one of the forms in the module's description.
        directory: where a relative ``local`` path starts; default the current directory.
        environ: the variables to read; default ``os.environ``.

    Raises:
        ConfigurationError: unknown scheme or option, or no key named.
        MissingExtra: boto3 or hvac is not installed.
    """
    environ = os.environ if environ is None else environ
    scheme, path, options = StoreAddress.parse(address)
    if scheme == "aws":
        from .aws_kms import AwsWrappingKey

        return AwsWrappingKey.from_options(path, options)
    if scheme == "vault":
        from .transit import TransitWrappingKey

        return TransitWrappingKey.from_options(path, options, environ)
    if scheme == "local":
        from .local import LocalWrappingKey

        return LocalWrappingKey.from_options(path, options, directory=directory, environ=environ)
    raise ConfigurationError(
        "no wrapping key is named",
        next_step=f"set {WRAPPING_KEY_VARIABLE}, as aws:alias/gli-rds?region=…",
    )
