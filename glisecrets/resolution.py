"""The outcome of reading the layers for one settings class: values, origins, faults."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from .origins import DEFAULT, Origin

if TYPE_CHECKING:
    from .access import StoreAccess
    from .environment import Environment
    from .errors import Fault
    from .explanation import Explanation
    from .fields import FieldPlan
    from .guard import Guard
    from .layers import Layer
    from .options import LoadOptions


class Resolution:
    """The outcome of one load before validation.

    A plain class, so that nothing which walks a traceback's locals finds a value.
    """

    def __init__(
        self, environment: Environment, plans: dict[str, FieldPlan], options: LoadOptions
    ) -> None:
        self.environment = environment
        self.plans = plans
        self.options = options
        #: Strongest first.
        self.layers: tuple[Layer, ...] = ()
        self.values: dict[str, Any] = {}
        self.faults: list[Fault] = []
        #: Field -> the layer that gave its value with the layer's entry, or another origin.
        self.winners: dict[str, tuple[Layer, str] | Origin] = {}
        #: The way to the stores; ``None`` for a class that declares no secret.
        self.access: StoreAccess | None = None
        #: Whether this is a load of the build phase.
        self.build = False

    @property
    def validation_context(self) -> dict[str, Any]:
        """What a validator finds in ``info.context``."""
        return {"environment": self.environment, "build": self.build}

    @cached_property
    def guard(self) -> Guard:
        """The environment guard of this load."""
        from .guard import Guard

        return Guard.of(self.environment, self.options)

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
        from .explanation import explain

        return explain(self, name)

    def looked_at(self, name: str) -> tuple[str, ...]:
        """Tell each layer and what it had or was asked for, weakest first."""
        return tuple(f"{view.layer}: {view.place}" for view in reversed(self.explain(name).layers))

    def how_to_give(self, plan: FieldPlan) -> str:
        """Tell the step that gives a field its value."""
        variable = plan.variables[0]
        if any(layer.name == "github" for layer in self.layers):
            return (
                f"set {variable}{self.environment.suffixes[-1]} or {variable} in the workflow's env"
            )
        if plan.declaration is None or self.build or self.access is None or self.access.off:
            return f"set {variable} in .env.{self.environment} or the environment"
        reference = plan.declaration.reference(self.environment)
        return f"glisecrets store put '{reference}', or set {variable}"

    def forget(self) -> None:
        """Drop the values, and what was read from stores; origins stay known."""
        self.values = {}
        for layer in self.layers:
            layer.forget()
