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
    from .layers import Found, Layer

__all__ = ["Resolution", "Trace"]


@dataclass(slots=True)
class Trace:
    """What each layer had for one field."""

    plan: FieldPlan
    #: Strongest layer first.
    hits: list[tuple[Layer, Found | None]] = field(default_factory=list, repr=False)
    #: Set where no layer won: the arguments, the defaults or the build phase gave the value.
    origin: Origin | None = None


@dataclass(slots=True)
class Resolution:
    """The outcome of one load before validation. Its ``repr`` shows no value."""

    environment: Environment
    access: StoreAccess
    guard: Guard
    #: Strongest first.
    layers: tuple[Layer, ...] = ()
    values: dict[str, Any] = field(default_factory=dict, repr=False)
    faults: list[Fault] = field(default_factory=list)
    traces: dict[str, Trace] = field(default_factory=dict, repr=False)

    def origin(self, name: str) -> Origin:
        """Give the origin of a field's value."""
        trace = self.traces[name]
        if trace.origin is not None:
            return trace.origin
        for layer, found in trace.hits:
            if found is not None:
                return layer.origin(found.entry)
        return Origin("defaults", "the class's own default")

    def explain(self, name: str) -> Explanation:
        """Tell what every layer had for a field."""
        trace = self.traces[name]
        views, won = [], trace.origin is not None
        for layer, found in trace.hits:
            views.append(_view(layer, found, trace.plan, won=won))
            won = won or found is not None
        if not trace.plan.required:
            place = "the class's own default"
            views.append(LayerView("defaults", "shadowed" if won else "wins", place))
        return Explanation(name, self.origin(name), trace.plan.secret, tuple(views))

    def looked_at(self, name: str) -> tuple[str, ...]:
        """Tell each layer and what it had or was asked for, weakest first."""
        views = reversed(self.explain(name).layers)
        return tuple(f"{view.layer}: {view.place}" for view in views)

    def forget(self) -> None:
        """Drop every value; origins stay known."""
        self.values = {}
        for trace in self.traces.values():
            trace.hits = [(layer, found and found.emptied()) for layer, found in trace.hits]
        for layer in self.layers:
            layer.forget()


def _view(layer: Layer, found: Found | None, plan: FieldPlan, *, won: bool) -> LayerView:
    if found is None:
        not_asked = won and layer.name == "store" and plan.declaration is not None
        return LayerView(layer.name, "not asked" if not_asked else "no value", layer.sought(plan))
    state = "shadowed" if won else "wins"
    return LayerView(layer.name, state, layer.origin(found.entry).place)
