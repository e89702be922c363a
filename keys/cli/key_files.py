"""Key files of ``glisecrets keys jwt``: read from anywhere, written for their owner alone."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING

import typer

from glisecrets.documents import UnreadableValue
from glisecrets.errors import ConfigurationError
from glisecrets.pem_forms import escaped, one_line, raw_pem
from glisecrets.redaction import process_redactor

from ..errors import InvalidKey
from ..jwks import read_jwks
from ..key_pair import KeyPair, PublicKey
from ..rsa_keyring import is_in_kms

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ..rsa_keyring import RsaKeyring

#: Standard input, as a file's name.
STDIN = "-"
#: Who may do what with which half.
PRIVATE_MODE, PUBLIC_MODE = 0o600, 0o644


class Form(StrEnum):
    """How a key is written."""

    #: PKCS#8: of several lines.
    PEM = "pem"
    #: Of several lines, for programs that know no PKCS#8.
    PKCS1 = "pkcs1"
    #: One line, for GitHub Secrets.
    BASE64 = "base64"
    #: One line, for .env files.
    ESCAPED = "escaped"

    def of(self, key: KeyPair | PublicKey, passphrase: str | None = None) -> str:
        """Give a key in this form, a line break at its end."""
        pem = key.pkcs1 if self is Form.PKCS1 else key.pem
        if passphrase and isinstance(key, KeyPair):
            pem = key.encrypted(passphrase)
        written = {Form.BASE64: one_line, Form.ESCAPED: escaped}.get(self, str)(pem)
        return written.rstrip("\n") + "\n"


def read_text(path: Path) -> str:
    """Read a file, or standard input; what is in it is masked from here on.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        text = sys.stdin.read() if str(path) == STDIN else path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise ConfigurationError(f"{path} cannot be read: {reason}") from None
    if "PUBLIC KEY" not in text:
        process_redactor().add(text.strip(), name=path.name)
    return text


def hide(ring: RsaKeyring) -> None:
    """Have the private keys of a ring masked from here on; ids and KMS's ARNs are public."""
    for key in (ring.signing, ring.next):
        if key and not is_in_kms(key):
            process_redactor().add(key.material, name="private key")


def ask_passphrase(prompt: str, *, twice: bool = False) -> str:
    """Ask for a passphrase at the terminal, unseen.

    Raises:
        ConfigurationError: what was typed is no text in the terminal's encoding.
    """
    try:
        asked: str = typer.prompt(prompt, hide_input=True, confirmation_prompt=twice, err=True)
        asked.encode()
    except UnicodeError:  # it holds what was typed
        asked = ""
    if not asked:
        raise ConfigurationError(
            "the passphrase is no text in UTF-8", next_step="type it at a terminal set to UTF-8"
        )
    return asked


def read_key(path: Path) -> KeyPair | PublicKey:
    """Read a key of either half; asks for its passphrase where it has one.

    Raises:
        InvalidKey: it is none, a damaged or a weak one, or behind a passphrase that cannot be
            asked for; the message names the file.
        ConfigurationError: the file cannot be read.
    """
    text = read_text(path)
    with _naming(path):
        pem = raw_pem(text)
        if "PUBLIC KEY-----" in pem.partition("\n")[0]:
            return PublicKey.from_pem(text)
        if "ENCRYPTED" not in pem:
            return KeyPair.from_pem(text)
        if not sys.stdin.isatty():
            raise InvalidKey(
                "the key is behind a passphrase, which is asked for at a terminal alone",
                next_step="name the file at a terminal, and give it no other standard input",
            )
        return KeyPair.from_pem(text, ask_passphrase(f"Passphrase of {path.name}"))


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Say in the error which of several files is no good."""
    name = "standard input" if str(path) == STDIN else path
    try:
        yield
    except (InvalidKey, UnreadableValue) as error:
        fault = InvalidKey(f"{name}: {error.message}", next_step=error.next_step)
    else:
        return
    raise fault


def read_public(path: Path) -> list[PublicKey]:
    """Read one public key in PEM, or all of a JWKS.

    Raises:
        InvalidKey: it is neither; the message names the file.
        ConfigurationError: the file cannot be read.
    """
    text = read_text(path)
    with _naming(path):
        if text.lstrip().startswith("{"):
            return list(read_jwks(text).values())
        return [PublicKey.from_pem(text)]


def write_new(folder: Path, files: Mapping[str, tuple[str, int]]) -> list[Path]:
    """Write new files, all or none; none is ever open to others than its mode says.

    Args:
        folder: is made if it is not there.
        files: name -> text and mode.

    Raises:
        ConfigurationError: one is there already, or cannot be written; nothing is left behind.
    """
    written: list[Path] = []
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, (text, mode) in files.items():
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            descriptor = os.open(folder / name, flags, mode)
            written.append(folder / name)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(text)
    except OSError as error:
        fault = f"{error.filename or folder} cannot be written: {error.strerror}"
        for path in written:
            path.unlink(missing_ok=True)
        raise ConfigurationError(fault, next_step="name another folder with --out") from None
    return written
