""".env files: found, parsed by python-dotenv, and remembered by line.

A value is literal by default: ``$`` and ``${…}`` in a password stay as they are. Expansion, when a
class opts in, is python-dotenv's own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dotenv.variables import parse_variables

from ..errors import GlisecretsError
from ..folders import find_file, read_file, shown
from ..origins import Origin
from ..placeholders import is_placeholder
from ..statements import decode, statements
from .base import Found, found_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..explanation import LayerState
    from ..fields import FieldPlan


class UnreadableFile(GlisecretsError):
    """A file of settings cannot be read whole. ``place`` is the file, and the line if known."""

    place: str

    def __init__(self, place: str, message: str, *, next_step: str) -> None:
        super().__init__(f"{place}: {message}", next_step=next_step)
        self.place = place


class Line(NamedTuple):
    """One assignment: its value, and its line counted from 1."""

    value: str
    number: int


class DotenvLayer:
    """The values of one ``.env.<environment>`` file; none when the file is not there."""

    name = "dotenv"

    def __init__(self, wanted: str, path: Path | None, lines: dict[str, Line]) -> None:
        self._wanted = wanted
        self._path = path
        in_order = sorted(lines.items(), key=lambda item: item[1].number)
        self._lines = {name.upper(): line for name, line in in_order}

    @classmethod
    def read(
        cls, wanted: str, folders: Iterable[str], *, variables: Mapping[str, str] | None = None
    ) -> DotenvLayer:
        """Read the file from the first of the folders that has it; see :func:`read_dotenv`.

        Raises:
            UnreadableFile: it is there and cannot be read.
        """
        path = find_file(wanted, folders)
        return cls(wanted, path, read_dotenv(path, variables=variables) if path else {})

    def find(self, plan: FieldPlan) -> Found | None:
        """Give the assignment to one of the field's variables."""
        name = self._assigned(plan)
        return None if name is None else found_text(plan, self._lines[name].value, name)

    def origin(self, entry: str) -> Origin:
        """Tell the file and line."""
        number = self._lines[entry].number
        file = str(self._path)
        place = f"{shown(self._path)}:{number}"
        return Origin(self.name, place, file=file, line=number, variable=entry)

    def sought(self, plan: FieldPlan) -> tuple[LayerState, str]:
        """Tell the file, or that there is none."""
        if self._path is None:
            return "no value", f"no {self._wanted}"
        return "no value", f"{shown(self._path)} has no {' or '.join(plan.variables)}"

    def forget(self) -> None:
        """Keep the lines: the file holds them anyway."""

    def _assigned(self, plan: FieldPlan) -> str | None:
        return next((name for name in plan.variables if name in self._lines), None)


class TemplateLayer(DotenvLayer):
    """``.env.example``: gives values to fields that are not secret, and no placeholder."""

    name = "template"

    def find(self, plan: FieldPlan) -> Found | None:
        """Give the assignment, unless the field is secret or the value a placeholder."""
        name = None if plan.secret else self._assigned(plan)
        if name is None or is_placeholder(self._lines[name].value):
            return None
        return found_text(plan, self._lines[name].value, name)

    def sought(self, plan: FieldPlan) -> tuple[LayerState, str]:
        """Tell the file, or why it is not looked at."""
        if plan.secret:
            return "no value", "never gives a secret"
        return super().sought(plan)


def read_dotenv(path: Path, *, variables: Mapping[str, str] | None = None) -> dict[str, Line]:
    """Read a ``.env`` file by python-dotenv's grammar; of a repeated name the last one counts.

    Args:
        path: the file, UTF-8 with or without BOM, any line ending.
        variables: what ``${NAME}`` and ``${NAME:-default}`` stand for, besides what the file
            itself gives above; ``None``: they stay as they are.

    Raises:
        UnreadableFile: no permission, not UTF-8, a NUL byte, or a line that does not parse.
    """
    lines: dict[str, Line] = {}
    for statement in statements(_text_of(path)):
        if statement.name is None:
            raise UnreadableFile(
                f"{shown(path)}:{statement.line}",
                "not an assignment (is a quote left open?)",
                next_step="write NAME=value; close every quote",
            )
        if statement.value is not None:
            lines[statement.name] = Line(statement.value, statement.line)
    return lines if variables is None else _expanded(lines, variables)


def _text_of(path: Path) -> str:
    try:
        text = decode(read_file(path))
    except OSError as error:
        reason, remedy = error.strerror or "cannot be read", "check the file's mode and owner"
    except UnicodeDecodeError:
        reason, remedy = "not UTF-8", "save the file as UTF-8"
    else:
        nul = text.find("\0")
        if nul < 0:
            return text
        line = text.count("\n", 0, nul) + 1
        path, reason, remedy = Path(f"{path}:{line}"), "holds a NUL byte", "save it as plain text"
    raise UnreadableFile(shown(path), reason, next_step=remedy)


def _expanded(lines: dict[str, Line], variables: Mapping[str, str]) -> dict[str, Line]:
    known: dict[str, str | None] = dict(variables)
    for name, line in lines.items():
        known[name] = "".join(atom.resolve(known) for atom in parse_variables(line.value))
    return {name: Line(known[name] or "", line.number) for name, line in lines.items()}
