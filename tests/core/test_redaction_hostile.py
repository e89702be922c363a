"""Values that would break the redactor, or blank out the log."""

from __future__ import annotations

from typing import Any

from glisecrets import Redactor


def test_the_redactor_learns_from_a_document_of_any_depth(value) -> None:
    """Parsers go deeper than Python's stack; what overflowed once would overflow in every log."""
    document: Any = (hidden := value())
    for _ in range(5000):
        document = [document]
    redactor = Redactor()
    redactor.add({"token": document}, name="api")
    assert redactor.redact(f"x {hidden} y") == "x [redacted:api.token] y"


def test_a_blank_value_does_not_blank_out_the_log() -> None:
    """An indentation is in every traceback: such a value is named instead of masked."""
    redactor = Redactor()
    redactor.add({"padding": " " * 8, "lines": "\r\n" * 4}, name="api")
    text = f"def f():{' ' * 16}return 1{chr(13)}\n" * 3
    assert redactor.redact(text) == text
    assert redactor.unmasked == ("api.lines", "api.padding")
