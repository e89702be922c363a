"""From a settings class to its values: the layers read, each field's winner, all faults.

The flow of one value: a layer finds text → :mod:`~glisecrets.values` turns it into what pydantic
reads → the guard and the placeholder rule look at it → the redactor learns it if it is secret →
pydantic validates it in :mod:`~glisecrets.settings`.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .access import StoreAccess
from .build_phase import holds_placeholder, in_build_phase, placeholder
from .environment import Environment, current_environment
from .errors import EnvironmentMismatch, Fault
from .faults import SETTINGS, fault_of_error
from .guard import Guard, hosts_in
from .layers import DotenvLayer, Layer, ProcessLayer, StoreLayer, TemplateLayer
from .layers.dotenv import UnreadableFile, search_folders
from .origins import Origin
from .placeholders import is_placeholder
from .redaction import process_redactor
from .resolution import Resolution

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .fields import FieldPlan
    from .options import LoadOptions
    from .stores.base import Store

__all__ = ["LoadContext", "resolve"]

#: Where Docker and ECS mount secret files.
_RUN_SECRETS = Path("/run/secrets")


@dataclass(frozen=True, slots=True)
class LoadContext:
    """What one load takes from its surroundings; each part can be replaced, in tests say."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    environment: Environment | None = None
    directory: Path | None = None
    #: Overrides ``GLISECRETS_STORE`` and the class's own choice.
    store: str | Store | None = None


def resolve(
    plans: Sequence[FieldPlan],
    options: LoadOptions,
    context: LoadContext,
    arguments: Mapping[str, Any],
) -> Resolution:
    """Read the layers for a class's fields. A bad value raises nothing: the faults tell.

    Raises:
        ConfigurationError: ``DJANGO_ENV`` names no environment.
    """
    resolution = _begin({plan.name: plan for plan in plans}, options, context)
    asked = [plan for plan in plans if plan.name not in arguments]
    resolution.values.update(arguments)
    resolution.winners.update({name: Origin("arguments", f"argument {name}") for name in arguments})
    _fetch_secrets(resolution.layers, asked)
    build = in_build_phase(context.environ)
    for plan in asked:
        _take_winner(resolution, plan, build=build)
    if not build:
        _admit_all(resolution)
    return resolution


def _begin(plans: dict[str, FieldPlan], options: LoadOptions, context: LoadContext) -> Resolution:
    environment = context.environment or current_environment(context.environ)
    guard = Guard.of(environment, options)
    directory = context.directory or options.directory or Path.cwd()
    access = StoreAccess(environment, options, context.environ, guard, directory, context.store)
    resolution = Resolution(environment, access, guard, plans)
    makers = _layer_makers(resolution, options, context, directory)
    made = [
        _made(makers[name], resolution.faults)
        for name in reversed(options.layers)
        if name in makers
    ]
    resolution.layers = tuple(layer for layer in made if layer is not None)
    return resolution


def _layer_makers(
    resolution: Resolution, options: LoadOptions, context: LoadContext, directory: Path
) -> dict[str, Callable[[], Layer]]:
    environment, environ = resolution.environment, context.environ
    dotenv, expand = f".env.{environment}", options.expand
    folders = search_folders(directory)
    secrets_dir = options.secrets_dir or Path(environ.get("GLISECRETS_SECRETS_DIR") or _RUN_SECRETS)
    return {
        "template": lambda: TemplateLayer.read(".env.example", folders, expand=expand),
        "dotenv": lambda: DotenvLayer.read(dotenv, folders, expand=expand),
        "process": lambda: ProcessLayer(environ, environment, secrets_dir),
        "store": lambda: StoreLayer(environment, resolution.guard, resolution.access),
    }


def _made(make: Callable[[], Layer], faults: list[Fault]) -> Layer | None:
    try:
        return make()
    except UnreadableFile as error:
        faults.append(fault_of_error(SETTINGS, error, origin=error.place))
        return None


def _fetch_secrets(layers: Sequence[Layer], plans: Sequence[FieldPlan]) -> None:
    """Ask the store for the fields that no stronger layer gives."""
    stronger: list[Layer] = []
    for layer in layers:
        if isinstance(layer, StoreLayer):
            layer.fetch(plan for plan in plans if not any(item.find(plan) for item in stronger))
            return
        stronger.append(layer)


def _take_winner(resolution: Resolution, plan: FieldPlan, *, build: bool) -> None:
    """Take the strongest layer's value, or tell the fault of having none."""
    for layer in resolution.layers:
        found = layer.find(plan)
        if found is None:
            continue
        resolution.winners[plan.name] = (layer, found.entry)
        if found.error is None:
            resolution.values[plan.name] = found.value
        else:
            origin = str(layer.origin(found.entry))
            resolution.faults.append(fault_of_error(plan.name, found.error, origin=origin))
        return
    if plan.required and build:
        resolution.winners[plan.name] = Origin("build", "placeholder of the build phase")
        resolution.values[plan.name] = placeholder(plan)
    elif plan.required:
        resolution.faults.append(_missing(resolution, plan))


def _missing(resolution: Resolution, plan: FieldPlan) -> Fault:
    if plan.declaration is not None:
        reference = plan.declaration.reference(resolution.environment)
        step = f"glisecrets store put '{reference}', or set {plan.variables[0]}"
    else:
        step = f"set {plan.variables[0]} in .env.{resolution.environment} or the environment"
    return Fault(plan.name, "missing", "no layer has a value", next_step=step)


def _admit_all(resolution: Resolution) -> None:
    """Let the redactor know the secrets; refuse placeholders and other environments' hosts."""
    for name, value in resolution.values.items():
        plan = resolution.plans.get(name)
        if plan is None:
            continue
        if plan.secret:
            process_redactor().add(_text(value), name=name)
        fault = _placeholder_fault(resolution, plan, value) or _host_fault(resolution, plan, value)
        if fault is not None:
            resolution.faults.append(fault)


def _placeholder_fault(resolution: Resolution, plan: FieldPlan, value: Any) -> Fault | None:
    built = holds_placeholder(value)
    strict = resolution.environment is not Environment.DEVELOPMENT
    if not built and not (
        strict and plan.secret and isinstance(value, str) and is_placeholder(value)
    ):
        return None
    what = "a placeholder of the build phase" if built else "a placeholder"
    step = (
        "unset GLISECRETS_BUILD at run time and give the real value"
        if built
        else "give the real value"
    )
    return Fault(
        plan.name,
        "placeholder",
        f"the value is {what}",
        str(resolution.origin(plan.name)),
        (),
        step,
    )


def _host_fault(resolution: Resolution, plan: FieldPlan, value: Any) -> Fault | None:
    """Check where a credential leads: a staging service must not hold production's database."""
    if plan.secret:
        hosts = hosts_in(value)
    else:
        hosts = [value] if plan.name.endswith("_host") and isinstance(value, str) else []
    for host in hosts:
        try:
            resolution.guard.check_host(host, f"the host in {plan.name}")
        except EnvironmentMismatch as error:
            return fault_of_error(plan.name, error, origin=str(resolution.origin(plan.name)))
    return None


def _text(value: Any) -> str | bytes:
    """Give what the redactor is to look for; a JSON secret counts leaf by leaf."""
    secret_value = getattr(value, "get_secret_value", None)
    if secret_value is not None:
        value = secret_value()
    return value if isinstance(value, (str, bytes)) else json.dumps(value, default=str)
