"""Single names read through the layers, for programs that declare no settings class."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .admission import admit
from .declaration import DataClass, SecretDeclaration
from .errors import SETTINGS
from .fields import FieldPlan, Shape
from .loading import LoadContext, resolve, take_winner
from .secret_names import looks_secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .errors import Fault
    from .options import LoadOptions
    from .origins import Origin
    from .resolution import Resolution


class Lookup:
    """Gives one variable's text after the other, each from its strongest layer.

    The files are read, and the store is asked for all references together, at the first look-up;
    and again after the process environment has changed. A name that has a reference or sounds
    secret is treated as a secret field is.
    """

    def __init__(
        self, references: Mapping[str, str], options: LoadOptions, context: LoadContext | None
    ) -> None:
        """Take what to look up and where.

        Args:
            references: variable name -> reference; ``{environment}`` stands for its name.
            options: as a settings class's ``load_options``.
            context: what to load from; ``None``: this process, as it is at each reading.
        """
        self._references = references
        self._options = options
        self._context = context
        self._seen: dict[str, str] | None = None
        self._resolution: Resolution | None = None

    @property
    def build_phase(self) -> bool:
        """Whether this is the build phase."""
        return self._loaded().build

    def names(self) -> Iterator[str]:
        """Give the names of the process environment and of the references."""
        yield from dict.fromkeys([*self._environ, *self._references])

    def text(self, name: str) -> str:
        """Give a variable's text.

        Raises:
            KeyError: no layer has a value, or :meth:`fault` tells why it cannot be used.
        """
        resolution = self._looked_up(name)
        if self.fault(name) is not None:
            raise KeyError(name)
        value: str = resolution.values[name]
        return value

    def fault(self, name: str) -> Fault | None:
        """Give what is wrong with a variable's value, if anything is."""
        found = self._looked_up(name)
        return next((fault for fault in found.faults if fault.field in {name, SETTINGS}), None)

    def origin(self, name: str) -> Origin:
        """Tell where a variable's text came from; ``defaults`` if no layer has one."""
        return self._looked_up(name).origin(name)

    def looked_at(self, name: str) -> tuple[str, ...]:
        """Tell each layer and what it had or was asked for, weakest first."""
        return self._looked_up(name).looked_at(name)

    @property
    def _environ(self) -> Mapping[str, str]:
        return os.environ if self._context is None else self._context.environ

    def _looked_up(self, name: str) -> Resolution:
        resolution = self._loaded()
        if name not in resolution.plans:
            plan = resolution.plans[name] = self._plan(name)
            take_winner(resolution, plan)
            if name in resolution.values and not resolution.build:
                fault = admit(resolution, plan, resolution.values[name])
                resolution.faults += [fault] if fault else []
        return resolution

    def _loaded(self) -> Resolution:
        """Read the layers, unless that was done in the same process environment."""
        environ = dict(self._environ)
        if self._resolution is None or environ != self._seen:
            plans = [self._plan(name) for name in self._references]
            context = self._context or LoadContext()
            self._resolution = resolve(plans, self._options, context)
            self._seen = environ
        return self._resolution

    def _plan(self, name: str) -> FieldPlan:
        reference = self._references.get(name)
        declaration = reference and SecretDeclaration(
            reference, rotate_every=None, data_class=DataClass.CONFIDENTIAL, kind=None
        )
        return FieldPlan(
            name=name,
            variables=(name.upper(),),
            shape=Shape.TEXT,
            binary=False,
            secret=bool(reference) or looks_secret(name),
            required=False,
            declaration=declaration or None,
            annotation=str,
        )
