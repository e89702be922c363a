"""Django's errors of values, without the values: Django puts them into text and parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["without_value"]

#: Errors whose ``show_value`` is a length.
_LENGTHS = {"max_length", "min_length"}


def without_value(check: Callable[[], Any], unfit: Any) -> None:
    """Run a check whose errors may carry the value that it is about.

    Args:
        check: raises ``ValidationError``.
        unfit: the message in place of one that cannot be written without the value.

    Raises:
        ValidationError: the same errors, without the value.
    """
    found = _errors(check)
    if found:
        raise ValidationError([_bare(*each, unfit) for each in found])


def _errors(check: Callable[[], Any]) -> list[tuple[Any, str | None, dict[str, Any]]]:
    try:
        check()
    except ValidationError as error:
        return [(it.message, it.code, dict(it.params or {})) for it in error.error_list]
    return []


def _bare(message: Any, code: str | None, params: dict[str, Any], unfit: Any) -> ValidationError:
    params.pop("value", None)
    if code not in _LENGTHS:
        params.pop("show_value", None)
    try:
        text = str(message % params if params else message)
    except (KeyError, TypeError, ValueError):
        text = str(unfit)
    return ValidationError(text if "%(" not in text else str(unfit), code=code)
