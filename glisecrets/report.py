"""A load that is looked at rather than used: what every field has, from where, and all faults.

Unlike making a :class:`~glisecrets.settings.Settings`, a report raises nothing for a bad value:
``glisecrets show`` tells of the fields that are fine beside those that are not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_core import to_jsonable_python

from .errors import SETTINGS
from .field_validation import FieldValidation
from .redaction import Redactor
from .secret_names import looks_secret
from .validation import attempt

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .errors import Fault
    from .explanation import Explanation
    from .fields import FieldPlan
    from .loading import LoadContext
    from .resolution import Resolution
    from .settings import Settings

#: Stands for a secret value, whatever its length.
MASK = "********"

_URL_PASSWORD = re.compile(r"(://[^/?#\s:@]*:)[^\s]+@")


@dataclass(frozen=True, slots=True)
class FieldReport:
    """One field: its value as it may be shown, its origin, its faults."""

    name: str
    #: The variables that feed it, most exact first.
    variables: tuple[str, ...]
    #: Whether its value is masked: declared secret, or text under a name that says so.
    masked: bool
    #: In JSON's types; :data:`MASK` for a secret, ``None`` where there is no value.
    shown: Any
    #: Names of the secret parts that are not masked in logs: too short, or common words.
    unmasked: tuple[str, ...]
    explanation: Explanation
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class SettingsReport:
    """One load of one class. Holds no secret value."""

    #: The name of the settings class.
    title: str
    environment: str
    fields: tuple[FieldReport, ...]
    #: All faults in field order, those of no single field first.
    faults: tuple[Fault, ...]

    def field(self, name: str) -> FieldReport | None:
        """Find a field by its name or by one of its variables, in any case."""
        wanted = name.upper()
        named = (item for item in self.fields if wanted in (item.name.upper(), *item.variables))
        return next(named, None)


def report_on(cls: type[Settings], context: LoadContext) -> SettingsReport:
    """Load a settings class as its constructor does, and tell what there is.

    The secret values become known to the process's redactor and are then forgotten.

    Raises:
        ConfigurationError: ``DJANGO_ENV`` names no environment.
    """
    settings = cls.__new__(cls)
    resolution, faults = attempt(settings, context)
    fields = tuple(_fields(settings, resolution, faults))
    resolution.forget()
    return SettingsReport(cls.__name__, str(resolution.environment), fields, tuple(faults))


def _fields(
    settings: Settings, resolution: Resolution, faults: list[Fault]
) -> Iterator[FieldReport]:
    values = _values(settings, resolution)
    for plan in resolution.plans.values():
        value = values.get(plan.name)
        masked = plan.secret or (isinstance(value, str) and looks_secret(plan.variables[0]))
        own = (fault for fault in faults if fault.field.partition(".")[0] == plan.name != SETTINGS)
        yield FieldReport(
            name=plan.name,
            variables=plan.variables,
            masked=masked,
            shown=_shown(value, masked=masked),
            unmasked=_unmasked(plan, resolution.values.get(plan.name)),
            explanation=resolution.explain(plan.name),
            faults=tuple(own),
        )


def _values(settings: Settings, resolution: Resolution) -> Mapping[str, Any]:
    """Give the valid values; those that some fault kept from that as the layers gave them."""
    if vars(settings):
        return vars(settings)
    fields = FieldValidation(type(settings), resolution)
    for name in resolution.plans:
        fields.take(name)
    return {**resolution.values, **fields.valid}


def _shown(value: Any, *, masked: bool) -> Any:
    if value is None:
        return None
    return MASK if masked else _without_passwords(to_jsonable_python(value, fallback=str))


def _unmasked(plan: FieldPlan, value: Any) -> tuple[str, ...]:
    redactor = Redactor()
    if plan.secret:
        redactor.add(value, name=plan.name)
    return redactor.unmasked


def _without_passwords(value: Any) -> Any:
    """Mask the password of every URL: a field may hold one without being declared secret."""
    if isinstance(value, str):
        return _URL_PASSWORD.sub(rf"\g<1>{MASK}@", value)
    if isinstance(value, dict):
        return {name: _without_passwords(item) for name, item in value.items()}
    return [_without_passwords(item) for item in value] if isinstance(value, list) else value
