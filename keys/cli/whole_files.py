"""Files and pipes that commands read, and write complete or not at all."""

from __future__ import annotations

import io
import os
import secrets
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from glisecrets.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: What a pipe is called.
PIPE = "-"


class _Watched(io.FileIO):
    """A file that tells when it is read from."""

    def __init__(self, path: str, told: Callable[[], None]) -> None:
        super().__init__(path)
        self._told = told

    def read(self, size: int | None = -1, /) -> bytes:
        self._told()
        return super().read(size)


@contextmanager
def reading(source: str, *, told: Callable[[], None] | None = None) -> Iterator[BinaryIO]:
    """Open a file, or the standard input.

    Args:
        source: a path, or ``-``, which is a path like others where somebody is told.
        told: called whenever the file is read from.

    Raises:
        ConfigurationError: it cannot be read.
    """
    if source == PIPE and not told:
        yield sys.stdin.buffer
        return
    try:
        file: BinaryIO = _Watched(source, told) if told else Path(source).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise ConfigurationError(f"{source} cannot be read: {error.strerror}") from error
    with file:
        yield file


@contextmanager
def writing(target: str, *, force: bool) -> Iterator[BinaryIO]:
    """Write to a pipe as it comes, to a file complete or not at all, readable by its owner only.

    Raises:
        ConfigurationError: the file is there already, and not by ``force``, or cannot be written;
            or the pipe is a terminal.
    """
    if target == PIPE:
        stream = _standard_output()
        yield stream
        stream.flush()
        return
    path = Path(target)
    if path.exists() and not force:
        raise ConfigurationError(f"{target} is there already", next_step="add --force")
    with _complete(path, 0o600) as file:
        yield file


@contextmanager
def replacing(target: str) -> Iterator[BinaryIO]:
    """Write a file's successor, which takes its place, and has its mode, when it is complete.

    Raises:
        ConfigurationError: it cannot be written.
    """
    path = Path(target).resolve()  # a link stays one
    with _complete(path, path.stat().st_mode & 0o777) as file:
        yield file


@contextmanager
def _complete(path: Path, mode: int) -> Iterator[BinaryIO]:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)  # else a power cut could leave the new name and no content
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
