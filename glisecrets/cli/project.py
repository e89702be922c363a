"""The project that a command works on: its directory, its pyproject.toml, its settings class."""

from __future__ import annotations

import importlib
import os
import sys
import tomllib
from dataclasses import dataclass
from traceback import extract_tb
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError, SettingsError

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from ..options import LoadOptions
    from ..settings import Settings

__all__ = ["Project"]

#: ``glisecrets.build_phase.VARIABLE``; that module loads pydantic, which ``run --help`` needs not.
_BUILD = "GLISECRETS_BUILD"

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
        module_name, _, class_name = self.settings.partition(":")
        if not class_name:
            raise ConfigurationError(f"{self.settings!r} names no class", next_step=_HOW)
        if str(self.root) not in sys.path:
            sys.path.insert(0, str(self.root))
        module = self._module(module_name)
        return _class_in(module, class_name)

    def load_options(self) -> LoadOptions:
        """Give the settings class's options; the usual ones where no class is named.

        Raises:
            ConfigurationError: a class is named and cannot be imported.
        """
        from ..options import LoadOptions

        return self.settings_class().load_options if self.settings else LoadOptions()

    def _module(self, name: str) -> ModuleType:
        """Import the module in the build phase: it may make its settings when imported.

        Only the class is wanted. Without the build phase, a value that is missing would hide the
        report on it, and all stores would be asked twice.
        """
        before = os.environ.get(_BUILD)
        os.environ[_BUILD] = "1"
        try:
            return importlib.import_module(name)
        except SettingsError as error:
            raise self._broken(name, str(error)) from None
        except Exception as error:  # noqa: BLE001 - it is the user's code that runs here
            raise self._broken(name, self._told(name, error)) from None
        finally:
            os.environ.pop(_BUILD, None)
            if before is not None:
                os.environ[_BUILD] = before

    def _broken(self, name: str, reason: str) -> ConfigurationError:
        return ConfigurationError(
            f"cannot import {name}: {reason}",
            next_step="mend it, or keep the settings class in a module of its own",
        )

    def _told(self, name: str, error: Exception) -> str:
        if isinstance(error, ModuleNotFoundError) and name.startswith(str(error.name)):
            return f"there is no module {error.name} in {self.root}, nor is it installed"
        place = extract_tb(error.__traceback__)[-1]
        # Only these texts are sure to hold no value.
        text = f": {error}" if isinstance(error, (ImportError, SyntaxError)) else ""
        return f"{type(error).__name__} at {place.filename}:{place.lineno}{text}"


def _named_in(file: Path) -> str | None:
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"cannot read {file}: {error}", next_step="mend it") from None
    table = document.get("tool", {}).get("glisecrets", {})
    named = table.get("settings") if isinstance(table, dict) else None
    return named if isinstance(named, str) else None


def _class_in(module: ModuleType, name: str) -> type[Settings]:
    from ..settings import Settings

    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if isinstance(found, Settings):
        return type(found)
    if isinstance(found, type) and issubclass(found, Settings):
        return found
    classes = (
        thing.__name__
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, Settings) and thing is not Settings
    )
    there = ", ".join(classes) or "none"
    what = "is no settings class" if found is not None else "does not exist"
    raise ConfigurationError(
        f"{module.__name__}:{name} {what} (settings classes there: {there})", next_step=_HOW
    )
