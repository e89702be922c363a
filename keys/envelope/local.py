"""Data keys under the local store's own key, for development and for one machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from glisecrets.errors import Undecryptable
from glisecrets.stores.local.encryption import CipherOfStore
from glisecrets.stores.local.file import LedgerFile
from glisecrets.stores.local.key_sources import KEY_VARIABLE, GivenKey, KeyFile
from glisecrets.stores.local.ledger import NoLedger
from glisecrets.stores.local.options import key_source, nearest_folder

from .wrapping import Wrapped
from .xaes import KEY_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from glisecrets.stores.local.key_sources import KeySource

    from .context import FieldContext

#: Keeps an encrypted data key apart from the local store's values, which have the same key.
_PLACE = b"glisecrets data key\0"


class LocalWrappingKey:
    """The key of a local store: its key file, the OS keyring, or ``GLISECRETS_LOCAL_KEY``.

    Args:
        folder: the local store's folder; made by the first data key.
        key: 32 bytes, or where they come from; default the key file ``folder/key``.
    """

    scheme = "local"

    def __init__(self, folder: Path, *, key: bytes | KeySource | None = None) -> None:
        self.name = f"local:{folder}"
        self._file = LedgerFile(folder)
        source = GivenKey(key) if isinstance(key, bytes) else key
        self._cipher = CipherOfStore(source or KeyFile(folder / "key"))

    @classmethod
    def from_options(
        cls,
        path: str,
        options: Mapping[str, str],
        *,
        directory: Path | None,
        environ: Mapping[str, str],
    ) -> Self:
        """Open the one of the local store that ``local:path?options`` names.

        Raises:
            ConfigurationError: an unknown option, or a variable that holds no key.
        """
        start = (directory or Path()).absolute()
        folder = start / Path(path).expanduser() if path else nearest_folder(start)
        return cls(folder, key=key_source(folder, options, environ.get(KEY_VARIABLE)))

    def generate(self, context: FieldContext) -> tuple[bytes, Wrapped]:
        """Make a data key; the first one of a folder makes the folder's key too."""
        data_key = os.urandom(KEY_BYTES)
        return data_key, self._wrapped(data_key, context)

    def unwrap(self, wrapped: Wrapped, context: FieldContext) -> bytes:
        """Decrypt a data key.

        Raises:
            Undecryptable: it is of another context, altered, or the key is gone or wrong.
        """
        with self._file.reading() as ledger:
            keyless = isinstance(ledger, NoLedger) or ledger.key_check is None
            cipher = None if keyless else self._cipher.get(ledger)
        plain = cipher.decrypt(wrapped.blob, _place(context)) if cipher else None
        if plain is None:
            raise Undecryptable(
                f"the data key of {context} is not of {self.name}, or was altered",
                store=self.scheme,
                next_step="put the store's own key and the data keys back from one copy",
            )
        return plain

    def rewrap(self, wrapped: Wrapped, context: FieldContext) -> Wrapped:
        """Encrypt a data key anew, with another nonce: the key itself has no versions."""
        return self._wrapped(self.unwrap(wrapped, context), context)

    def _wrapped(self, data_key: bytes, context: FieldContext) -> Wrapped:
        with self._file.writing() as ledger:
            cipher = self._cipher.get(ledger)
        return Wrapped(cipher.encrypt(data_key, _place(context)), self.name)


def _place(context: FieldContext) -> bytes:
    return _PLACE + context.canonical()
