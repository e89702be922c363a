"""From a settings class to its values: the layers read, each field's winner, all faults.

The flow of one value: a layer finds text → :mod:`~glisecrets.values` turns it into what pydantic
reads → :mod:`~glisecrets.admission` has the guard and the placeholder rule look at it, and lets the
redactor know a secret → pydantic validates it in :mod:`~glisecrets.validation`.

Modules that only secrets, faults or the build phase need are imported where they are used: a
class without secrets starts as fast as plain pydantic-settings.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .environment import VARIABLE, Environment, current_environment, in_build_phase
from .errors import SETTINGS, Fault
from .folders import search_folders
from .layers import DotenvLayer, Layer, ProcessLayer, TemplateLayer
from .layers.dotenv import UnreadableFile
from .origins import Origin
from .placeholders import BUILD_MARK
from .resolution import Resolution

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .fields import FieldPlan
    from .options import LoadOptions
    from .stores.base import Store

#: Where Docker and ECS mount secret files.
_RUN_SECRETS = "/run/secrets"


class LoadContext:
    """What one load takes from its surroundings; each part can be replaced, in tests say.

    A plain class, so that nothing which walks a traceback's locals finds the variables.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str] | None = None,
        environment: str | None = None,
        directory: Path | None = None,
        store: str | Store | None = None,
    ) -> None:
        self.environ = os.environ if environ is None else environ
        self.environment = (
            Environment.parse(environment) if environment else current_environment(self.environ)
        )
        #: Whether nothing names the environment, so that it is production.
        self.assumed = not (environment or self.environ.get(VARIABLE, "").strip())
        self.directory = directory
        #: Values that override every layer, by field name.
        self.arguments: Mapping[str, Any] = {}
        #: Overrides ``GLISECRETS_STORE`` and the class's own choice.
        self.store = store


def resolve(plans: Sequence[FieldPlan], options: LoadOptions, context: LoadContext) -> Resolution:
    """Read the layers for a class's fields. A bad value raises nothing: the faults tell."""
    resolution = Resolution(context.environment, {plan.name: plan for plan in plans}, options)
    resolution.build = in_build_phase(context.environ)
    resolution.values.update(context.arguments)
    given = list(context.arguments)
    resolution.winners.update({name: Origin("arguments", f"argument {name}") for name in given})
    asked = [plan for plan in plans if plan.name not in given]
    _read_layers(resolution, context, asked)
    for plan in asked:
        take_winner(resolution, plan)
    if not resolution.build:
        _admit_all(resolution)
    return resolution


def _read_layers(resolution: Resolution, context: LoadContext, plans: Sequence[FieldPlan]) -> None:
    """Make the layers, strongest first; the store's is asked what those before it do not give."""
    directory = context.directory or resolution.options.directory or Path.cwd()
    makers = _layer_makers(resolution, context, directory)
    for name in reversed(resolution.options.layers):
        if name in makers:
            layer = _made(makers[name], resolution.faults)
            resolution.layers += (layer,) if layer else ()
        elif name == "store":
            _read_store(resolution, context, directory, plans)


def _layer_makers(
    resolution: Resolution, context: LoadContext, directory: Path
) -> dict[str, Callable[[], Layer]]:
    environment, environ, options = resolution.environment, context.environ, resolution.options
    folders, variables = search_folders(directory), environ if options.expand else None
    secrets_dir = options.secrets_dir or Path(environ.get("GLISECRETS_SECRETS_DIR") or _RUN_SECRETS)
    return {
        "template": lambda: TemplateLayer.read(".env.example", folders, variables=variables),
        "dotenv": lambda: DotenvLayer.read(f".env.{environment}", folders, variables=variables),
        "process": lambda: ProcessLayer(environ, environment, secrets_dir),
    }


def _made(make: Callable[[], Layer], faults: list[Fault]) -> Layer | None:
    try:
        return make()
    except UnreadableFile as error:
        faults.append(
            Fault(SETTINGS, "unreadable", error.message, error.place, (), error.next_step)
        )
        return None


def _read_store(
    resolution: Resolution, context: LoadContext, directory: Path, plans: Sequence[FieldPlan]
) -> None:
    """Add the store layer, and let it fetch what no stronger layer gives."""
    declared = [plan for plan in plans if plan.declaration is not None]
    if not declared:
        return  # neither a store nor the code for one is loaded
    from .access import StoreAccess
    from .layers.store import StoreLayer

    guard, environment = resolution.guard, resolution.environment
    resolution.access = StoreAccess(environment, resolution.options, context, guard, directory)
    layer = StoreLayer(environment, guard, resolution.access)
    stronger = resolution.layers
    layer.fetch(plan for plan in declared if not any(item.find(plan) for item in stronger))
    resolution.layers += (layer,)


def take_winner(resolution: Resolution, plan: FieldPlan) -> None:
    """Take the strongest layer's value, or tell the fault of having none."""
    for layer in resolution.layers:
        found = layer.find(plan)
        if found is None:
            continue
        resolution.winners[plan.name] = (layer, found.entry)
        if found.error is None:
            resolution.values[plan.name] = found.value
        else:
            from .faults import fault_of_error

            origin = str(layer.origin(found.entry))
            resolution.faults.append(fault_of_error(plan.name, found.error, origin=origin))
        return
    if plan.required:
        tell = _give_placeholder if resolution.build else _tell_missing
        tell(resolution, plan)


def _give_placeholder(resolution: Resolution, plan: FieldPlan) -> None:
    from .build_phase import LAYER, placeholder

    resolution.winners[plan.name] = Origin(LAYER, "placeholder of the build phase")
    resolution.values[plan.name] = placeholder(plan)


def _tell_missing(resolution: Resolution, plan: FieldPlan) -> None:
    step = resolution.how_to_give(plan)
    resolution.faults.append(Fault(plan.name, "missing", "no layer has a value", next_step=step))


def _admit_all(resolution: Resolution) -> None:
    plans = resolution.plans
    known = (name for name in resolution.values if name in plans)
    checked = [n for n in known if plans[n].checked or _tells(resolution.values[n])]
    if checked:
        from .admission import admit

        found = (admit(resolution, plans[name], resolution.values[name]) for name in checked)
        resolution.faults += (fault for fault in found if fault is not None)


def _tells(value: object) -> bool:
    """Tell whether a value must be looked at whatever its field: a placeholder, or a URL."""
    return isinstance(value, str) and (BUILD_MARK in value or "://" in value)
