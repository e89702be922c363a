"""``glisecrets keys encrypt | decrypt``: files and pipes under a data key."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from glisecrets.cli import Invocation
from glisecrets.errors import ConfigurationError

from .envelopes import (
    DATA_KEYS,
    ClassOption,
    DataKeysOption,
    FieldOption,
    KeyOption,
    envelope_of,
    wrapping_key_of,
)
from .whole_files import PIPE, reading, writing

if TYPE_CHECKING:
    from pathlib import Path

    from ..envelope import EsdkField, FieldEnvelope


class MessageFormat(StrEnum):
    """What an encrypted file is written as."""

    GS1 = "gs1"
    ESDK = "esdk"

    @property
    def suffix(self) -> str:
        """What such a file's name ends with."""
        return f".{self}"


SourceArgument = Annotated[str, typer.Argument(metavar="FILE", help="A file, or - for a pipe.")]
OutputOption = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help="Default: FILE with or without .gs1 or .esdk."
    ),
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


def encrypt(
    ctx: typer.Context,
    source: SourceArgument,
    field: FieldOption,
    data_class: ClassOption = "confidential",
    output: OutputOption = None,
    key: KeyOption = None,
    data_keys: DataKeysOption = DATA_KEYS,
    message_format: FormatOption = MessageFormat.GS1,
    force: ForceOption = False,
) -> None:
    """Encrypt a file or a pipe of any length; keep the file of data keys beside it."""
    invocation = Invocation.of(ctx)
    label = _field(invocation, (data_class, field), key, data_keys, message_format)
    target = output or (PIPE if source == PIPE else source + message_format.suffix)
    with reading(source) as plain, writing(target, force=force) as encrypted:
        label.encrypt_stream(plain, encrypted)


def decrypt(
    ctx: typer.Context,
    source: SourceArgument,
    field: FieldOption,
    data_class: ClassOption = "confidential",
    output: OutputOption = None,
    key: KeyOption = None,
    data_keys: DataKeysOption = DATA_KEYS,
    message_format: FormatOption = MessageFormat.GS1,
    force: ForceOption = False,
) -> None:
    """Decrypt a file or a pipe. A file appears only when all of it was verified.

    A pipe gets each part when that is verified: see the exit code before using the whole.
    """
    invocation = Invocation.of(ctx)
    label = _field(invocation, (data_class, field), key, data_keys, message_format)
    target = output or _plain(source, message_format.suffix)
    with reading(source) as encrypted, writing(target, force=force) as plain:
        label.decrypt_stream(encrypted, plain)


def _field(
    invocation: Invocation,
    label: tuple[str, str],
    key: str | None,
    data_keys: Path,
    message_format: MessageFormat,
) -> FieldEnvelope | EsdkField:
    data_class, field = label
    environment = invocation.current_environment()
    if message_format is MessageFormat.GS1:
        return envelope_of(invocation, key, data_keys).field(data_class, environment, field)
    from ..envelope import EsdkField, FieldContext

    context = FieldContext(data_class, environment, field)
    return EsdkField(wrapping_key_of(invocation, key), context)


def _plain(source: str, suffix: str) -> str:
    if source != PIPE and not source.endswith(suffix):
        raise ConfigurationError(
            f"{source} does not end with {suffix}", next_step="say where to write: --output FILE"
        )
    return source.removesuffix(suffix)
