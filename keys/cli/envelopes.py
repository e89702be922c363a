"""Which field, wrapping key and data keys a command works with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glisecrets.cli.addressed import prompt_guard

from ..envelope.wrapping import (
    WRAPPING_KEY_VARIABLE,
    open_wrapping_key,
    wrapping_key_address,
)

if TYPE_CHECKING:
    from glisecrets.cli import Invocation

    from ..envelope import Envelope, WrappingKey

FieldOption = Annotated[
    str,
    typer.Option("--field", metavar="LABEL", help="What it is, as backup/database. Needed again."),
]
ClassOption = Annotated[
    str, typer.Option("--data-class", metavar="CLASS", help="How confidential it is.")
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
#: Beside the project's files.
DATA_KEYS = Path("data-keys.json")


def envelope_of(invocation: Invocation, key: str | None, data_keys: Path) -> Envelope:
    """Give the envelope of the options ``--key`` and ``--data-keys``.

    Raises:
        ConfigurationError: no wrapping key is named, or its address is none.
        EnvironmentMismatch: it is another environment's.
    """
    from ..envelope import Envelope, FileDataKeys

    file = invocation.project.directory / data_keys
    return Envelope(wrapping_key_of(invocation, key), FileDataKeys(file))


def wrapping_key_of(invocation: Invocation, key: str | None) -> WrappingKey:
    """Give the wrapping key of ``--key``: see :func:`envelope_of`."""
    address = wrapping_key_address(key, invocation.current_environment(), os.environ)
    prompt_guard(invocation).check_address(address, os.environ, "the wrapping key's address")
    return open_wrapping_key(address, directory=invocation.project.directory)
