"""Secrets whose value is a JSON object: read it, read one key of it, write one key of it.

Pure, and free of pydantic: the rotation Lambda reads secrets too. Errors name keys, never values.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from .errors import GlisecretsError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A value that counts as none at all.
MISSING: Final = object()

_JSON_NAMES: Mapping[type, str] = {
    list: "array",
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
}


class UnreadableValue(GlisecretsError):
    """A value is there, and is not of the form that is asked for."""

    is_finding = True


class MissingKey(UnreadableValue):
    """A JSON secret has no such key; the message names the keys that exist."""


def parse_object(value: str | bytes) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        UnreadableValue: binary, not JSON, or JSON of another kind.
    """
    if isinstance(value, bytes):
        raise UnreadableValue(
            "holds binary, a JSON object is expected",
            next_step="store it as text (SecretString), or type the field SecretBytes",
        )
    found = parse_json(value)
    if isinstance(found, dict):
        return found
    kind = "no JSON" if found is MISSING else f"JSON {_JSON_NAMES.get(type(found), 'null')}"
    raise UnreadableValue(f"holds {kind}, a JSON object is expected")


def parse_json(text: str) -> Any:
    """Read JSON, or give ``MISSING``: the parser's error holds the document."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return MISSING


def pick_key(value: str | bytes, key: tuple[str, ...]) -> Any:
    """Give the value at a key of a JSON secret.

    Raises:
        UnreadableValue: binary, not JSON, not an object.
        MissingKey: no such key.
    """
    node: Any = parse_object(value)
    for depth, part in enumerate(key):
        if not isinstance(node, dict):
            raise UnreadableValue(f"the JSON at key {'.'.join(key[:depth])!r} is not an object")
        if part not in node:
            raise _missing_key(node, key[: depth + 1])
        node = node[part]
    return node


def with_key(document: dict[str, Any], key: tuple[str, ...], value: Any) -> str:
    """Set a key of an object, making the objects on the way, and give the JSON text.

    Raises:
        UnreadableValue: something on the way is not an object.
    """
    node = document
    for depth, part in enumerate(key[:-1]):
        node = node.setdefault(part, {})
        if not isinstance(node, dict):
            raise UnreadableValue(
                f"the JSON at key {'.'.join(key[: depth + 1])!r} is not an object",
                next_step="name a key that is there, or a new one",
            )
    node[key[-1]] = value
    return json.dumps(document, ensure_ascii=False)


def _missing_key(node: Mapping[str, Any], key: tuple[str, ...]) -> MissingKey:
    keys = ", ".join(sorted(map(str, node))) or "none"
    return MissingKey(f"the JSON has no key {'.'.join(key)!r} (keys: {keys})")
