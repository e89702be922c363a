"""Which texts stand for a value that is still to be given."""

from __future__ import annotations

#: What every textual placeholder of the build phase holds.
BUILD_MARK = "glisecrets-build-placeholder"


def is_placeholder(text: str | None) -> bool:
    """Tell whether a text is no value: absent, blank, ``<…>`` or ``changeme`` in any case.

    Nothing else is, however invented it looks: a text taken for a placeholder by mistake would
    make a value vanish.
    """
    text = (text or "").strip().lower()
    between = text[1:-1] if text[:1] == "<" and text[-1:] == ">" else "<"
    return text in {"", "changeme"} or not ("<" in between or ">" in between)
