"""The build phase: typed placeholders, so that ``collectstatic`` runs without any secret.

With ``GLISECRETS_BUILD=1`` no store is asked and a required field without a value gets a
placeholder of its type. Every textual placeholder carries :data:`MARK`, so one that slipped into a
variable, an image or a store is known again, and refused, at run time.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, SecretBytes, SecretStr, TypeAdapter, ValidationError

from .fields import Shape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .fields import FieldPlan

__all__ = ["MARK", "VARIABLE", "holds_placeholder", "in_build_phase", "placeholder"]

#: The variable that turns the build phase on.
VARIABLE = "GLISECRETS_BUILD"

#: What every textual placeholder holds.
MARK = "glisecrets-build-placeholder"

_PEM = f"-----BEGIN PLACEHOLDER-----\n{MARK}\n-----END PLACEHOLDER-----\n"


def in_build_phase(environ: Mapping[str, str]) -> bool:
    """Tell whether ``GLISECRETS_BUILD`` is on (``1``, ``true``, ``yes`` or ``on``)."""
    return environ.get(VARIABLE, "").strip().lower() in {"1", "true", "yes", "on"}


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


def holds_placeholder(value: Any) -> bool:
    """Tell whether a value, or anything within it, is a textual placeholder."""
    if isinstance(value, (SecretStr, SecretBytes)):
        value = value.get_secret_value()
    if isinstance(value, bytes):
        return MARK.encode() in value
    if isinstance(value, str):
        return MARK in value
    if isinstance(value, dict):
        return any(map(holds_placeholder, value.values()))
    return isinstance(value, (list, tuple)) and any(map(holds_placeholder, value))


def _candidates(plan: FieldPlan) -> Iterator[Any]:
    if plan.shape is Shape.OBJECT:
        yield {}
        yield from _object_candidates(plan.annotation)
    yield from ([], f"{MARK}-{plan.name.replace('_', '-')}", _PEM, f"https://{MARK}.invalid")
    yield from (0, 1, False, f"{MARK}@build.invalid", "127.0.0.1", "1970-01-01")
    yield from (timedelta(seconds=1), "00000000-0000-4000-8000-000000000000", "/")


def _object_candidates(annotation: Any) -> Iterator[dict[str, Any]]:
    model = annotation
    if isinstance(model, type) and issubclass(model, BaseModel):
        from .fields import plan_fields

        yield {item.name: placeholder(item) for item in plan_fields(model) if item.required}
