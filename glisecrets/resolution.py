"""The outcome of reading the layers for one settings class: values, origins, faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .origins import Explanation, LayerView, Origin

if TYPE_CHECKING:
    from .access import StoreAccess
    from .environment import Environment
    from .errors import Fault
    from .fields import FieldPlan
    from .guard import Guard
    from .layers import Layer

__all__ = ["DEFAULT", "Resolution"]

#: The origin of a value that no layer gave.
DEFAULT = Origin("defaults", "the class's own default")


@dataclass(slots=True)
class Resolution:
    """The outcome of one load before validation. Its ``repr`` shows no value."""

    environment: Environment
    access: StoreAccess
    guard: Guard
    plans: dict[str, FieldPlan] = field(repr=False)
    #: Strongest first.
    layers: tuple[Layer, ...] = ()
    values: dict[str, Any] = field(default_factory=dict, repr=False)
    faults: list[Fault] = field(default_factory=list)
    #: Field -> the layer that gave its value and the layer's entry, or an origin outside of them.
    winners: dict[str, tuple[Layer, str] | Origin] = field(default_factory=dict, repr=False)

    def origin(self, name: str) -> Origin:
        """Give the origin of a field's value.

        Raises:
            KeyError: there is no such field.
        """
        winner = self.winners.get(self.plans[name].name, DEFAULT)
        return winner if isinstance(winner, Origin) else winner[0].origin(winner[1])

    def explain(self, name: str) -> Explanation:
        """Tell what every layer had for a field.

        Raises:
            KeyError: there is no such field.
        """
        plan, winner = self.plans[name], self.winners.get(name)
        views, won = [], isinstance(winner, Origin)
        for layer in self.layers:
            views.append(_view(layer, plan, won=won))
            won = won or (isinstance(winner, tuple) and winner[0] is layer)
        if not plan.required:
            views.append(LayerView(DEFAULT.layer, "shadowed" if won else "wins", DEFAULT.place))
        return Explanation(name, self.origin(name), plan.secret, tuple(views))

    def looked_at(self, name: str) -> tuple[str, ...]:
        """Tell each layer and what it had or was asked for, weakest first."""
        return tuple(f"{view.layer}: {view.place}" for view in reversed(self.explain(name).layers))

    def forget(self) -> None:
        """Drop the values, and what was read from stores; origins stay known."""
        self.values = {}
        for layer in self.layers:
            layer.forget()


def _view(layer: Layer, plan: FieldPlan, *, won: bool) -> LayerView:
    found = layer.find(plan)
    if found is not None:
        return LayerView(layer.name, "shadowed" if won else "wins", layer.origin(found.entry).place)
    not_asked = won and layer.name == "store" and plan.declaration is not None
    return LayerView(layer.name, "not asked" if not_asked else "no value", layer.sought(plan))
