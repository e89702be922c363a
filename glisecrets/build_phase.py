"""The build phase: typed placeholders, so that ``collectstatic`` runs without any secret.

With ``GLISECRETS_BUILD=1`` no store is asked and a required field without a value gets a
placeholder of its type. Every textual one carries ``placeholders.BUILD_MARK``, so that one which
slipped into a variable, an image or a store is known again, and refused, at run time.
"""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel, TypeAdapter, ValidationError

from .fields import FieldPlan, concrete_types, plan_fields
from .placeholders import BUILD_MARK

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["placeholder"]

_PEM = f"-----BEGIN PLACEHOLDER-----\n{BUILD_MARK}\n-----END PLACEHOLDER-----\n"


def placeholder(plan: FieldPlan) -> Any:
    """Give a value of the field's type; ``None`` where none of the usual ones fits it."""
    adapter: TypeAdapter[Any] = TypeAdapter(plan.annotation)
    for candidate in _candidates(plan):
        try:
            adapter.validate_python(candidate)
        except ValidationError:
            continue
        return candidate
    return None


def _candidates(plan: FieldPlan) -> Iterator[Any]:
    for kind in concrete_types(plan.annotation):
        yield from _candidates_of(kind)
    yield from ([], f"{BUILD_MARK}-{plan.name.replace('_', '-')}", _PEM)
    yield from (f"https://{BUILD_MARK}.invalid", 0, 1, False, f"{BUILD_MARK}@build.invalid")
    yield from ("127.0.0.1", "1970-01-01", timedelta(seconds=1), UUID(int=0), "/")


def _candidates_of(kind: Any) -> Iterator[Any]:
    if get_origin(kind) is Literal:
        yield from get_args(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        yield from kind
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield {item.name: placeholder(item) for item in plan_fields(kind) if item.required}
    yield {}
