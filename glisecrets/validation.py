"""From what the layers gave to a valid settings object, or to all that is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from .loading import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .errors import Fault
    from .loading import LoadContext
    from .resolution import Resolution
    from .settings import Settings


def attempt(settings: Settings, context: LoadContext) -> tuple[Resolution, list[Fault]]:
    """Read and validate into a settings object; give what was read, and every fault in order."""
    cls = type(settings)
    resolution = resolve(cls.field_plans(), cls.load_options, context)
    faults = [*resolution.faults, *_validate(settings, resolution)]
    return resolution, [_completed(fault, resolution) for fault in _in_order(faults, cls)]


def _validate(settings: Settings, resolution: Resolution) -> Iterator[Fault]:
    """Validate into the settings object; give the faults that the layers have not told already."""
    told = {fault.field for fault in resolution.faults}
    faults = _validation_faults(settings, resolution)
    if faults and resolution.build:
        from .build_phase import forgiven

        faults = forgiven(settings, resolution, faults)
    for fault in faults:
        if fault.field.partition(".")[0] not in told:
            yield fault


def _validation_faults(settings: Settings, resolution: Resolution) -> list[Fault]:
    context = resolution.validation_context
    validate = type(settings).__pydantic_validator__.validate_python
    try:
        # No local name for the values: a validator may leave by SystemExit, its traceback stays.
        validate(
            resolution.values, self_instance=settings, context=context, by_name=True, by_alias=False
        )
    except ValidationError as error:
        from .faults import faults_of_validation

        origins = {name: str(resolution.origin(name)) for name in resolution.plans}
        secrets = frozenset(name for name, plan in resolution.plans.items() if plan.secret)
        return faults_of_validation(error, resolution.values, origins, secrets)
    except Exception as error:  # noqa: BLE001 - a validator's own crash is a fault like any other
        from .faults import crashed_validator

        return [crashed_validator(error)]
    return []


def _completed(fault: Fault, resolution: Resolution) -> Fault:
    """Add the layers looked at, and a next step where the fault names none."""
    name = fault.field.partition(".")[0]
    looked_at = resolution.looked_at(name) if name in resolution.plans else ()
    step = fault.next_step or _next_step(fault, resolution)
    return fault._replace(looked_at=looked_at, next_step=step)


def _next_step(fault: Fault, resolution: Resolution) -> str:
    layer, _, place = fault.origin.partition(": ")
    plan = resolution.plans.get(fault.field)
    if plan is not None and layer in {"defaults", "store"}:
        return resolution.how_to_give(plan)
    return f"mend {place}" if place else ""


def _in_order(faults: Iterable[Fault], cls: type[Settings]) -> list[Fault]:
    order = {name: number for number, name in enumerate(cls.model_fields)}
    return sorted(faults, key=lambda fault: order.get(fault.field.partition(".")[0], -1))
