"""Breaking a place where a person would: between words, else after ``/`` or before ``#``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.measure import Measurement
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions, RenderResult

#: A version's id stays with the word before it.
_WORD = re.compile(r"version \S+|\S+")
_INSIDE = re.compile(r"(?<=/)|(?=#)")


class Place:
    """A cell for rich that holds a reference or a file, to be read and copied in whole parts."""

    def __init__(self, text: str, style: str = "") -> None:
        self._text, self._style = text, style

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Tell rich the widths that make sense."""
        return Measurement.get(console, options, Text(self._text))

    def __rich_console__(
        self,
        console: Console,
        options: ConsoleOptions,
    ) -> RenderResult:
        """Give rich the lines; a part that is too long for one is folded anywhere."""
        lines = "\n".join(lines_of(self._text, options.max_width))
        yield Text(lines, style=self._style, overflow="fold")


def lines_of(text: str, width: int) -> Iterator[str]:
    """Break a text into lines of at most ``width`` characters, as far as its parts allow."""
    line = ""
    for word in _WORD.findall(text):
        gap = " " if line else ""
        for part in [word] if len(word) <= width else _INSIDE.split(word):
            if line and len(line) + len(gap) + len(part) > width:
                yield line
                line, gap = "", ""
            line, gap = line + gap + part, ""
    yield line
