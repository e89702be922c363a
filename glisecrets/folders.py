"""Where a project's files are looked for: its directory, up to the repository's root."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["find_file", "search_folders", "shown"]


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
    """Give the first of the folders' files of that name."""
    paths = (os.path.join(folder, name) for folder in folders)  # noqa: PTH118
    found = next((path for path in paths if os.path.isfile(path)), None)  # noqa: PTH113
    return None if found is None else Path(found)


def shown(path: Path | None) -> str:
    """Write a path the short way: relative to the current directory where it lies below."""
    if path is None:
        return ""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
