"""Where a value came from: names and places, never the value."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

__all__ = ["Explanation", "LayerState", "LayerView", "Origin"]

LayerState: TypeAlias = Literal[
    "wins",
    "shadowed",  # it has a value, which a stronger layer overrides
    "no value",
    "no key",  # the store's secret is there, without the JSON key that the field asks for
    "not asked",  # the store, where a stronger layer has a value
]


class Origin(NamedTuple):
    """The place that one value came from."""

    #: ``arguments``, ``defaults``, ``template``, ``dotenv``, ``process`` (``github`` inside
    #: GitHub Actions), ``store`` or ``build``.
    layer: str
    #: The place within the layer as a person would write it: ``.env.staging:12``,
    #: ``variable DATABASE_URL``, ``file /run/secrets/api_key``, or a reference.
    place: str
    #: Path of the file, if it is one.
    file: str | None = None
    #: Line in that file, counted from 1.
    line: int | None = None
    #: The variable or key name that matched.
    variable: str | None = None
    #: The store's scheme: ``aws``, ``vault`` or ``local``.
    store: str | None = None
    #: The secret's name or ARN.
    secret: str | None = None
    #: The secret's version id.
    version_id: str | None = None
    #: The labels on that version when it was read, sorted.
    labels: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.layer}: {self.place}" if self.place else self.layer


class LayerView(NamedTuple):
    """What one layer has for one field."""

    layer: str
    state: LayerState
    #: Where its value is, or what was looked for.
    place: str


class Explanation(NamedTuple):
    """One field's winner and what every layer had for it, strongest layer first."""

    field: str
    origin: Origin
    #: Whether the field holds a secret (its value is masked everywhere).
    secret: bool
    layers: tuple[LayerView, ...]

    @property
    def shadowed(self) -> tuple[LayerView, ...]:
        """The layers that had a value which a stronger one overrode, strongest first."""
        return tuple(view for view in self.layers if view.state == "shadowed")

    def __str__(self) -> str:
        rows = [f"  {view.state:<9} {view.layer:<9} {view.place}" for view in self.layers]
        return "\n".join([f"{self.field} <- {self.origin}", *rows])
