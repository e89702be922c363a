"""``secret(…)``: declare that a field's value lives in a store.

The declaration is the single source of truth: the loader, the rotation plan, the manifests and
the audit all read it from the settings class.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import Field
from pydantic_core import PydanticUndefined

from .durations import parse_duration
from .errors import ConfigurationError, InvalidReference

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from pydantic.fields import FieldInfo

    from .environment import Environment
    from .references import Reference


class DataClass(StrEnum):
    """How much harm a leak of the value does; decides keys, readers and where it may be logged."""

    HIGHLY_CONFIDENTIAL = "highly-confidential"
    CONFIDENTIAL = "confidential"
    INTERNAL = "internal"


class SecretDeclaration(NamedTuple):
    """What ``secret(…)`` says about one field."""

    #: The reference as written, with ``{environment}`` where the environment's name goes.
    template: str
    #: How often it is to be rotated; ``None`` leaves it to the kind's default.
    rotate_every: timedelta | None
    data_class: DataClass
    #: Name of the rotator; ``None`` leaves it to the secret's own tag.
    kind: str | None
    #: The rotator's options as written, name and text; pairs, so that it can be hashed.
    rotation: tuple[tuple[str, str], ...] = ()

    def reference(self, environment: Environment) -> Reference:
        """Give the reference for one environment."""
        from .references import Reference  # a class without secrets never needs it

        return Reference.parse(self.template.replace("{environment}", environment))


def secret(
    reference: str,
    default: Any = PydanticUndefined,
    *,
    rotate_every: str | timedelta | None = None,
    data_class: DataClass | str = DataClass.CONFIDENTIAL,
    kind: str | None = None,
    rotation: Mapping[str, str] | None = None,
    **field: Any,
) -> Any:
    """Declare a field whose value lives in a store.

    Args:
        reference: its address, see :mod:`glisecrets.references`; ``{environment}`` stands for the
            environment's name.
        default: the value where no layer has one; without it the field is required.
        rotate_every: a ``timedelta``, or a number and one of s, m, h, d, w: ``"90d"``.
        data_class: how confidential the value is.
        kind: name of the rotator that renews it.
        rotation: the rotator's options by name, see ``docs/rotation.md``; ``{environment}`` in one
            stands for the environment's name.
        **field: anything else that ``pydantic.Field`` takes.

    Raises:
        InvalidReference: the reference does not parse.
        ConfigurationError: ``rotate_every`` or ``data_class`` is not one; an option is no text.
    """
    declaration = SecretDeclaration(
        template=_checked_template(reference),
        rotate_every=parse_duration(rotate_every),
        data_class=_data_class(data_class),
        kind=kind,
        rotation=_options(rotation or {}),
    )
    info: FieldInfo = Field(default, **field)
    info.metadata.append(declaration)
    return info


def declaration_of(info: FieldInfo) -> SecretDeclaration | None:
    """Give the declaration that ``secret(…)`` attached to a field, if any."""
    return next((item for item in info.metadata if isinstance(item, SecretDeclaration)), None)


def _checked_template(template: str) -> str:
    from .references import Reference

    text = template.replace("{environment}", "production")
    if "{" in text or "}" in text:
        raise InvalidReference(
            f"invalid reference {template!r}: {{environment}} is the only placeholder"
        )
    Reference.parse(text)
    return template


def _options(options: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    for name, text in options.items():
        if not isinstance(text, str):
            raise ConfigurationError(
                f"the rotation option {name!r} is no text", next_step="write it as it is in a tag"
            )
    return tuple(sorted(options.items()))


def _data_class(name: DataClass | str) -> DataClass:
    try:
        return DataClass(name)
    except ValueError:
        choices = ", ".join(DataClass)
        raise ConfigurationError(
            f"{name!r} is not a data class", next_step=f"choose one of: {choices}"
        ) from None
