"""The statements of a ``.env`` file, cut and read by python-dotenv."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dotenv.parser import parse_stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dotenv.parser import Binding

#: The byte order mark that some editors put first.
BOM = "\ufeff"

#: A name in one case only. Anything else may be a stray line of a key in base64.
_SAFE_TO_SHOW = re.compile(r"[A-Z][A-Z0-9_]{0,63}|[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Statement:
    """One assignment, with everything that was written for it. Its ``repr`` shows no value."""

    #: Line of the name, counted from 1.
    line: int
    #: The variable's name; ``None`` for text that python-dotenv cannot read.
    name: str | None = field(repr=False)
    #: The value, literally (no ``$`` expansion); ``None`` for a name without ``=``.
    value: str | None = field(repr=False)
    #: The text as written, from its own line on; a byte order mark stays in front.
    text: str = field(repr=False)

    @property
    def label(self) -> str | None:
        """The name, if it can be told from a stray piece of a value; else ``None``."""
        known = self.value is not None and _SAFE_TO_SHOW.fullmatch(self.name or "")
        return self.name if known else None


def decode(content: bytes) -> str:
    r"""Decode as ``open()`` in text mode does: UTF-8, every line end as ``\n``.

    Raises:
        UnicodeDecodeError: it is not UTF-8. The error holds the content: do not let it out.
    """
    return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8").read()


def statements(text: str) -> Iterator[Statement]:
    """Give the statements of a file in order; comments and blank lines are none."""
    mark = BOM if text.startswith(BOM) else ""
    for binding in parse_stream(io.StringIO(text.removeprefix(BOM))):
        if binding.error or binding.key is not None:
            yield _statement(binding, mark)
        mark = ""


def _statement(binding: Binding, mark: str) -> Statement:
    # python-dotenv counts the blank lines above a statement as part of it.
    written = binding.original.string
    start = written.rfind("\n", 0, len(written) - len(written.lstrip())) + 1
    line = binding.original.line + written.count("\n", 0, start)
    return Statement(line, binding.key, binding.value, mark + written[start:])
