r"""The forms that a PEM key travels in: raw, ``\n``-escaped or base64. Free of pydantic."""

from __future__ import annotations

import base64
import binascii

from .documents import UnreadableValue

_BEGIN = "-----BEGIN "
_END = "-----END "
#: What editors on Windows begin a file of UTF-8 with.
_BOM = "\ufeff"


def raw_pem(text: str) -> str:
    """Give the raw PEM text, one line break at its end.

    Raises:
        UnreadableValue: neither PEM nor base64 of PEM, or its end is missing.
    """
    candidate = text.removeprefix(_BOM).strip()
    if not candidate.startswith(_BEGIN):
        candidate = _from_base64(candidate)
    candidate = candidate.replace("\\r\\n", "\n").replace("\\n", "\n").replace("\r\n", "\n").strip()
    lines = candidate.split("\n")
    if len(lines) == 1 and _END in candidate:
        raise UnreadableValue(
            "a PEM block that has lost its line breaks",
            next_step="give it as base64 in one line: base64 FILE | tr -d '\\n'",
        )
    if not (lines[0].startswith(_BEGIN) and lines[-1].startswith(_END)):
        raise UnreadableValue("not a whole PEM block")
    return candidate + "\n"


def one_line(pem: str) -> str:
    """Give base64 of PEM text: one line without a character that any shell or file minds."""
    return base64.b64encode(pem.encode()).decode()


def escaped(pem: str) -> str:
    r"""Give PEM text in one line, with ``\n`` for its line breaks: for ``.env`` files and JSON."""
    return pem.rstrip("\n").replace("\n", "\\n")


def _from_base64(text: str) -> str:
    try:
        decoded = base64.b64decode("".join(text.split()), validate=True).decode()
        decoded = decoded.removeprefix(_BOM).strip()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        decoded = ""
    if not decoded.startswith(_BEGIN):
        raise UnreadableValue("neither a PEM block nor base64 of one")
    return decoded
