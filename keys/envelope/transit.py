"""Data keys under a key of Vault's or OpenBao's transit engine.

The key must be a derived one (``bao write transit/keys/NAME derived=true``): the engine then binds
each data key to its context, as KMS does.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from glisecrets.errors import (
    ConfigurationError,
    InvalidRequest,
    MissingExtra,
    SecretNotFound,
    Undecryptable,
)

from .wrapping import Wrapped
from .xaes import KEY_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from .context import FieldContext


class TransitWrappingKey:
    """A derived key of a transit engine.

    Args:
        connection: a :class:`glisecrets.stores.vault.connection.Connection`.
        key: the key's name.
        mount: where the engine is.
    """

    scheme = "vault"

    def __init__(self, connection: Any, key: str, *, mount: str = "transit") -> None:
        self.name = f"{mount}/{key}"
        self._key, self._mount = key, mount
        self._connection = connection

    @classmethod
    def from_options(
        cls, path: str, options: Mapping[str, str], environ: Mapping[str, str]
    ) -> Self:
        """Open the key that ``vault:path?key=…&mount=…`` names; the rest is as for the store.

        Raises:
            ConfigurationError: no key, an unknown option, or no address.
            MissingExtra: hvac is not installed.
        """
        if not options.get("key"):
            raise ConfigurationError(
                "the transit key has no name", next_step="write vault:https://host:8200?key=gli"
            )
        try:
            from glisecrets.stores.vault.connection import Connection
            from glisecrets.stores.vault.options import VaultOptions
        except ModuleNotFoundError as missing:
            raise MissingExtra("a transit key", "vault") from missing
        others = {name: told for name, told in options.items() if name not in {"key", "mount"}}
        connection = Connection(VaultOptions.read(path, others, environ))
        return cls(connection, options["key"], mount=options.get("mount", "transit"))

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        self._connection.close()

    def generate(self, context: FieldContext) -> tuple[bytes, Wrapped]:
        """Make a data key: ``transit/datakey/plaintext``.

        Raises:
            ConfigurationError: the key is not derived, so that nothing is bound to the context.
        """
        data = self._ask(
            "generate_data_key", context.canonical(), key_type="plaintext", bits=KEY_BYTES * 8
        )
        wrapped = self._wrapped(data)
        self._check_derived(wrapped, context)
        return base64.b64decode(data["plaintext"]), wrapped

    def unwrap(self, wrapped: Wrapped, context: FieldContext) -> bytes:
        """Decrypt a data key.

        Raises:
            Undecryptable: it is of another context or key, or its version was trimmed.
        """
        return self._decrypted(wrapped, context.canonical())

    def rewrap(self, wrapped: Wrapped, context: FieldContext) -> Wrapped:
        """Encrypt a data key anew under the key's newest version, within Vault."""
        ciphertext = wrapped.blob.decode()
        data = self._ask("rewrap_data", context.canonical(), ciphertext=ciphertext)
        return self._wrapped(data)

    def _check_derived(self, wrapped: Wrapped, context: FieldContext) -> None:
        """See that another context does not open what was made for this one."""
        try:
            self._decrypted(wrapped, b"another context than " + context.canonical())
        except Undecryptable:
            return
        raise ConfigurationError(
            f"the transit key {self.name} is not a derived one: it binds nothing to its context",
            next_step="make another with derived=true; a key cannot be changed to it",
        )

    def _decrypted(self, wrapped: Wrapped, context: bytes) -> bytes:
        data = self._ask("decrypt_data", context, ciphertext=wrapped.blob.decode())
        return base64.b64decode(data["plaintext"])

    def _ask(self, action: str, context: bytes, **params: Any) -> dict[str, str]:
        """Call a method of hvac's transit client, with this key and a context."""
        params |= {"context": base64.b64encode(context).decode(), "mount_point": self._mount}
        try:
            answer = self._connection.call(
                lambda vault: getattr(vault.secrets.transit, action)(self._key, **params),
                secret=self.name,
            )
        except (InvalidRequest, SecretNotFound):
            answer = None  # raised below, without that error as its context
        if answer is None:
            raise Undecryptable(
                f"the transit key {self.name} is not there, or did not encrypt this data key with"
                " this context",
                store=self.scheme,
                secret=self.name,
                next_step="check the key's name and min_decryption_version; a field's label, class"
                " or environment must not change",
            )
        data: dict[str, str] = answer["data"]
        return data

    def _wrapped(self, data: Mapping[str, Any]) -> Wrapped:
        version = str(data["ciphertext"]).split(":")[1]  # vault:v3:…
        return Wrapped(data["ciphertext"].encode(), self.name, version)
