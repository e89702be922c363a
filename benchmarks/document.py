"""The page that shows what was measured; programs rewrite their own part of it."""

from __future__ import annotations

from pathlib import Path

DOCUMENT = Path(__file__).parents[1] / "docs" / "benchmarks.md"
END = "<!-- end -->"


def rewritten(document: str, begin: str, text: str) -> str:
    """Put a text between a program's own mark and the next end."""
    head, mark, rest = document.partition(begin)
    _, end, tail = rest.partition(END)
    if not mark or not end:
        raise SystemExit(f"benchmarks: the document lacks {begin} or {END}")
    return f"{head}{begin}\n\n{text}\n\n{end}{tail}"
