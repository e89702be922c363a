"""From errors to faults: what a person needs to mend a setting, and no value or part of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pydantic_core.core_schema import ErrorType

from .errors import (
    AccessDenied,
    ConfigurationError,
    EnvironmentMismatch,
    Fault,
    GlisecretsError,
    StoreUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

__all__ = ["SETTINGS", "crashed_validator", "fault_of_error", "faults_of_validation"]

#: The field name of a fault that concerns the settings as a whole.
SETTINGS = "(settings)"

#: Prefix of the error types whose messages this project wrote itself.
_OWN = "glisecrets."

#: pydantic's own messages, less those that quote the input or come from a user's validator.
_PLAIN_MESSAGES = frozenset(get_args(ErrorType)) - {
    "assertion_error",
    "get_attribute_error",
    "mapping_type",
    "union_tag_invalid",
    "url_parsing",
    "uuid_parsing",
    "value_error",
}

_RULES = {"value_error", "assertion_error"}

#: The longest run of characters that a message may share with a value.
_SHARED = 3


def fault_of_error(
    field: str, error: GlisecretsError, *, origin: str = "", looked_at: tuple[str, ...] = ()
) -> Fault:
    """Make the fault of a field whose layer could not give its value."""
    return Fault(field, _kind(error), error.message, origin, looked_at, error.next_step)


def faults_of_validation(
    error: ValidationError,
    values: Mapping[str, Any],
    origins: Mapping[str, str],
    secrets: frozenset[str],
) -> list[Fault]:
    """Make the faults of a validation.

    Args:
        error: pydantic's error; it holds the values and must not be kept.
        values: what was validated, by field name.
        origins: each field's origin as text.
        secrets: names of the fields whose values are secret.
    """
    details = error.errors(include_url=False, include_context=False, include_input=False)
    return [_fault_of_detail(detail, values, origins, secrets) for detail in details]


def crashed_validator(error: Exception) -> Fault:
    """Make the fault of a validator that raised something other than a validation error."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = "" if frame is None else f"{Path(frame.tb_frame.f_code.co_filename).name}"
    line = "" if frame is None else f":{frame.tb_lineno}"
    return Fault(
        SETTINGS,
        "rule",
        f"a validator failed with {type(error).__name__} at {place}{line}",
        next_step="a validator should raise ValueError for a bad value",
    )


def _kind(error: GlisecretsError) -> str:
    kinds: tuple[tuple[type[GlisecretsError], str], ...] = (
        (EnvironmentMismatch, "wrong-environment"),
        (AccessDenied, "denied"),
        (StoreUnavailable, "unavailable"),
        (ConfigurationError, "configuration"),
    )
    return next((kind for cls, kind in kinds if isinstance(error, cls)), "unreadable")


def _fault_of_detail(
    detail: ErrorDetails,
    values: Mapping[str, Any],
    origins: Mapping[str, str],
    secrets: frozenset[str],
) -> Fault:
    loc = detail["loc"]
    field = str(loc[0]) if loc else SETTINGS
    if detail["type"] == "missing" and len(loc) > 1:
        return _missing_part(field, str(loc[1]), values.get(field), origins.get(field, ""))
    kind = "rule" if detail["type"] in _RULES or detail["type"].startswith(_OWN) else "mistyped"
    concerned = [values[field]] if field in values else list(values.values())
    hidden = field in secrets or (field == SETTINGS and bool(secrets))
    return Fault(field, kind, _message(detail, concerned, hidden=hidden), origins.get(field, ""))


def _missing_part(field: str, key: str, value: Any, origin: str) -> Fault:
    keys = ", ".join(sorted(map(str, value))) if isinstance(value, dict) else ""
    return Fault(
        f"{field}.{key}",
        "missing",
        f"the JSON has no key {key!r} (keys: {keys or 'none'})",
        origin,
        next_step=f"add {key!r} to the JSON",
    )


def _message(detail: ErrorDetails, values: list[Any], *, hidden: bool) -> str:
    text = detail["msg"]
    if detail["type"] in _PLAIN_MESSAGES or detail["type"].startswith(_OWN):
        return text
    if hidden or any(_shares_part(text.lower(), value) for value in values):
        return f"refused by its validator ({detail['type']}; the message could show the value)"
    return text


def _shares_part(text: str, value: Any) -> bool:
    if isinstance(value, dict):
        return any(_shares_part(text, item) for item in value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        return any(_shares_part(text, item) for item in value)
    written = str(value).lower()
    size = min(len(written), _SHARED + 1)
    return size > 0 and any(
        written[start : start + size] in text for start in range(len(written) - size + 1)
    )
