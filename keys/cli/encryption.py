"""``glisecrets keys encrypt | decrypt | rewrap``: files under a data key, and the data keys."""

from __future__ import annotations

import os
import secrets
import sys
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from glisecrets.cli import Invocation
from glisecrets.cli.addressed import prompt_guard
from glisecrets.environment import Environment
from glisecrets.errors import ConfigurationError

from ..envelope.wrapping import WRAPPING_KEY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..envelope import Envelope, EsdkField, FieldEnvelope
    from ..envelope.wrapping import WrappingKey

_PIPE = "-"


class MessageFormat(StrEnum):
    """What an encrypted file is written as."""

    GS1 = "gs1"
    ESDK = "esdk"

    @property
    def suffix(self) -> str:
        """What such a file's name ends with."""
        return f".{self}"


SourceArgument = Annotated[str, typer.Argument(metavar="FILE", help="A file, or - for a pipe.")]
FieldOption = Annotated[
    str,
    typer.Option("--field", metavar="LABEL", help="What it is, as backup/database. Needed again."),
]
ClassOption = Annotated[
    str, typer.Option("--data-class", metavar="CLASS", help="How confidential it is.")
]
OutputOption = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help="Default: FILE with or without .gs1 or .esdk."
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="ADDRESS",
        help=f"The wrapping key: aws:alias/…, vault:…, local:…; else {WRAPPING_KEY_VARIABLE}.",
    ),
]
DataKeysOption = Annotated[
    Path, typer.Option("--data-keys", metavar="FILE", help="Where encrypted data keys are kept.")
]
FormatOption = Annotated[
    MessageFormat,
    typer.Option(
        "--message-format",
        metavar="gs1|esdk",
        help="esdk: the AWS Encryption SDK's, for programs in other languages; no data keys.",
    ),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Write over a file that is there.")]
_DATA_KEYS = Path("data-keys.json")


def encrypt(
    ctx: typer.Context,
    source: SourceArgument,
    field: FieldOption,
    data_class: ClassOption = "confidential",
    output: OutputOption = None,
    key: KeyOption = None,
    data_keys: DataKeysOption = _DATA_KEYS,
    message_format: FormatOption = MessageFormat.GS1,
    force: ForceOption = False,
) -> None:
    """Encrypt a file or a pipe of any length; keep the file of data keys beside it."""
    invocation = Invocation.of(ctx)
    label = _field(invocation, (data_class, field), key, data_keys, message_format)
    target = output or (_PIPE if source == _PIPE else source + message_format.suffix)
    with _reading(source) as plain, _writing(target, force=force) as encrypted:
        label.encrypt_stream(plain, encrypted)


def decrypt(
    ctx: typer.Context,
    source: SourceArgument,
    field: FieldOption,
    data_class: ClassOption = "confidential",
    output: OutputOption = None,
    key: KeyOption = None,
    data_keys: DataKeysOption = _DATA_KEYS,
    message_format: FormatOption = MessageFormat.GS1,
    force: ForceOption = False,
) -> None:
    """Decrypt a file or a pipe. A file appears only when all of it was verified.

    A pipe gets each part when that is verified: see the exit code before using the whole.
    """
    invocation = Invocation.of(ctx)
    label = _field(invocation, (data_class, field), key, data_keys, message_format)
    target = output or _plain(source, message_format.suffix)
    with _reading(source) as encrypted, _writing(target, force=force) as plain:
        label.decrypt_stream(encrypted, plain)


def rewrap(
    ctx: typer.Context, key: KeyOption = None, data_keys: DataKeysOption = _DATA_KEYS
) -> None:
    """Encrypt the data keys anew under the wrapping key's newest version; no file is touched."""
    invocation = Invocation.of(ctx)
    envelope = _envelope(invocation, key, data_keys)
    ids = []
    with invocation.output.progress("rewrapping", len(list(envelope.data_keys))) as advance:
        for data_key in envelope.rewrap():
            ids.append(data_key.id)
            advance()
    if invocation.output.as_json:
        invocation.output.json({"rewrapped": ids})
    else:
        invocation.output.line(f"{len(ids)} data keys rewrapped by {envelope.wrapping_key.name}")


def _envelope(invocation: Invocation, key: str | None, data_keys: Path) -> Envelope:
    from ..envelope import Envelope, FileDataKeys, open_wrapping_key

    in_development = invocation.current_environment() is Environment.DEVELOPMENT
    unnamed = "local" if in_development else "off"
    address = key or os.environ.get(WRAPPING_KEY_VARIABLE) or unnamed
    prompt_guard(invocation).check_address(address, os.environ, "the wrapping key's address")
    directory = invocation.project.directory
    wrapping_key = open_wrapping_key(address, directory=directory)
    return Envelope(wrapping_key, FileDataKeys(directory / data_keys))


def _plain(source: str) -> str:
    if source != _PIPE and not source.endswith(_SUFFIX):
        raise ConfigurationError(
            f"{source} does not end with {_SUFFIX}", next_step="say where to write: --output FILE"
        )
    return source.removesuffix(_SUFFIX)


@contextmanager
def _reading(source: str) -> Iterator[BinaryIO]:
    if source == _PIPE:
        yield sys.stdin.buffer
        return
    try:
        file = Path(source).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise ConfigurationError(f"{source} cannot be read: {error.strerror}") from error
    with file:
        yield file


@contextmanager
def _writing(target: str, *, force: bool) -> Iterator[BinaryIO]:
    """Write to a pipe as it comes, to a file complete or not at all, readable by its owner only."""
    if target == _PIPE:
        stream = _standard_output()
        yield stream
        stream.flush()
        return
    path = Path(target)
    if path.exists() and not force:
        raise ConfigurationError(f"{target} is there already", next_step="add --force")
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigurationError(f"{target} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        draft.replace(path)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()


def _standard_output() -> BinaryIO:
    """Give stdout as bytes, past the masking: what is decrypted was asked for."""
    stream = getattr(sys.stdout, "unmasked", sys.stdout)
    if stream.isatty():
        raise ConfigurationError(
            "bytes are not for a terminal", next_step="pipe them on, or write --output FILE"
        )
    stream.flush()
    buffer: BinaryIO = stream.buffer
    return buffer
