"""Files and pipes that commands read, and write complete or not at all."""

from __future__ import annotations

import io
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from glisecrets.errors import ConfigurationError

from ..envelope.replacement import NamedFile, faults, replacement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: What a pipe is called.
PIPE = "-"
#: How much is read of a file at once.
PART_BYTES = 1 << 16


@contextmanager
def reading(source: str, *, told: Callable[[], None] | None = None) -> Iterator[BinaryIO]:
    """Open a file, or the standard input.

    Args:
        source: a path, or ``-``, which is a path like others where somebody is told.
        told: called whenever the file is read from.

    Raises:
        ConfigurationError: it cannot be read.
    """
    if told:
        file = NamedFile(source, "rb", source, told=told)
    elif source == PIPE:
        file = NamedFile(sys.stdin.fileno(), "rb", "standard input", closefd=False)
    else:
        file = NamedFile(source, "rb", source)
    with io.BufferedReader(file, PART_BYTES) as buffered:
        yield buffered


@contextmanager
def writing(target: str, *, force: bool) -> Iterator[BinaryIO]:
    """Write to a pipe as it comes, to a file complete or not at all, readable by its owner only.

    Raises:
        ConfigurationError: the file is there already, and not by ``force``, or cannot be written;
            or the pipe is a terminal.
    """
    if target == PIPE:
        with _standard_output() as stream:
            yield stream
        return
    path = replaceable(target)
    if os.path.lexists(target) and not force:
        raise ConfigurationError(f"{target} is there already", next_step="add --force")
    with replacement(path) as file:
        yield file


def replaceable(target: str) -> Path:
    """Give the file, there or not, that a path leads to: a link stays one.

    Raises:
        ConfigurationError: a folder, pipe or device is there, which no file may replace.
    """
    path = Path(os.path.realpath(target))
    with faults(target, "written"):
        if os.path.lexists(path) and not path.is_file():
            raise ConfigurationError(
                f"{target} is no regular file",
                next_step="name one; encrypt and decrypt can also write to -, and be redirected",
            )
    return path


def _standard_output() -> BinaryIO:
    """Give stdout as bytes, past the masking: what is decrypted was asked for."""
    stream = getattr(sys.stdout, "unmasked", sys.stdout)
    if stream.isatty():
        raise ConfigurationError(
            "bytes are not for a terminal", next_step="pipe them on, or write --output FILE"
        )
    stream.flush()
    raw = NamedFile(stream.fileno(), "wb", "standard output", closefd=False)
    return io.BufferedWriter(raw)
