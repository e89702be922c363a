"""From what a layer holds to what pydantic reads. Pure; never logs, and errors name no value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from .errors import GlisecretsError
from .fields import FieldPlan, Shape

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A value that counts as none at all.
MISSING: Final = object()


class UnreadableValue(GlisecretsError):
    """A value is there, and is not of the form that its field asks for."""


class MissingKey(UnreadableValue):
    """A JSON secret has no such key; the message names the keys that exist."""


def from_text(plan: FieldPlan, text: str | bytes) -> Any:
    """Convert what a file or a variable holds; give ``MISSING`` for what counts as nothing.

    Raises:
        UnreadableValue: not the JSON that the field asks for, or bytes where text is needed.
    """
    if isinstance(text, bytes):
        return _binary(plan, text)
    if not text.strip() and (plan.secret or plan.shape is not Shape.TEXT):
        # An unset GitHub secret arrives as an empty variable: no secret is empty.
        return MISSING
    if plan.shape is Shape.TEXT:
        return text
    if plan.shape is Shape.LIST:
        return _list(text)
    if plan.shape is Shape.OBJECT:
        return parse_object(text)
    return _either(text) if plan.shape is Shape.EITHER else text


def from_secret(plan: FieldPlan, value: str | bytes, key: tuple[str, ...]) -> Any:
    """Convert what a store holds, at ``key`` if one is asked for.

    Raises:
        UnreadableValue: binary or not a JSON object where one is needed; missing key.
    """
    if not key:
        return from_text(plan, value)
    found = pick_key(value, key)
    if isinstance(found, str):
        return from_text(plan, found)
    if plan.shape is Shape.TEXT and found is not None:
        # The console writes every value as text; RDS writes ports as numbers. A text field
        # takes both.
        return json.dumps(found, ensure_ascii=False)
    return MISSING if found is None else found


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
    found = _loads(value)
    if isinstance(found, dict):
        return found
    kind = "no JSON" if found is MISSING else f"JSON {_JSON_NAMES.get(type(found), 'null')}"
    raise UnreadableValue(f"holds {kind}, a JSON object is expected")


_JSON_NAMES: Mapping[type, str] = {
    list: "array",
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
}


def _binary(plan: FieldPlan, data: bytes) -> bytes:
    if plan.binary:
        return data
    wanted = "a JSON object" if plan.shape is Shape.OBJECT else "text"
    raise UnreadableValue(
        f"holds binary, {wanted} is expected",
        next_step="store it as text, or type the field SecretBytes",
    )


def _loads(text: str) -> Any:
    """Parse JSON; the parser's error holds the document, so none of it may leave here."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return MISSING


def _either(text: str) -> Any:
    found = _loads(text) if text.lstrip().startswith(("{", "[")) else MISSING
    return text if found is MISSING else found


def _list(text: str) -> Any:
    if text.lstrip().startswith("["):
        found = _loads(text)
        if not isinstance(found, list):
            raise UnreadableValue(
                "starts like a JSON array and is none",
                next_step='write ["a", "b"], or items between commas: a,b',
            )
        return found
    return [item.strip() for item in text.split(",") if item.strip()]


def _missing_key(node: Mapping[str, Any], key: tuple[str, ...]) -> MissingKey:
    keys = ", ".join(sorted(map(str, node))) or "none"
    return MissingKey(f"the JSON has no key {'.'.join(key)!r} (keys: {keys})")
