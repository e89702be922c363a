"""What commands print: tables for people, JSON for programs, errors, progress.

People have 80 columns, or a terminal's own width; where nobody looks (a pipe without ``COLUMNS``),
nothing is wrapped, so that ``grep`` sees whole lines. Colours only on a terminal (``NO_COLOR``).
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from datetime import UTC
from threading import Timer
from typing import TYPE_CHECKING, Any, TextIO, TypeVar, cast

from ..errors import GlisecretsError, SettingsError
from ..redaction import process_redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from rich.console import Console, RenderableType
    from rich.table import Table

    from ..errors import Fault

T = TypeVar("T")

#: The version of every JSON document: see ``docs/cli.md``.
SCHEMA = 1

_UNWRAPPED = 10_000
#: The kinds of faults that say more to a person in other words.
_KINDS = {"rule": "broken rule"}
#: Seconds until a progress bar appears.
_PATIENCE = 1.0
#: Columns whose cells are broken between words or parts of a path only, to be copied whole.
_WHOLE = {"place", "secret"}


def written(date: datetime | None) -> str | None:
    """Write a date as JSON documents have it."""
    return date.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if date else None


def error_document(error: GlisecretsError | None) -> dict[str, Any] | None:
    """Give an error as JSON documents have it."""
    if error is None:
        return None
    return {
        "kind": type(error).__name__,
        "message": error.message,
        "next_step": error.next_step,
        "faults": error.errors() if isinstance(error, SettingsError) else [],
    }


class MaskedText:
    """A text stream that masks what the process's redactor knows; else as the stream below."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text, masked."""
        self._stream.write(process_redactor().redact(text))
        return len(text)

    @property
    def unmasked(self) -> TextIO:
        """The stream below, for what a person asked to see."""
        return self._stream

    def writelines(self, lines: Iterable[str]) -> None:
        """Write the lines, masked together."""
        self.write("".join(lines))

    def flush(self) -> None:
        """Flush the stream below."""
        self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Output:
    """Prints for one invocation; texts are masked before they are wrapped or coloured."""

    def __init__(self, *, as_json: bool = False) -> None:
        #: Whether a program reads: commands print :meth:`json` and nothing else on stdout.
        self.as_json = as_json

    def json(self, document: dict[str, Any], *, revealed: bool = False) -> None:
        """Print a JSON document, its schema version first; ``revealed``: secrets and all."""
        whole = {"schema": SCHEMA, **document}
        shown = whole if revealed else process_redactor().redact_object(whole)
        text = json.dumps(shown, ensure_ascii=False, indent=2, default=str) + "\n"
        (_unmasked(sys.stdout) if revealed else sys.stdout).write(text)

    def reveal(self, value: str | bytes) -> None:
        """Print a value as it is, for a pipe; a terminal gets a line break after it."""
        stream = _unmasked(sys.stdout)
        stream.flush()
        data = value.encode() if isinstance(value, str) else value
        if hasattr(stream, "buffer"):
            stream.buffer.write(data)
            stream.buffer.flush()
        else:
            stream.write(data.decode("utf-8", "replace"))
        if stream.isatty() and not data.endswith(b"\n"):
            stream.write("\n")

    def line(self, text: str = "", style: str = "") -> None:
        """Print one paragraph."""
        self.print(_text(text, style))

    def note(self, text: str) -> None:
        """Tell a person something on stderr, where it is in no program's way."""
        self.print(_text(text, ""), stream=sys.stderr)

    def warning(self, text: str, next_step: str = "") -> None:
        """Warn on stderr."""
        rows = [("warning", text, "yellow"), ("next", next_step, "")]
        self.print(_labelled(rows), stream=sys.stderr)

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[str | tuple[str, str]]]) -> None:
        """Print rows under heads; a cell is a text, or a text and its style."""
        table = _table(heads, _console(sys.stdout))
        for row in rows:
            table.add_row(*map(_cell, heads, row))
        self.print(table)

    def labelled(self, rows: Iterable[tuple[str, str]], *, indent: int = 0) -> None:
        """Print texts beside their labels; those without a text are left out."""
        self.print(_labelled(((label, text, "") for label, text in rows), indent))

    def faults(self, faults: Iterable[Fault], *, stream: TextIO | None = None) -> None:
        """Print what is wrong, where, and the next step; the same fault of many fields once."""
        for alike in _grouped(faults):
            names = ", ".join(fault.field for fault in alike)
            kind = _KINDS.get(alike[0].kind, alike[0].kind)
            head = _text(f"{names}  {kind}", "bold red")
            self.print(_text(""), head, _labelled(_fault_rows(alike), indent=2), stream=stream)

    def failure(self, error: GlisecretsError) -> None:
        """Print the error that ends the command, on stderr: stdout stays free for a pipe."""
        if self.as_json:
            document = {"schema": SCHEMA, "error": error_document(error)}
            text = json.dumps(process_redactor().redact_object(document), ensure_ascii=False)
            sys.stderr.write(text + "\n")
            return
        rows = [("error", error.message, "red"), ("next", error.next_step, "")]
        self.print(_labelled(rows), stream=sys.stderr)
        if isinstance(error, SettingsError):
            self.faults(error.faults, stream=sys.stderr)

    def crash(self, error: Exception, *, traceback: bool) -> None:
        """Print an error that nobody foresaw. Its text could hold a value, so it is left out."""
        if traceback:
            from traceback import format_exception

            sys.stderr.write(process_redactor().redact("".join(format_exception(error))))
            return
        self.failure(
            GlisecretsError(
                f"unexpected {type(error).__name__}{_detail(error)} at {_place(error)}",
                next_step="run it again with --debug for the traceback, and report it",
            )
        )

    @contextmanager
    def progress(self, doing: str, total: int | None = None) -> Iterator[Callable[[], None]]:
        """Show a bar on a terminal once it takes over a second; call what it gives per item."""
        if not sys.stderr.isatty():
            yield lambda: None
            return
        from rich.progress import Progress

        bar = Progress(console=_console(sys.stderr), transient=True)
        task = bar.add_task(doing, total=total)
        timer = Timer(_PATIENCE, bar.start)
        timer.start()
        try:
            yield lambda: bar.advance(task)
        finally:
            timer.cancel()
            timer.join()
            if bar.live.is_started:
                bar.stop()

    def tracked(self, doing: str, items: Sequence[T]) -> Iterator[T]:
        """Give the items one by one, with :meth:`progress`."""
        with self.progress(doing, total=len(items)) as advance:
            for item in items:
                yield item
                advance()

    def print(self, *things: RenderableType, stream: TextIO | None = None) -> None:
        """Print what rich can render. Texts in it must be masked already."""
        console = _console(stream or sys.stdout)
        with console.capture() as printed:
            console.print(*things, sep="\n")
        lines = printed.get().split("\n")
        # Tables fill their cells with spaces, which a selection with the mouse would take along.
        (stream or sys.stdout).write("\n".join(line.rstrip(" ") for line in lines))


def _unmasked(stream: TextIO) -> TextIO:
    return stream.unmasked if isinstance(stream, MaskedText) else stream


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    unseen = not stream.isatty() and not os.environ.get("COLUMNS")
    return Console(
        file=cast("Any", stream),
        highlight=False,
        markup=False,
        emoji=False,
        # GitHub Actions, PyCharm and the like make rich colour what nobody looks at.
        force_terminal=stream.isatty(),
        width=_UNWRAPPED if unseen else None,
    )


def _text(text: str, style: str = "") -> RenderableType:
    from rich.text import Text

    return Text(process_redactor().redact(text), style=style, overflow="fold")


def _table(heads: Sequence[str], console: Console) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for head in heads:
        # Of long rows, the value may be folded first: places are copied whole.
        widest = max(console.width // 5, 16) if head == "value" else None
        table.add_column(head.upper(), overflow="fold", max_width=widest)
    return table


def _cell(head: str, content: str | tuple[str, str]) -> RenderableType:
    from .wrapping import Place

    text, style = content if isinstance(content, tuple) else (content, "")
    return Place(process_redactor().redact(text), style) if head in _WHOLE else _text(text, style)


def _labelled(rows: Iterable[tuple[str, str, str]], indent: int = 0) -> RenderableType:
    from rich.padding import Padding
    from rich.table import Table

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text, style in rows:
        if text:
            grid.add_row(_text(label, style or "bold"), _text(text, style))
    return Padding(grid, (0, 0, 0, indent), expand=False)


def _grouped(faults: Iterable[Fault]) -> list[list[Fault]]:
    """Join what one cause did to many fields: a store that is down, say."""
    groups: dict[tuple[str, ...], list[Fault]] = {}
    for fault in faults:
        groups.setdefault((fault.kind, fault.message, fault.next_step), []).append(fault)
    return list(groups.values())


def _fault_rows(alike: Sequence[Fault]) -> list[tuple[str, str, str]]:
    first = alike[0]
    origins = dict.fromkeys(fault.origin for fault in alike)
    looked_at = "\n".join(first.looked_at) if first.kind == "missing" else ""
    return [
        ("", first.message, ""),
        ("origin", "\n".join(origins), ""),
        ("looked at", looked_at, "dim"),
        ("next", first.next_step, ""),
    ]


def _detail(error: Exception) -> str:
    if not isinstance(error, OSError) or not error.strerror:
        return ""
    return f" ({error.strerror}{f': {error.filename}' if error.filename else ''})"


def _place(error: Exception) -> str:
    from traceback import extract_tb

    frame = extract_tb(error.__traceback__)[-1]
    return f"{frame.filename}:{frame.lineno}, in {frame.name}"
