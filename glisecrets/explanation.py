"""What every layer has for one field: names and places, never the value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from .origins import DEFAULT, Origin

if TYPE_CHECKING:
    from .fields import FieldPlan
    from .layers import Layer
    from .resolution import Resolution

LayerState: TypeAlias = Literal[
    "wins",
    "shadowed",  # it has a value, which a stronger layer overrides
    "no value",
    "no key",  # the store's secret is there, without the JSON key that the field asks for
    "not asked",  # the store, where a stronger layer has a value
]


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


def explain(resolution: Resolution, name: str) -> Explanation:
    """Tell what every layer had for a field.

    Raises:
        KeyError: there is no such field.
    """
    plan, winner = resolution.plans[name], resolution.winners.get(name)
    views, won = [], isinstance(winner, Origin)
    for layer in resolution.layers:
        views.append(_view(layer, plan, won=won))
        won = won or (isinstance(winner, tuple) and winner[0] is layer)
    if not plan.required:
        views.append(LayerView(DEFAULT.layer, "shadowed" if won else "wins", DEFAULT.place))
    return Explanation(name, resolution.origin(name), plan.secret, tuple(views))


def _view(layer: Layer, plan: FieldPlan, *, won: bool) -> LayerView:
    found = layer.find(plan)
    if found is not None:
        return LayerView(layer.name, "shadowed" if won else "wins", layer.origin(found.entry).place)
    return LayerView(layer.name, *layer.sought(plan))
