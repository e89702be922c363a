"""Find the variables that an existing project reads, by its syntax trees; nothing is imported."""

from __future__ import annotations

import ast
import os
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from .module_scan import ModuleScan
from .uses import Use, merge_uses

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Folders of other people's code, and of what a build makes.
_SKIPPED = frozenset({"__pycache__", "build", "dist", "node_modules", "site-packages"})
#: Variables that the platform sets, or that glisecrets itself reads.
_NOT_SETTINGS = re.compile(
    r"PATH|HOME|USER|SHELL|LANG|TERM|TMPDIR|CI|(?:PYTHON|LC_|XDG_|GITHUB_|RUNNER_)\w*"
    r"|DJANGO_SETTINGS_MODULE|DJANGO_ENV|(?:GLISECRETS|AWS_LAMBDA|ECS|KUBERNETES|PYTEST)_\w+"
)


def scan_project(directory: Path) -> list[Use]:
    """Read every Python file below a directory; one that does not parse is passed over.

    Hidden folders, virtual environments and installed packages are left out.

    Returns:
        One use per variable, by name; the files are relative to the directory.
    """
    uses: list[Use] = []
    for path in _python_files(directory):
        try:
            source = path.read_text("utf-8")
            uses += scan_source(source, path.relative_to(directory).as_posix())
        except (SyntaxError, ValueError, RecursionError, OSError):
            continue
    return merge_uses(uses)


def scan_source(source: str, file: str) -> list[Use]:
    """Give the uses in one module.

    Raises:
        SyntaxError: it is not Python of this version, or holds a NUL byte.
        RecursionError: its expressions are nested too deeply to read.
    """
    with warnings.catch_warnings():
        # What its strings and comparisons are worth is the project's affair.
        warnings.simplefilter("ignore", SyntaxWarning)
        tree = ast.parse(source)
    return [use for use in ModuleScan(tree, file).uses() if not _NOT_SETTINGS.fullmatch(use.name)]


def _python_files(directory: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(directory):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if _is_source(here / name))
        yield from (here / name for name in sorted(files) if name.endswith(".py"))


def _is_source(folder: Path) -> bool:
    hidden = folder.name.startswith(".") or folder.name in _SKIPPED
    return not hidden and not (folder / "pyvenv.cfg").exists()
