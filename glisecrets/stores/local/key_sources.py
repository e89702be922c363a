"""Where the local store's key comes from: a file, the OS keyring, or a variable."""

from __future__ import annotations

import base64
import os
import secrets
import stat
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from ...errors import AccessDenied, ConfigurationError, StoreUnavailable, Undecryptable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: The variable that gives the key: base64 of 32 bytes, as in the key file.
KEY_VARIABLE = "GLISECRETS_LOCAL_KEY"

_KEY_BYTES = 32
_KEYRING_SERVICE = "glisecrets"


class KeySource(Protocol):
    """Where the key comes from. A class, because a key is found early and made late."""

    #: The place, for messages.
    place: str

    def read(self) -> bytes | None:
        """Give the key, or ``None`` where none was made yet."""

    def make(self) -> bytes:
        """Make and keep a key. Called inside the store's write transaction, so never twice."""
        ...


class GivenKey:
    """A key that the program or ``GLISECRETS_LOCAL_KEY`` gives."""

    def __init__(self, key: bytes | None, place: str = "the given key") -> None:
        if key is None or len(key) != _KEY_BYTES:
            raise ConfigurationError(
                f"{place} is not a key of {_KEY_BYTES} bytes",
                next_step="make one with: openssl rand -base64 32",
            )
        self._key = key
        self.place = place

    @classmethod
    def parse(cls, text: str) -> GivenKey:
        """Read the base64 form that ``GLISECRETS_LOCAL_KEY`` has.

        Raises:
            ConfigurationError: it is not base64 of 32 bytes.
        """
        return cls(_decoded(text), KEY_VARIABLE)

    def read(self) -> bytes:
        """Give the key."""
        return self._key

    make = read


class KeyFile:
    """A key in a file of mode 0600."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.place = f"the key file {path}"

    def read(self) -> bytes | None:
        """Give the key, or ``None`` where there is no file.

        Raises:
            AccessDenied: others than the owner may read or write the file, or we may not.
            Undecryptable: the file holds no key.
        """
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._refused("cannot be read", f"make it yours: {self._path}") from error
        with os.fdopen(descriptor, encoding="ascii", errors="replace") as file:
            mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
            if mode & 0o077:
                raise self._refused(
                    f"is open to others (mode {mode:04o})", f"chmod 600 {self._path}"
                )
            return _kept(file.read(), self.place)

    def make(self) -> bytes:
        """Write a new key: complete on the disk before its name appears."""
        key = secrets.token_bytes(_KEY_BYTES)
        draft = self._path.with_name(f".key-{secrets.token_hex(8)}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(draft, flags, 0o600), "wb") as file:
            file.write(base64.b64encode(key) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self._path)
        _sync_folder(self._path.parent)
        return key

    def _refused(self, what: str, next_step: str) -> AccessDenied:
        return AccessDenied(f"{self.place} {what}", store="local", next_step=next_step)


class KeyringKey:
    """A key in the keyring of the operating system, by the ``keyring`` package.

    Raises:
        ConfigurationError: ``keyring`` is not installed.
    """

    def __init__(self, folder: Path) -> None:
        if find_spec("keyring") is None:
            raise ConfigurationError(
                "the local store's key=keyring needs the package 'keyring'",
                next_step="pip install keyring",
            )
        self._folder = str(folder.absolute())
        self.place = "the OS keyring"

    def read(self) -> bytes | None:
        """Give the key, or ``None`` where the keyring has none for this folder.

        Raises:
            Undecryptable: what the keyring holds is no key.
            StoreUnavailable: the keyring does not answer.
        """
        import keyring

        with self._failures_told():
            text = keyring.get_password(_KEYRING_SERVICE, self._folder)
        return None if text is None else _kept(text, self.place)

    def make(self) -> bytes:
        """Put a new key into the keyring."""
        import keyring

        key = secrets.token_bytes(_KEY_BYTES)
        with self._failures_told():
            keyring.set_password(_KEYRING_SERVICE, self._folder, base64.b64encode(key).decode())
        return key

    @contextmanager
    def _failures_told(self) -> Iterator[None]:
        from keyring.errors import KeyringError

        try:
            yield
        except KeyringError as error:
            raise StoreUnavailable(
                f"{self.place} does not answer",
                store="local",
                next_step=f"unlock it, or give the key as {KEY_VARIABLE}",
            ) from error


def _decoded(text: str) -> bytes | None:
    # Judged outside the handler: the error would hold the text.
    with suppress(ValueError):
        key = base64.b64decode(text.strip(), validate=True)
        return key if len(key) == _KEY_BYTES else None
    return None


def _kept(text: str, place: str) -> bytes:
    """Read a key that was kept as text."""
    key = _decoded(text)
    if key is None:
        raise Undecryptable(
            f"{place} holds no key: not base64 of {_KEY_BYTES} bytes",
            store="local",
            next_step="put the store's own key back from a copy",
        )
    return key


def _sync_folder(folder: Path) -> None:
    """Make a rename in a folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
