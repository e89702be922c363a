"""The dialect lint: lines of a ``.env`` file that other tools read differently.

One file is read by Django through glisecrets, by docker compose on a laptop and by a script with
dotenvx, and each has its own rules. A difference is reported with the tools that differ and what
they do; the value is never shown.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from ..statements import decode, statements
from .causes import CAUSES, DUPLICATE, EMPTY, NOT_AN_ASSIGNMENT, NOT_UTF8, NUL, UNCLOSED_QUOTE
from .readers import READERS, Oddity, Reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..statements import Statement
    from .causes import Cause
    from .finding import Finding

_OPENS_A_QUOTE = re.compile(r"[^=\n]*=\s*['\"]")


def lint_dotenv(content: bytes, *, file: str, template: bool = False) -> list[Finding]:
    """Tell where a ``.env`` file cannot be read, or is read differently by another tool.

    Args:
        content: the file's bytes.
        file: its path, for the findings.
        template: whether it is a template, in which an empty value is a placeholder.

    Returns:
        The findings, by line.
    """
    found = (replace(finding, file=file) for finding in _lint(content, template=template))
    return sorted(found, key=lambda finding: (finding.line or 0, finding.code))


def _lint(content: bytes, *, template: bool) -> Iterator[Finding]:
    try:
        text = decode(content)
    except UnicodeDecodeError as error:
        yield NOT_UTF8.at(content.count(b"\n", 0, error.start) + 1)
        return
    written = list(statements(text))
    yield from (NUL.at(line) for line, row in enumerate(text.split("\n"), 1) if "\0" in row)
    yield from (_unparsed(statement) for statement in written if statement.name is None)
    yield from _duplicates(written)
    yield from _differences(written)
    if not template:
        yield from (EMPTY.at(it.line, it.label) for it in written if it.value == "")


def _unparsed(statement: Statement) -> Finding:
    quoted = _OPENS_A_QUOTE.match(statement.text)
    return (UNCLOSED_QUOTE if quoted else NOT_AN_ASSIGNMENT).at(statement.line)


def _duplicates(written: Iterable[Statement]) -> Iterator[Finding]:
    first: dict[str | None, int] = {}
    for statement in written:
        line = first.setdefault(statement.name, statement.line)
        if statement.name is not None and line != statement.line:
            yield DUPLICATE.at(statement.line, statement.label, f" (first in line {line})")


def _differences(written: Iterable[Statement]) -> Iterator[Finding]:
    for statement in written:
        if statement.name is not None and "\0" not in statement.text:
            for cause, differences in _by_cause(statement).items():
                detail = f": {', '.join(differences)}"
                yield cause.at(statement.line, statement.label, detail)


def _by_cause(statement: Statement) -> dict[Cause, list[str]]:
    """Group what the tools do differently by the cause of it."""
    ours: Reading = Oddity.LOSES if statement.value is None else statement.value
    grouped: dict[Cause, list[str]] = {}
    for tool, read in READERS.items():
        theirs = read(statement)
        if theirs != ours:
            difference = f"{tool} {_difference(ours, theirs)}"
            grouped.setdefault(_cause(statement, tool), []).append(difference)
    return grouped


def _cause(statement: Statement, tool: str) -> Cause:
    return next(cause for cause in CAUSES if tool in cause.tools and cause.shows(statement))


def _difference(ours: Reading, theirs: Reading) -> str:
    """Name the kind of difference between two readings; shows neither."""
    if isinstance(theirs, Oddity):
        return theirs.value
    if isinstance(ours, Oddity):
        return "reads a value"
    if not theirs:
        return "reads nothing"
    if ours.startswith(theirs):
        return "cuts it short"
    return "reads more than the value" if ours in theirs else "reads another value"
