"""What the demo prints: 80 columns, and never a secret."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demo_values import Values

__all__ = ["COLUMNS", "Screen"]

COLUMNS = 80
_INDENT = "  "


class Screen:
    """Prints, and remembers all that was printed or caught, for the search at the end."""

    def __init__(self, values: Values) -> None:
        self.values = values
        #: Everything that the demo printed, and its programs wrote, shown or not.
        self.seen: list[str] = []

    def remember(self, text: str) -> None:
        """Keep what a program wrote, whether it is shown or not."""
        self.seen.append(text)

    def title(self, text: str) -> None:
        """Begin a step."""
        self._print(f"{text}\n{'-' * len(text)}")

    def paragraph(self, text: str) -> None:
        """Explain something, in lines that fit."""
        self.block(textwrap.fill(text, COLUMNS))

    def quote(self, text: str) -> None:
        """Show what a program wrote, set off; what is too long goes on in the next line."""
        self.block("\n".join(map(_fitted, text.splitlines())))

    def block(self, text: str) -> None:
        """Print a text as it is, and an empty line."""
        self._print(f"{text.rstrip()}\n")

    def _print(self, text: str) -> None:
        found = self.values.found_in(text)
        self.remember(text)
        print(f"(not shown: it holds {', '.join(found)})" if found else text, flush=True)


def _fitted(line: str) -> str:
    own_indent = line[: len(line) - len(line.lstrip())]
    return textwrap.fill(
        line,
        COLUMNS,
        initial_indent=_INDENT,
        subsequent_indent=f"{_INDENT}{own_indent}    ",
        break_on_hyphens=False,
    )
