"""Files that are replaced whole or stay as they are, and whose faults name them."""

from __future__ import annotations

import fcntl
import io
import os
import secrets
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glisecrets.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

#: Opens a file that has no name yet; only Linux can.
_NAMELESS = getattr(os, "O_TMPFILE", 0)
_OWN_FILES = Path("/proc/self/fd")
#: What the name of a draft ends with, so that no other file is taken for one.
_DRAFT = ".glisecrets"
_NEXT_STEPS = {
    "read": "check its name and rights",
    "written": "check rights and free space, then run this again",
}


@contextmanager
def faults(name: object, deed: str) -> Iterator[None]:
    """Say of which file an error of the system tells.

    Args:
        name: the file, as its user calls it.
        deed: what is done with it: ``read`` or ``written``.

    Raises:
        ConfigurationError: in place of an ``OSError``.
        BrokenPipeError: as it is: who reads our output has had enough, and that is no fault.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = error.strerror or "it is no file of that kind"
    else:
        return
    raise ConfigurationError(f"{name} cannot be {deed}: {reason}", next_step=_NEXT_STEPS[deed])


class NamedFile(io.FileIO):
    """A file whose faults name it: of two that are copied, it is told which one fails.

    Args:
        file: a path, or an open file's descriptor.
        mode: as ``open`` takes it.
        name: the file, as its user calls it.
        told: called whenever the file is read from.
        closefd: whether a descriptor is closed with it.
    """

    def __init__(
        self,
        file: str | int,
        mode: str,
        name: object,
        *,
        told: Callable[[], None] = lambda: None,
        closefd: bool = True,
    ) -> None:
        self._called, self._told = name, told
        with faults(name, "read" if mode == "rb" else "written"):
            super().__init__(file, mode, closefd)

    def readinto(self, buffer: Any, /) -> int:
        """See :meth:`io.RawIOBase.readinto`."""
        self._told()
        with faults(self._called, "read"):
            return super().readinto(buffer)

    def write(self, data: Any, /) -> int:
        """See :meth:`io.RawIOBase.write`."""
        with faults(self._called, "written"):
            return super().write(data)


@contextmanager
def replacement(
    path: Path, *, mode: int = 0o600, like: os.stat_result | None = None
) -> Iterator[BinaryIO]:
    """Give a file that takes the place of another one when all of it is written.

    Where the system can (Linux, on most file systems) it has no name before, so that nothing is
    left of it when the process is killed; elsewhere it is hidden beside the other, and what a
    killed process left there goes when the same file is written again.

    Args:
        path: what is replaced, if it is there; no link.
        mode: of the new file, less the umask.
        like: whose mode, group and, as far as the system lets us, owner it gets instead.

    Raises:
        ConfigurationError: it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}{_DRAFT}")
    with faults(path, "written"):
        descriptor = _nameless(path.parent, mode)
        if descriptor is None:
            descriptor = _hidden(path, draft, mode)
    try:
        with io.BufferedWriter(NamedFile(descriptor, "wb", path)) as file:
            yield file
            file.flush()
            with faults(path, "written"):
                _put(descriptor, draft, path, like)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()


def _nameless(folder: Path, mode: int) -> int | None:
    if _OWN_FILES.exists():
        with suppress(OSError):
            return os.open(folder, os.O_WRONLY | os.O_CLOEXEC | _NAMELESS, mode)
    return None


def _hidden(path: Path, draft: Path, mode: int) -> int:
    """Open a draft by name; those that killed processes left go, as nobody holds their lock."""
    for left in path.parent.glob(f".{escape(path.name)}.*{_DRAFT}"):
        with suppress(OSError), left.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with suppress(OSError):  # where there are no locks none goes, either
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def _put(descriptor: int, draft: Path, path: Path, like: os.stat_result | None) -> None:
    if like:
        _make_alike(descriptor, like)
    os.fsync(descriptor)  # else a power cut could leave the new name and no content
    if not draft.exists():
        # With src_dir_fd Python follows the link in /proc, as open(2) says of O_TMPFILE.
        os.link(_OWN_FILES / str(descriptor), draft, src_dir_fd=descriptor)
    draft.replace(path)
    _settle(path.parent)


def _make_alike(descriptor: int, like: os.stat_result) -> None:
    try:
        os.fchown(descriptor, like.st_uid, like.st_gid)
    except PermissionError:  # only root gives a file away
        os.fchown(descriptor, -1, like.st_gid)
    os.fchmod(descriptor, like.st_mode & 0o777)


def _settle(folder: Path) -> None:
    """Have the new name outlive a power cut, too; some file systems cannot be asked to."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
