"""From what a layer holds to what pydantic reads. Pure; never logs, and errors name no value."""

from __future__ import annotations

import json
from typing import Any

from .documents import MISSING, UnreadableValue, parse_json, parse_object, pick_key
from .fields import FieldPlan, Shape


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


def _binary(plan: FieldPlan, data: bytes) -> bytes:
    if plan.binary:
        return data
    wanted = "a JSON object" if plan.shape is Shape.OBJECT else "text"
    raise UnreadableValue(
        f"holds binary, {wanted} is expected",
        next_step="store it as text, or type the field SecretBytes",
    )


def _either(text: str) -> Any:
    found = parse_json(text) if text.lstrip().startswith(("{", "[")) else MISSING
    return text if found is MISSING else found


def _list(text: str) -> Any:
    if text.lstrip().startswith("["):
        found = parse_json(text)
        if not isinstance(found, list):
            raise UnreadableValue(
                "starts like a JSON array and is none",
                next_step='write ["a", "b"], or items between commas: a,b',
            )
        return found
    return [item.strip() for item in text.split(",") if item.strip()]
