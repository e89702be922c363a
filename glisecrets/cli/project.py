"""The project that a command works on: its directory, its pyproject.toml, its settings class."""

from __future__ import annotations

import importlib
import os
import sys
import tomllib
from contextlib import contextmanager
from dataclasses import dataclass
from traceback import extract_tb, walk_tb
from typing import TYPE_CHECKING, Any

from ..environment import BUILD_VARIABLE
from ..errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ..options import LoadOptions
    from ..settings import Settings

__all__ = ["Project"]

_HOW = (
    "pass --settings module:Class, or write into pyproject.toml:\n"
    '[tool.glisecrets]\nsettings = "config.settings:ApiSettings"'
)


@dataclass(frozen=True)
class Project:
    """A directory, and the settings class that is named there."""

    #: Where the search for ``.env`` files starts.
    directory: Path
    #: Where the nearest pyproject.toml is; without one, the directory. Modules are found there.
    root: Path
    #: ``module:Class``, if it is named.
    settings: str | None

    @classmethod
    def find(cls, directory: Path, settings: str | None = None) -> Project:
        """Look for pyproject.toml from a directory upwards.

        Args:
            directory: where to start.
            settings: in place of the file's ``[tool.glisecrets] settings``.

        Raises:
            ConfigurationError: no such directory, or the file cannot be read.
        """
        start = directory.absolute()
        if not start.is_dir():
            raise ConfigurationError(
                f"there is no directory {directory}", next_step="mend --directory"
            )
        files = (folder / "pyproject.toml" for folder in [start, *start.parents])
        file = next((file for file in files if file.is_file()), None)
        named = settings or (file and _named_in(file))
        return cls(start, file.parent if file else start, named or None)

    def settings_class(self) -> type[Settings]:
        """Import the settings class.

        Raises:
            ConfigurationError: none is named, or it cannot be imported.
        """
        if self.settings is None:
            raise ConfigurationError("no settings class is named", next_step=_HOW)
        module, _, name = self.settings.partition(":")
        if not name:
            raise ConfigurationError(f"{self.settings!r} names no class", next_step=_HOW)
        if str(self.root) not in sys.path:
            sys.path.insert(0, str(self.root))
        with _build_phase():
            return _class_in(self._names_in(module, name), name, module)

    def load_options(self) -> LoadOptions:
        """Give the settings class's options; the usual ones where no class is named.

        Raises:
            ConfigurationError: a class is named and cannot be imported.
        """
        from ..options import LoadOptions

        return self.settings_class().load_options if self.settings else LoadOptions()

    def _names_in(self, module: str, wanted: str) -> Mapping[str, Any]:
        """Import a module, and give its names; those that it got to, if it fails after ours.

        Only the class is wanted. A module that makes its settings fails where a value is wrong,
        which is just when people want a report.
        """
        try:
            return vars(importlib.import_module(module))
        except Exception as error:  # noqa: BLE001 - it is the user's code that runs here
            for frame, _ in walk_tb(error.__traceback__):
                if wanted.partition(".")[0] in frame.f_globals:
                    return frame.f_globals
            reason = self._reason(module, error)
        raise ConfigurationError(
            f"cannot import {module}: {reason}",
            next_step="mend it, or keep the settings class in a module of its own",
        )

    def _reason(self, module: str, error: Exception) -> str:
        if isinstance(error, ModuleNotFoundError) and module.startswith(str(error.name)):
            return f"there is no module {error.name} in {self.root}, nor is it installed"
        place = extract_tb(error.__traceback__)[-1]
        # Only these texts are sure to hold no value.
        text = f": {error}" if isinstance(error, (ImportError, SyntaxError)) else ""
        return f"{type(error).__name__} at {place.filename}:{place.lineno}{text}"


@contextmanager
def _build_phase() -> Iterator[None]:
    """Import in the build phase: else a module that makes its settings asks the stores twice."""
    before = os.environ.get(BUILD_VARIABLE)
    os.environ[BUILD_VARIABLE] = "1"
    try:
        yield
    finally:
        os.environ.pop(BUILD_VARIABLE, None)
        if before is not None:
            os.environ[BUILD_VARIABLE] = before


def _named_in(file: Path) -> str | None:
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"cannot read {file}: {error}", next_step="mend it") from None
    table = document.get("tool", {}).get("glisecrets", {})
    named = table.get("settings") if isinstance(table, dict) else None
    return named if isinstance(named, str) else None


def _class_in(names: Mapping[str, Any], name: str, module: str) -> type[Settings]:
    from ..settings import Settings

    first, *inner = name.split(".")
    found = names.get(first)
    for part in inner:
        found = getattr(found, part, None)
    if isinstance(found, Settings):
        return type(found)
    if isinstance(found, type) and issubclass(found, Settings):
        return found
    classes = [
        each
        for each, thing in names.items()
        if isinstance(thing, type) and issubclass(thing, Settings) and thing is not Settings
    ]
    what = "does not exist" if found is None else "is no settings class"
    raise ConfigurationError(
        f"{module}:{name} {what} (there are: {', '.join(classes) or 'none'})", next_step=_HOW
    )
