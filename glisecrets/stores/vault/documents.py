"""How a secret's value lies in a KV document, which is always a JSON object.

==================  ==========================================================
value               document
==================  ==========================================================
a JSON object       the object itself: ``vault kv get`` shows its keys
any other text      ``{"value": "<the text>", "glisecrets": "text"}``
bytes               ``{"value": "<base64>", "glisecrets": "base64"}``
==================  ==========================================================

Text and bytes read back as they were written; an object as equal JSON, for Vault sorts its keys.
A document that someone else wrote, ``{"value": "x"}`` too, reads as its JSON text. Vault keeps
numbers as 64-bit floats, so an object whose numbers would not survive is kept as text.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..base import SecretValue

Document = dict[str, Any]

_MARKER = "glisecrets"
_LARGEST_EXACT_INTEGER = 2**53


def document_of(value: SecretValue) -> Document:
    """Give the document that keeps a value."""
    if isinstance(value, bytes):
        return {"value": base64.b64encode(value).decode(), _MARKER: "base64"}
    return _json_object(value) or {"value": value, _MARKER: "text"}


def value_of(document: Mapping[str, Any]) -> SecretValue:
    """Give the value that a document keeps."""
    if document.keys() == {"value", _MARKER}:
        value = document["value"]
        return base64.b64decode(value) if document[_MARKER] == "base64" else str(value)
    return json.dumps(document, ensure_ascii=False)


def _json_object(text: str) -> Document | None:
    """Give the object, if the text is one that Vault keeps as it is."""
    try:
        parsed = json.loads(
            text, parse_int=_exact_integer, parse_float=_finite, parse_constant=_refused
        )
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) and _MARKER not in parsed else None


def _exact_integer(text: str) -> int:
    number = int(text)
    return number if abs(number) <= _LARGEST_EXACT_INTEGER else _refused(text)


def _finite(text: str) -> float:
    number = float(text)
    return number if abs(number) != float("inf") else _refused(text)


def _refused(_: str) -> NoReturn:
    raise ValueError
