"""Where the local store is and where its key comes from, for an address like ``local:…``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import ConfigurationError
from ...folders import search_folders
from .key_sources import GivenKey, KeyFile, KeyringKey, KeySource

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The folder that is looked for where none is named.
FOLDER = ".secrets"


def key_source(folder: Path, options: Mapping[str, str], given: str | None) -> KeySource:
    """Give the place of the key.

    Args:
        folder: the store's folder.
        options: the address's options: ``key`` is ``file`` or ``keyring``.
        given: what ``GLISECRETS_LOCAL_KEY`` holds; it overrides both.

    Raises:
        ConfigurationError: an unknown option, or a given text that is no key.
    """
    kind = options.get("key", "file")
    if options.keys() - {"key"} or kind not in {"file", "keyring"}:
        raise ConfigurationError(
            "the local store has one option: key=file or key=keyring",
            next_step="write its address like local:.secrets?key=keyring",
        )
    if given:
        return GivenKey.parse(given)
    return KeyringKey(folder) if kind == "keyring" else KeyFile(folder / "key")


def nearest_folder(start: Path) -> Path:
    """Find the nearest ``.secrets`` from a directory up to its repository's root."""
    found = (Path(folder, FOLDER) for folder in search_folders(start))
    return next(filter(Path.is_dir, found), start / FOLDER)
