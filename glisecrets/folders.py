"""Where a project's files are looked for, and how: whatever may stand there instead of one."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Largest file of settings or secrets that is read: Kubernetes' own limit for a Secret.
MAX_BYTES = 1024 * 1024


def search_folders(directory: Path) -> list[str]:
    """Give a directory and its parents up to the repository root (where ``.git`` is).

    Outside a repository only the directory itself is given, so that a stray file in ``/``, in a
    home directory or in ``/tmp``, which anyone may write, never counts.
    """
    # os.path rather than pathlib: this runs at every start, and is ten times as fast.
    folders = [os.path.realpath(directory)]
    while not os.path.exists(os.path.join(folders[-1], ".git")):  # noqa: PTH110, PTH118
        parent = os.path.dirname(folders[-1])  # noqa: PTH120
        if parent == folders[-1]:
            return folders[:1]
        folders.append(parent)
    return folders


def find_file(name: str, folders: Iterable[str]) -> Path | None:
    """Give the first of the folders' files of that name; also what is there and is no file."""
    paths = (os.path.join(folder, name) for folder in folders)  # noqa: PTH118
    found = next((path for path in paths if _is_there(path)), None)
    return None if found is None else Path(found)


def _is_there(path: str) -> bool:
    """Tell whether a name is taken, but for ``/dev/null``: containers blot out a file with it."""
    try:
        return not stat.S_ISCHR(os.stat(path).st_mode)  # noqa: PTH116
    except OSError:
        return os.path.islink(path)  # noqa: PTH114 - a link that leads nowhere


def read_file(path: Path) -> bytes:
    """Read a file whole; never wait for a pipe or a device, or fill the memory.

    Raises:
        OSError: it cannot be read, is not a regular file, or is larger than :data:`MAX_BYTES`.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise OSError(errno.EFBIG, f"larger than {MAX_BYTES} bytes")
    return data


def shown(path: Path | None) -> str:
    """Write a path the short way: relative to the current directory where it lies below."""
    if path is None:
        return ""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
