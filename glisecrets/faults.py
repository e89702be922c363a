"""From errors to faults: what a person needs to mend a setting, and no value or part of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from pydantic_core import PydanticKnownError
from pydantic_core.core_schema import ErrorType

from .errors import (
    SETTINGS,
    AccessDenied,
    ConfigurationError,
    EnvironmentMismatch,
    Fault,
    FaultKind,
    GlisecretsError,
    StoreUnavailable,
)
from .redaction.forms import encodings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

#: Prefix of the error types whose messages this project wrote itself.
_OWN = "glisecrets."

#: pydantic's own messages, less those that quote the input or come from a user's validator.
_PLAIN_MESSAGES = frozenset(get_args(ErrorType)) - {
    "assertion_error",
    "bytes_invalid_encoding",
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


def fault_of_error(field: str, error: GlisecretsError, *, origin: str = "") -> Fault:
    """Make the fault of a field whose layer could not give its value."""
    return Fault(field, _kind(error), error.message, origin, next_step=error.next_step)


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
    details = error.errors(include_url=False, include_input=False)
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


def _kind(error: GlisecretsError) -> FaultKind:
    match error:
        case EnvironmentMismatch():
            return "wrong-environment"
        case AccessDenied():
            return "denied"
        case StoreUnavailable():
            return "unavailable"
        case ConfigurationError():
            return "configuration"
        case _:
            return "unreadable"


def _fault_of_detail(
    detail: ErrorDetails,
    values: Mapping[str, Any],
    origins: Mapping[str, str],
    secrets: frozenset[str],
) -> Fault:
    loc = detail["loc"]
    field = str(loc[0]) if loc else SETTINGS
    if detail["type"] == "missing" and len(loc) > 1:
        return _missing_part(field, loc[1:], values.get(field), origins.get(field, ""))
    rule = detail["type"] in _RULES or detail["type"].startswith(_OWN)
    concerned = [values[field]] if field in values else list(values.values())
    hidden = field in secrets or (field == SETTINGS and bool(secrets))
    message = _message(detail, concerned, hidden=hidden)
    kind: FaultKind = "rule" if rule else "mistyped"
    return Fault(field, kind, message, origins.get(field, ""), next_step=_step_of_rule(detail))


def _step_of_rule(detail: ErrorDetails) -> str:
    """Give the next step that a rule of this project names; any other context holds values."""
    own = detail["type"].startswith(_OWN)
    return str(detail.get("ctx", {}).get("next_step", "")) if own else ""


def _missing_part(field: str, loc: tuple[int | str, ...], value: Any, origin: str) -> Fault:
    *path, key = loc
    found = _reached(value, path)
    keys = ", ".join(sorted(map(str, found))) if isinstance(found, dict) else ""
    # The path is not shown: it may hold keys of a mapping, which are a part of the value.
    where = "a part of the JSON" if path else "the JSON"
    return Fault(
        field if path else f"{field}.{key}",
        "missing",
        f"{where} has no key {key!r} (keys: {keys or 'none'})",
        origin,
        next_step=f"add {key!r} to {where}",
    )


def _reached(value: Any, path: list[int | str]) -> Any:
    """Follow a path of pydantic's into a value; the names of a union's members lead nowhere."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step, value)
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step]
    return value


def _message(detail: ErrorDetails, values: list[Any], *, hidden: bool) -> str:
    text = detail["msg"]
    if _is_pydantics_own(detail) or detail["type"].startswith(_OWN):
        return text
    if hidden or any(_shares_part(text.lower(), value) for value in values):
        return f"refused by its validator ({detail['type']}; the message could show the value)"
    return text


def _is_pydantics_own(detail: ErrorDetails) -> bool:
    """Tell whether pydantic wrote the message: a validator may raise any type with its own text."""
    if detail["type"] not in _PLAIN_MESSAGES:
        return False
    try:
        known = PydanticKnownError(cast("ErrorType", detail["type"]), detail.get("ctx"))
    except (KeyError, TypeError, ValueError):
        return False
    return known.message() == detail["msg"]


def _shares_part(text: str, value: Any) -> bool:
    """Tell whether a text in lower case holds a run of characters of a value, however encoded."""
    if isinstance(value, dict):
        return any(_shares_part(text, item) for item in value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        return any(_shares_part(text, item) for item in value)
    written = str(value)
    if len(written) <= _SHARED:
        return bool(written) and written.lower() in text
    spellings = {
        form.decode(errors="replace") for form in encodings(written.encode(errors="replace"))
    }
    runs = {text[start : start + _SHARED + 1] for start in range(len(text) - _SHARED)}
    return any(run in form for form in map(str.lower, spellings) for run in runs)
