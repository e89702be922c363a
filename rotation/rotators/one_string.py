"""Values that are one string, or a JSON object that holds it at the key the option ``key`` names.

The object's other keys stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from glisecrets.documents import UnreadableValue, parse_object, pick_key, with_key

if TYPE_CHECKING:
    from glisecrets.stores.base import SecretValue

    from ..errors import NotRotatable
    from ..rotator import Rotation

#: The option that names the key, its parts parted by dots.
KEY = "key"


def key_path(rotation: Rotation) -> tuple[str, ...]:
    """Give the parts of the option; none: the whole value is meant."""
    return tuple(filter(None, rotation.options.get(KEY, "").split(".")))


def string_in(rotation: Rotation, value: SecretValue) -> str:
    """Give the string.

    Raises:
        NotRotatable: the value is binary, has no such key, or something else is there.
    """
    key = key_path(rotation)
    try:
        found = pick_key(value, key) if key else value
    except UnreadableValue as error:
        fault = error.message
    else:
        if isinstance(found, str):
            return found
        fault = "holds no text there"
    raise _refusal(rotation, fault)


def with_string(rotation: Rotation, string: str) -> str:
    """Give the current value with another string in its place.

    Raises:
        NotRotatable: the current value has no place for it.
    """
    key = key_path(rotation)
    try:
        document = parse_object(rotation.current)
        if key:
            return with_key(document, key, string)
        fault = "holds a JSON object, and nothing says which key to renew"
    except UnreadableValue as error:
        if not key and isinstance(rotation.current, str):
            return string
        fault = error.message
    raise _refusal(rotation, fault)


def _refusal(rotation: Rotation, fault: str) -> NotRotatable:
    return rotation.unusable(
        fault,
        "mend the value, or the tag glisecrets:key, which names its place in the JSON",
    )
