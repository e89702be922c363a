"""From a settings class to the secrets that it declares, and how each is to be rotated.

Several fields may live in one secret; what they say of its rotation is joined.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glisecrets.errors import ConfigurationError, InvalidReference
from glisecrets.references import Reference

from ..rotator import ADMIN
from ..subject import PERIOD, ROTATOR, TAG_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import timedelta

    from glisecrets.declaration import SecretDeclaration
    from glisecrets.environment import Environment

#: The options that name another secret, which a rotation reads: an administrator's, GitHub's.
READ_BY_ROTATIONS = (ADMIN, "github-token")


@dataclass(frozen=True, slots=True)
class Declared:
    """One secret of one environment, as the fields of a settings class declare it."""

    reference: Reference
    fields: tuple[str, ...]
    #: What its tags are to say, without the prefix.
    options: Mapping[str, str]

    @property
    def secret(self) -> str:
        """The secret's name or ARN."""
        return self.reference.secret

    @property
    def kind(self) -> str | None:
        """The rotator's name; ``None`` leaves it to the secret's tag."""
        return self.options.get(ROTATOR)

    @property
    def tags(self) -> dict[str, str]:
        """The tags that say the same in the store."""
        return {TAG_PREFIX + name: text for name, text in self.options.items()}


def declared_secrets(settings: Any, environment: Environment) -> list[Declared]:
    """Give the secrets that a settings class declares, in the order of its fields.

    Raises:
        ConfigurationError: two fields say different things of one secret.
    """
    secrets: dict[tuple[str | None, str], Declared] = {}
    for field, declaration in _declarations(settings):
        reference = declaration.reference(environment)
        place = (reference.store, reference.secret)
        known = secrets.get(place, Declared(reference, (), {}))
        options = _joined(known, field, _options(declaration, environment))
        secrets[place] = Declared(reference, (*known.fields, field), options)
    return list(secrets.values())


def secrets_read(options: Mapping[str, str]) -> set[str]:
    """Give the names of the secrets that options may refer to; of any text that could be one."""
    names = set()
    for text in options.values():
        try:
            names.add(Reference.parse(text).secret)
        except InvalidReference:
            continue
    return names


def with_those_read(declared: Iterable[Declared]) -> list[str]:
    """Give the names of declared secrets and of those that their rotations read, each once."""
    every = list(declared)
    options = (each.options for each in every)
    read = [each[name] for each in options for name in READ_BY_ROTATIONS if name in each]
    names = [*(each.secret for each in every), *(Reference.parse(text).secret for text in read)]
    return list(dict.fromkeys(names))


def _declarations(settings: Any) -> Iterator[tuple[str, SecretDeclaration]]:
    from glisecrets.declaration import declaration_of  # it imports pydantic, which Lambda lacks

    for name, field in settings.model_fields.items():
        declaration = declaration_of(field)
        if declaration is not None:
            yield name, declaration


def _options(declaration: SecretDeclaration, environment: Environment) -> dict[str, str]:
    options = {
        name: text.replace("{environment}", environment) for name, text in declaration.rotation
    }
    if declaration.kind:
        options[ROTATOR] = declaration.kind
    if declaration.rotate_every:
        options[PERIOD] = _written(declaration.rotate_every)
    return options


def _joined(known: Declared, field: str, options: Mapping[str, str]) -> dict[str, str]:
    for name, text in options.items():
        if known.options.get(name, text) != text:
            raise ConfigurationError(
                f"{known.secret}: {', '.join(known.fields)} and {field} declare"
                f" different values of {name}",
                next_step="say it in one of the fields, or the same in all",
            )
    return {**known.options, **options}


def _written(period: timedelta) -> str:
    seconds = int(period.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
