"""The layer port."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import GlisecretsError
from ..values import MISSING, from_text

if TYPE_CHECKING:
    from ..fields import FieldPlan
    from ..origins import Origin

__all__ = ["Found", "Layer", "found_text"]


@dataclass(frozen=True, slots=True)
class Found:
    """What a layer has for a field: a value as pydantic takes it, or why it cannot be read.

    Its ``repr`` never shows the value.
    """

    value: Any = field(repr=False)
    #: Which of the layer's entries it is; :meth:`Layer.origin` takes it.
    entry: str
    error: GlisecretsError | None = None


class Layer(Protocol):
    """One place that values come from."""

    @property
    def name(self) -> str:
        """The layer's name in origins."""

    def find(self, plan: FieldPlan) -> Found | None:
        """Give what this layer has for a field; ``None`` when it has no value."""

    def origin(self, entry: str) -> Origin:
        """Tell where an entry of this layer is."""

    def sought(self, plan: FieldPlan) -> str:
        """Tell what was looked for in vain, for the report of a missing field."""

    def forget(self) -> None:
        """Drop what must not stay in memory; :meth:`find` still tells which entry is there."""


def found_text(plan: FieldPlan, text: str | bytes, entry: str) -> Found | None:
    """Give what a text or file content is to a field; ``None`` where it counts as missing."""
    try:
        value = from_text(plan, text)
    except GlisecretsError as error:
        return Found(None, entry, error)
    return None if value is MISSING else Found(value, entry)
