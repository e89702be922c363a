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

from .errors import SETTINGS
from .field_validation import REFUSED, FieldValidation
from .fields import FieldPlan, concrete_types, plan_fields
from .placeholders import BUILD_MARK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .errors import Fault
    from .resolution import Resolution
    from .settings import Settings

#: The layer that a placeholder's origin names.
LAYER = "build"

#: Of the URL types that pydantic has.
_SCHEMES = ("postgresql", "mysql", "redis", "amqp", "mongodb", "kafka", "nats", "ws", "ftp")

_PEM = f"-----BEGIN PLACEHOLDER-----\n{BUILD_MARK}\n-----END PLACEHOLDER-----\n"


def placeholder(plan: FieldPlan) -> Any:
    """Give a value of the field's type, or of the type without its constraints; else ``None``."""
    for annotation in _annotations(plan):
        for candidate in _candidates(plan):
            if _validated(annotation, candidate) is not REFUSED:
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
    if not made or any(f.field != SETTINGS for f in left):
        return left or faults
    # A placeholder that its field refuses stays in its type alone.
    bare = {name: _bare(resolution.plans[name], resolution.values[name]) for name in made}
    fields = FieldValidation(type(settings), resolution, bare)
    if not all(fields.take(name) or name in made for name in resolution.plans):
        return left or faults
    given = set(resolution.values) & set(resolution.plans)
    made_up = type(settings).model_construct(given, **fields.valid)
    settings.__setstate__(made_up.__getstate__())
    return []


def _bare(plan: FieldPlan, value: Any) -> Any:
    """Give a placeholder in the first type of its field that takes it, else as it is."""
    found = (_validated(annotation, value) for annotation in _annotations(plan))
    return next((item for item in found if item is not REFUSED), value)


def _annotations(plan: FieldPlan) -> list[Any]:
    return [plan.annotation, *concrete_types(plan.annotation)]


def _validated(annotation: Any, value: Any) -> Any:
    with suppress(Exception):  # a user's validator may raise anything
        return TypeAdapter[Any](annotation).validate_python(value)
    return REFUSED


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
