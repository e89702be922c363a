"""Fields whose values are encrypted, and the data keys behind them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from glisecrets.errors import Undecryptable

from .cache import DataKeyCache
from .context import FieldContext
from .data_keys import DataKey
from .gs1 import KEY_ID_BYTES, STREAM, FieldCipher, key_id_of, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from .cache import CachedKey
    from .data_keys import DataKeyStore
    from .wrapping import WrappingKey


class Envelope:
    """Data keys and the wrapping key that protects them. Safe between threads and after ``fork``.

    Args:
        wrapping_key: encrypts the data keys.
        data_keys: where these are kept.
        cache: of decrypted data keys; default a new one with the usual limits.
    """

    def __init__(
        self,
        wrapping_key: WrappingKey,
        data_keys: DataKeyStore,
        *,
        cache: DataKeyCache | None = None,
    ) -> None:
        self.wrapping_key = wrapping_key
        self.data_keys = data_keys
        self.cache = DataKeyCache() if cache is None else cache

    def field(self, data_class: str, environment: str, field: str) -> FieldEnvelope:
        """Give one field; no key is asked for yet.

        Raises:
            ConfigurationError: a label or the environment is none.
        """
        return FieldEnvelope(self, FieldContext(data_class, environment, field))

    def rewrap(self) -> Iterator[DataKey]:
        """Encrypt every data key anew under the wrapping key's newest version, one by one.

        No value is touched, and with KMS and Vault no plain key leaves them. It does not help
        against a data key that has leaked: see :meth:`FieldEnvelope.renew_data_key`.

        Yields:
            Each data key as it was, when its new form is kept.
        """
        for data_key in self.data_keys:
            wrapped = self.wrapping_key.rewrap(data_key.wrapped, data_key.context)
            # Somebody else's new form is as good as ours; a deleted row stays deleted.
            self.data_keys.rewrapped(data_key, wrapped)
            yield data_key

    def shred(self, key_id: str, *, give_up: bool = False) -> bool:
        """Delete a data key, and so every value under it, for ever; tell whether it was there.

        Copies of the row, in backups, have to go too.

        Args:
            key_id: hexadecimal.
            give_up: also where processes that know the key go on encrypting under it, until they
                forget it within the cache's age: what they write is lost.

        Raises:
            ConfigurationError: it is active, or was retired too short a time ago.
        """
        for data_key in self.data_keys:
            if data_key.id == key_id and not give_up:
                data_key.refuse_in_use()
        deleted = self.data_keys.delete(key_id)
        self.cache.clear()
        return deleted


class FieldEnvelope:
    """One field: encrypts and decrypts its values. Made by :meth:`Envelope.field`."""

    def __init__(self, envelope: Envelope, context: FieldContext) -> None:
        self.context = context
        self._envelope = envelope
        self._cache = envelope.cache
        self._active_slot = context.canonical()

    def encrypt(self, plain: bytes, row: str | None = None) -> bytes:
        """Encrypt a value, under a data key that the field's first value makes.

        Args:
            plain: the value.
            row: the id of the row that it is bound to; needed again to decrypt it.

        Raises:
            StoreError: the data key cannot be had.
        """
        return self._cache.take(self._active_slot, self._load_active).encrypt(plain, row)

    def decrypt(self, message: bytes, row: str | None = None) -> bytes:
        """Decrypt a message of this field.

        Raises:
            UnknownDataKey: its data key was deleted, or is another field's or environment's.
            InvalidMessage: it is no message, was altered, or is of another row.
            StoreError: the data key cannot be had.
        """
        return self._entry(key_id_of(message)).cipher.decrypt(message, row)

    def mac(self, value: bytes, *, before_making: Callable[[], None] | None = None) -> bytes:
        """Give HMAC-SHA256 of a value under the active data key, for a blind index.

        The field is the index's own: renew its data key and no value gives its old MAC.

        Args:
            value: what counts of it.
            before_making: called where there is no data key yet; an error of it keeps one from
                being made.

        Raises:
            StoreError: the data key cannot be had.
        """
        load = partial(self._load_active, before_making=before_making)
        return self._cache.get(self._active_slot, load).cipher.mac(value)

    def encrypt_stream(self, source: BinaryIO, target: BinaryIO) -> None:
        """Encrypt a file of any length, in constant memory: see :mod:`.streams`."""
        from .streams import encrypt_stream

        cipher = self._cache.take(self._active_slot, self._load_active)
        encrypt_stream(cipher, source, target)

    def decrypt_stream(self, source: BinaryIO, target: BinaryIO) -> None:
        """Decrypt a file in constant memory: each part is verified before it is written.

        Raises:
            InvalidMessage: the file is not as it was encrypted; what was written before is true,
                but is not all.
        """
        from .streams import decrypt_stream

        decrypt_stream(self._of, source, target)

    def reencrypt_stream(self, source: BinaryIO, target: BinaryIO) -> None:
        """Decrypt a file and encrypt it under the active data key, in constant memory.

        Raises:
            InvalidMessage: see :meth:`decrypt_stream`; what was written is to be thrown away.
        """
        from .streams import opened, sealed

        chunks = opened(self._of, source)  # a file that is not ours makes no data key
        cipher = self._cache.take(self._active_slot, self._load_active)
        target.writelines(sealed(cipher, chunks))

    def is_active(self, file_start: bytes) -> bool:
        """Tell by a file's first 34 bytes whether it is encrypted under the active data key.

        Raises:
            InvalidMessage: it is no encrypted file.
        """
        key_id = key_id_of(file_start, STREAM).hex()
        active = self._envelope.data_keys.active(self.context)
        return active is not None and active.id == key_id

    def renew_data_key(self) -> DataKey:
        """Make a new active data key; the old one still decrypts. Gives the active one.

        Other processes go over to it within the cache's age.
        """
        active = self._envelope.data_keys.active(self.context)
        self._cache.clear()
        return self._made(instead_of=active.id if active else None)

    def _of(self, key_id: bytes) -> FieldCipher:
        return self._entry(key_id).cipher

    def _entry(self, key_id: bytes) -> CachedKey:
        # Encryption and decryption of one key share an entry, and so its age.
        return self._cache.get(self._active_slot + key_id, self._load)

    def _load(self, slot: bytes) -> CachedKey:
        return self._cache.loaded(partial(self._found, slot[-KEY_ID_BYTES:]))

    def _load_active(self, _: bytes, before_making: Callable[[], None] | None = None) -> CachedKey:
        data_key = self._envelope.data_keys.active(self.context)
        if data_key is None and before_making:
            before_making()
        data_key = data_key or self._made()
        return self._entry(bytes.fromhex(data_key.id))

    def _found(self, key_id: bytes) -> FieldCipher:
        data_key = self._envelope.data_keys.find(self.context, key_id.hex())
        if data_key is None:
            raise unknown(self.context, key_id)
        return self._opened(data_key)

    def _made(self, instead_of: str | None = None) -> DataKey:
        """Make a data key; give the field's active one, which may be somebody else's."""
        plain, wrapped = self._envelope.wrapping_key.generate(self.context)
        made = self._cache.loaded(partial(FieldCipher, plain, self.context))
        row = DataKey.made(made.cipher.key_id, self.context, wrapped)
        active = self._envelope.data_keys.add(row, instead_of=instead_of)
        if active.id == row.id:
            self._cache.put(self._active_slot + made.cipher.key_id, made)
        return active

    def _opened(self, data_key: DataKey) -> FieldCipher:
        key = self._envelope.wrapping_key
        cipher = FieldCipher(key.unwrap(data_key.wrapped, self.context), self.context)
        if cipher.key_id.hex() != data_key.id:
            raise Undecryptable(
                f"the row of data key {data_key.id} holds another data key",
                store=key.scheme,
                next_step="restore the row from a copy",
            )
        return cipher
