"""The build phase: typed placeholders, so that ``collectstatic`` runs without any secret.

With ``GLISECRETS_BUILD=1`` no store is asked and a required field without a value gets a
placeholder of its type. Every textual one carries ``placeholders.BUILD_MARK``, so that one which
slipped into a variable, an image or a store is known again, and refused, at run time.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from .fields import FieldPlan, Shape, plan_fields
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
    if plan.shape is Shape.OBJECT:
        yield {}
        yield from _object_candidates(plan.annotation)
    yield from (
        [],
        f"{BUILD_MARK}-{plan.name.replace('_', '-')}",
        _PEM,
        f"https://{BUILD_MARK}.invalid",
    )
    yield from (0, 1, False, f"{BUILD_MARK}@build.invalid", "127.0.0.1", "1970-01-01")
    yield from (timedelta(seconds=1), "00000000-0000-4000-8000-000000000000", "/")


def _object_candidates(annotation: Any) -> Iterator[dict[str, Any]]:
    model = annotation
    if isinstance(model, type) and issubclass(model, BaseModel):
        yield {item.name: placeholder(item) for item in plan_fields(model) if item.required}
