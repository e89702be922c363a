"""The build phase: typed placeholders, so that ``collectstatic`` runs without any secret.

With ``GLISECRETS_BUILD=1`` no store is asked and a required field without a value gets a
placeholder of its type. Every textual one carries ``placeholders.BUILD_MARK``, so that one which
slipped into a variable, an image or a store is known again, and refused, at run time.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel, TypeAdapter

from .faults import SETTINGS
from .fields import FieldPlan, concrete_types, plan_fields
from .placeholders import BUILD_MARK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .errors import Fault
    from .resolution import Resolution
    from .settings import Settings

__all__ = ["LAYER", "forgiven", "placeholder"]

#: The layer that a placeholder's origin names.
LAYER = "build"

_REFUSED = object()

#: Of the URL types that pydantic has.
_SCHEMES = ("postgresql", "mysql", "redis", "amqp", "mongodb", "kafka", "nats", "ws", "ftp")

_PEM = f"-----BEGIN PLACEHOLDER-----\n{BUILD_MARK}\n-----END PLACEHOLDER-----\n"


def placeholder(plan: FieldPlan) -> Any:
    """Give a value of the field's type, or of the type without its constraints; else ``None``."""
    for annotation in _annotations(plan):
        for candidate in _candidates(plan):
            if _validated(annotation, candidate) is not _REFUSED:
                return candidate
    return None


def forgiven(settings: Settings, resolution: Resolution, faults: list[Fault]) -> list[Fault]:
    """Fill a settings object whose only faults are placeholders that a validator refuses.

    No placeholder can know a pattern or a user's own rule, and the build needs none of them kept.

    Returns:
        The faults that are left: none, or all that concern values which were given.
    """
    made = {n for n, winner in resolution.winners.items() if getattr(winner, "layer", "") == LAYER}
    left = [item for item in faults if item.field.partition(".")[0] not in made]
    values = {
        name: _converted(resolution.plans[name], value, bare=name in made)
        for name, value in resolution.values.items()
        if name in resolution.plans
    }
    if not made or any(f.field != SETTINGS for f in left) or _REFUSED in values.values():
        return left or faults
    settings.__setstate__(type(settings).model_construct(None, **values).__getstate__())
    return []


def _converted(plan: FieldPlan, value: Any, *, bare: bool) -> Any:
    """Give the valid value; a placeholder that no type takes as it is, any other as refused."""
    annotations = _annotations(plan) if bare else [plan.annotation]
    found = (_validated(annotation, value) for annotation in annotations)
    return next((item for item in found if item is not _REFUSED), value if bare else _REFUSED)


def _annotations(plan: FieldPlan) -> list[Any]:
    return [plan.annotation, *concrete_types(plan.annotation)]


def _validated(annotation: Any, value: Any) -> Any:
    with suppress(Exception):  # a user's validator may raise anything
        return TypeAdapter[Any](annotation).validate_python(value)
    return _REFUSED


def _candidates(plan: FieldPlan) -> Iterator[Any]:
    for kind in concrete_types(plan.annotation):
        yield from _candidates_of(kind)
    yield from ([], f"{BUILD_MARK}-{plan.name.replace('_', '-')}", _PEM)
    yield from (f"https://{BUILD_MARK}.invalid", 0, 1, False, f"{BUILD_MARK}@build.invalid")
    yield from (f"{scheme}://{BUILD_MARK}.invalid/0" for scheme in _SCHEMES)
    yield from ("127.0.0.1", "1970-01-01", timedelta(seconds=1), UUID(int=0), "/", "[]", "{}")


def _candidates_of(kind: Any) -> Iterator[Any]:
    if get_origin(kind) is Literal:
        yield from get_args(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        yield from kind
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield {item.name: placeholder(item) for item in plan_fields(kind) if item.required}
    yield {}
