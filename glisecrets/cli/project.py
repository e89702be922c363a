"""The project that a command works on: its directory, its pyproject.toml, its settings class."""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from traceback import extract_tb, walk_tb
from typing import TYPE_CHECKING, Any

from ..environment import BUILD_VARIABLE
from ..errors import ConfigurationError
from ..pyproject import table_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from ..options import LoadOptions
    from ..settings import Settings

_HOW = (
    "run glisecrets init, pass --settings module:Class, or write into pyproject.toml:\n"
    '[tool.glisecrets]\nsettings = "config.env:ApiSettings"'
)
_CORRECT = "correct `settings` in pyproject.toml or --settings"
#: What ``[tool.glisecrets]`` may hold.
_KEYS = ("settings", "references", "kms")


@dataclass(frozen=True)
class Project:
    """A directory, and the settings class that is named there."""

    #: Where the search for ``.env`` files starts.
    directory: Path
    #: Where the nearest pyproject.toml is; without one, the directory. Modules are found there.
    root: Path
    #: ``module:Class``, if it is named.
    settings: str | None
    #: Why none is.
    unnamed: str = ""

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
        if file is None:
            return cls(start, start, settings, f"there is no pyproject.toml in {start} or above")
        table = table_in(file) or {}  # one that cannot be read is told in any case
        named = table.get("settings")
        settings = settings or (named if isinstance(named, str) and named else None)
        return cls(start, file.parent, settings, _why_unnamed(file, table))

    def settings_class(self) -> type[Settings]:
        """Import the settings class.

        Raises:
            ConfigurationError: none is named, or it cannot be imported.
        """
        if self.settings is None:
            raise ConfigurationError(f"no settings class is named: {self.unnamed}", next_step=_HOW)
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
            step = self._step(module, _missing(module, error))
        raise ConfigurationError(f"cannot import {module}: {reason}", next_step=step)

    def _step(self, module: str, missing: str | None) -> str:
        if missing is None:
            return "mend it, or keep the settings class in a module of its own"
        *parents, last = missing.split(".")
        folder = self.root.joinpath(*parents)
        beside = [path.stem for path in folder.glob("*") if path.suffix == ".py" or path.is_dir()]
        rest = module.removeprefix(missing)
        return _CORRECT + _near(last, beside, ".".join([*parents, "{}"]) + rest)

    def _reason(self, module: str, error: Exception) -> str:
        missing = _missing(module, error)
        if missing is not None:
            return f"there is no module {missing} in {self.root}, nor is it installed"
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


def _missing(module: str, error: Exception) -> str | None:
    """Give what is not there if that is the module itself, or a package that it should be in."""
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    return missing if missing and f"{module}.".startswith(f"{missing}.") else None


def _near(wanted: str, names: Iterable[str], template: str = "{}") -> str:
    near = get_close_matches(wanted, names, n=1)
    return f": did you mean {template.format(near[0])}?" if near else ""


def _why_unnamed(file: Path, table: Mapping[str, Any]) -> str:
    unknown = [key for key in table if key not in _KEYS]
    if unknown:
        known = " and ".join(_KEYS)
        return f"[tool.glisecrets] of {file} has {', '.join(unknown)}, where {known} are known"
    lacks = "settings is no text" if "settings" in table else "there is no `settings`"
    return f"{lacks} in [tool.glisecrets] of {file}"


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
        if isinstance(thing, type)
        and issubclass(thing, Settings)
        and thing.__module__ == names.get("__name__")
    ]
    what = "does not exist" if found is None else "is no settings class"
    raise ConfigurationError(
        f"{module}:{name} {what} (there are: {', '.join(classes) or 'none'})",
        next_step=_CORRECT + _near(name, classes, f"{module}:{{}}"),
    )
