"""The layer port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ..documents import MISSING
from ..errors import GlisecretsError
from ..values import from_text

if TYPE_CHECKING:
    from ..explanation import LayerState
    from ..fields import FieldPlan
    from ..origins import Origin


class Found:
    """What a layer has for a field: a value as pydantic takes it, or why it cannot be read.

    A plain class, so that nothing which walks a traceback's locals finds the value.
    """

    __slots__ = ("entry", "error", "value")

    def __init__(self, value: Any, entry: str, error: GlisecretsError | None = None) -> None:
        self.value = value
        #: Which of the layer's entries it is; :meth:`Layer.origin` takes it.
        self.entry = entry
        self.error = error


class Layer(Protocol):
    """One place that values come from."""

    @property
    def name(self) -> str:
        """The layer's name in origins."""
        ...

    def find(self, plan: FieldPlan) -> Found | None:
        """Give what this layer has for a field; ``None`` when it has no value."""
        ...

    def origin(self, entry: str) -> Origin:
        """Tell where an entry of this layer is."""
        ...

    def sought(self, plan: FieldPlan) -> tuple[LayerState, str]:
        """Tell, where :meth:`find` gives nothing, how it is and what was looked for."""
        ...

    def forget(self) -> None:
        """Drop what must not stay in memory; :meth:`find` still tells which entry is there."""
        ...


def found_text(plan: FieldPlan, text: str | bytes, entry: str) -> Found | None:
    """Give what a text or file content is to a field; ``None`` where it counts as missing."""
    try:
        value = from_text(plan, text)
    except GlisecretsError as error:
        return Found(None, entry, error)
    return None if value is MISSING else Found(value, entry)
