"""What can be wrong with a line of a ``.env`` file, and what makes tools differ over one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..statements import BOM
from .finding import Finding
from .readers import COMPOSE, DJANGO_ENVIRON, DOTENVX, READERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..statements import Statement
    from .finding import Severity


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of finding: everything about it but its place."""

    code: str
    severity: Severity
    message: str
    next_step: str

    def at(self, line: int, name: str | None = None, detail: str = "") -> Finding:
        """Make the finding for a line; ``detail`` ends the sentence. The file is set later."""
        message = f"{self.message}{detail}"
        return Finding(
            code=self.code,
            severity=self.severity,
            message=f"{name}: {message}" if name else message,
            next_step=self.next_step,
            line=line,
            field=name,
        )


@dataclass(frozen=True, slots=True)
class Cause(Kind):
    """A way of writing that some tools read differently."""

    #: The tools that differ because of it.
    tools: frozenset[str]
    #: Whether a statement is written so.
    shows: Callable[[Statement], bool]


_EVERY = frozenset(READERS)
_ONLY_DJANGO = frozenset({DJANGO_ENVIRON})
_ONLY_DOTENVX = frozenset({DOTENVX})
_PARSERS = frozenset({DJANGO_ENVIRON, COMPOSE, DOTENVX})

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_EXPORT = re.compile(r"\s*export(?! \w)\s")
#: Before the name, around the "=", or at the end of a line without comment.
_SPACED = re.compile(r"\A\s|\A[^=\n]*\s=|\A[^=\n]*=[^\S\n]|\A[^#\n]*[^\S\n]$", re.MULTILINE)

# Tables: what is told and what to do about it, a line each.
# fmt: off
NOT_UTF8 = Kind(
    "dotenv.not-utf8", "error", "the file is not UTF-8",
    "save the file as UTF-8")
NUL = Kind(
    "dotenv.nul", "error", "there is a NUL byte, which no environment variable can hold",
    "save the file as plain text")
UNCLOSED_QUOTE = Kind(
    "dotenv.unclosed-quote", "error", "the quoted value has no end, or text after it",
    "close the quote, and leave nothing but a comment after it")
NOT_AN_ASSIGNMENT = Kind(
    "dotenv.not-an-assignment", "error", "this line is no assignment",
    "write NAME=value, or start a comment with '#'")
DUPLICATE = Kind(
    "dotenv.duplicate", "warning", "given more than once; the last one counts",
    "keep one of them")
EMPTY = Kind(
    "dotenv.empty", "info",
    "the value is empty: no value to glisecrets unless the field is text; "
    "to django-environ False as a bool, and an error as an int",
    "give the value, or remove the line")

#: Tried in order, for each tool that differs: the first one that shows is the cause.
CAUSES = (
    Cause(
        "dotenv.bare-name", "warning", "a name without '=' is no assignment",
        "write NAME= for an empty value, or remove the line",
        _EVERY, lambda it: it.value is None),
    Cause(
        "dotenv.bom", "warning", "the file starts with a byte order mark",
        "save the file as UTF-8 without a byte order mark",
        _ONLY_DJANGO, lambda it: it.text.startswith(BOM)),
    Cause(
        "dotenv.export", "warning", "'export' is not followed by one space",
        "write 'export NAME=value', or leave 'export' out",
        _ONLY_DJANGO, lambda it: _EXPORT.match(it.text) is not None),
    Cause(
        "dotenv.multi-line", "warning", "the value goes over several lines",
        r"write a key in one line, as base64 or with \n between its lines",
        _ONLY_DJANGO, lambda it: "\n" in it.text.rstrip()),
    Cause(
        "dotenv.spaces", "warning", "there are spaces around the name, the '=' or the value",
        "write NAME=value without spaces around it",
        _ONLY_DJANGO, lambda it: _SPACED.search(it.text) is not None),
    Cause(
        "dotenv.name", "warning", "the name has other characters than letters, digits and '_'",
        "rename the variable",
        _EVERY, lambda it: _NAME.fullmatch(it.name or "") is None),
    Cause(
        "dotenv.command", "error", "the value holds '$(…)'",
        "put the value in a store, or in single quotes",
        _ONLY_DOTENVX, lambda it: "$(" in (it.value or "")),
    Cause(
        "dotenv.dollar", "warning", "the value holds '$', which glisecrets keeps as it is",
        "put the value in a store, or in single quotes, which compose and dotenvx leave alone",
        _EVERY, lambda it: "$" in (it.value or "")),
    Cause(
        "dotenv.escape", "warning", "there is a backslash",
        "put the value in a store; no quoting of it is read alike by all",
        _PARSERS, lambda it: "\\" in it.text),
    Cause(
        "dotenv.comment", "warning", "there is a '#' after the '='",
        "put a comment on a line of its own, and a value with '#' in double quotes",
        _PARSERS, lambda it: "#" in it.text),
    # Where none of the others shows.
    Cause(
        "dotenv.quotes", "warning", "it is quoted in a way that not every tool knows",
        "put the value in double quotes, and only there",
        _EVERY, lambda _: True),
)
# fmt: on
