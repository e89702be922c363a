"""The process environment and mounted secret files: what the platform hands to the process.

Inside GitHub Actions the layer is named ``github``, because that is how GitHub Secrets arrive.
In CI a name may carry the environment's suffix (``JWT_PRIVATE_KEY_PROD``): GLI guide, section 6.3.
"""

from __future__ import annotations

import os
from os.path import realpath
from pathlib import Path
from typing import TYPE_CHECKING

from ..environment import in_github_actions
from ..errors import GlisecretsError
from ..folders import read_file
from ..origins import Origin
from .base import Found, found_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..environment import Environment
    from ..explanation import LayerState
    from ..fields import FieldPlan

_MOUNTED = "file:"


class ProcessLayer:
    """Variables first, then mounted files; both by name in any case."""

    def __init__(
        self, environ: Mapping[str, str], environment: Environment, secrets_dir: Path | None
    ) -> None:
        self.name = "github" if in_github_actions(environ) else "process"
        in_ci = self.name == "github" or environ.get("CI") == "true"
        #: Outside CI a field has no other names than its own.
        self._suffixes = (*environment.suffixes, "") if in_ci else ()
        self._variables = {name.upper(): value for name, value in environ.items()}
        self._folder = secrets_dir
        self._files, self._trouble = _mounted(secrets_dir)

    def find(self, plan: FieldPlan) -> Found | None:
        """Give the variable's value, or the content of the mounted file."""
        for name in self._names(plan):
            found = self._entry(plan, name)
            if found is not None:
                return found
        return None

    def origin(self, entry: str) -> Origin:
        """Tell the variable or the file."""
        if entry.startswith(_MOUNTED):
            name = entry.removeprefix(_MOUNTED)
            file = str(self._files[name])
            return Origin(self.name, f"file {file}", file=file, variable=name)
        return Origin(self.name, f"variable {entry}", variable=entry)

    def sought(self, plan: FieldPlan) -> tuple[LayerState, str]:
        """Tell the variables and the folder."""
        folder = f" or file in {self._folder}" if self._files or self._trouble else ""
        return "no value", f"no variable {' or '.join(self._names(plan))}{folder}{self._trouble}"

    def forget(self) -> None:
        """Keep the variables: the process environment holds them anyway."""

    def _names(self, plan: FieldPlan) -> Sequence[str]:
        if not self._suffixes:
            return plan.variables
        return [name + suffix for name in plan.variables for suffix in self._suffixes]

    def _entry(self, plan: FieldPlan, name: str) -> Found | None:
        found = None
        if name in self._variables:
            found = found_text(plan, self._variables[name], name)
        if found is None and name in self._files:
            return _found_file(plan, self._files[name], self._folder, _MOUNTED + name)
        return found


def _mounted(folder: Path | None) -> tuple[dict[str, Path], str]:
    """List the mounted files by upper-case name, without Kubernetes' own ``..data`` entries.

    With them comes why the folder cannot be listed, if it is there and cannot.
    """
    if folder is None:
        return {}, ""
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 - at every start, and faster
    except FileNotFoundError:
        return {}, ""
    except OSError as error:
        return {}, f" ({error.strerror})"
    return {name.upper(): folder / name for name in names if name[:1] != "."}, ""


def _found_file(plan: FieldPlan, path: Path, folder: Path | None, entry: str) -> Found | None:
    try:
        content = _content(path, folder)
    except GlisecretsError as error:
        return Found(None, entry, error)
    return found_text(plan, content, entry)


def _content(path: Path, folder: Path | None) -> str | bytes:
    """Read a mounted file, without its last line break.

    A symbolic link may lead elsewhere within the folder, as Kubernetes' do, and not out of it:
    whoever may write the folder could else make the service read any file (GHSA-4xgf-cpjx-pc3j).
    """
    # realpath, since resolve() raises RuntimeError for a link that leads to itself.
    if folder is not None and not Path(realpath(path)).is_relative_to(realpath(folder)):
        raise GlisecretsError(
            f"file {path} is a symbolic link that leaves {folder}",
            next_step="mount the file itself into the folder",
        )
    try:
        data = read_file(path)
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise GlisecretsError(
            f"file {path}: {reason}", next_step="check the file's mode and owner"
        ) from None
    return _as_text(data)


def _as_text(data: bytes) -> str | bytes:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return data
    return text.removesuffix("\n").removesuffix("\r")
