"""From loaded settings to the environment variables of a program that knows nothing of them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..settings import Settings


def variables_of(settings: Settings) -> dict[str, str]:
    """Give each field's value under the first of its variables, as glisecrets would read it again.

    Text as it is, ``true`` and ``false``, lists and objects as JSON. A field that is ``None`` has
    no variable.

    Raises:
        ConfigurationError: a value that no variable can hold: bytes that are no text, or a NUL.
    """
    return dict(_variables(settings))


def _variables(settings: Settings) -> Iterator[tuple[str, str]]:
    for plan in settings.field_plans():
        value = _revealed(getattr(settings, plan.name))
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if "\0" in text:
            raise ConfigurationError(
                f"{plan.name}: no environment variable can hold this value (bytes or a NUL)",
                next_step="store it as base64 text, or let the program load its settings itself",
            )
        if value is not None:
            yield plan.variables[0], text


def _revealed(value: Any) -> Any:
    """Give a value in JSON's types, secrets in plain text: pydantic itself would mask them."""
    if hasattr(value, "get_secret_value"):
        value = value.get_secret_value()
    if isinstance(value, bytes):
        return _decoded(value)
    fields = _fields(value)
    if fields is not None:
        return {to_jsonable_python(name): _revealed(item) for name, item in fields}
    if isinstance(value, list | tuple | set | frozenset):
        return [_revealed(item) for item in value]
    return to_jsonable_python(value, fallback=str)


def _fields(value: Any) -> Iterable[tuple[Any, Any]] | None:
    """Give the names and items of a model, a dataclass or a mapping; else ``None``."""
    if isinstance(value, BaseModel):
        return value
    if dataclasses.is_dataclass(value):
        return [(item.name, getattr(value, item.name)) for item in dataclasses.fields(value)]
    return value.items() if isinstance(value, Mapping) else None


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return "\0"  # as unfit for a variable as the bytes
