"""Which encrypted fields and blind indexes the project's models declare, and how they are named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist

from glisecrets.errors import ConfigurationError

from .blind_index import BlindIndex
from .fields import EncryptedField

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import Field, Model

__all__ = ["declared", "declared_indexes", "encrypted_field", "field_of", "labelled", "model_of"]


def declared(models: Iterable[type[Model]] | None = None) -> list[EncryptedField | BlindIndex]:
    """Give the encrypted fields and blind indexes of some models, by default of all."""
    return [
        field
        for model in (apps.get_models(include_auto_created=True) if models is None else models)
        for field in model._meta.local_fields
        if isinstance(field, EncryptedField | BlindIndex)
    ]


def declared_indexes(models: Iterable[type[Model]] | None = None) -> list[BlindIndex]:
    """Give the blind indexes of some models, by default of all."""
    return [field for field in declared(models) if isinstance(field, BlindIndex)]


def labelled(label: str) -> list[EncryptedField | BlindIndex]:
    """Give what has the label: one, unless fields share a data key.

    Raises:
        ConfigurationError: nothing has it.
    """
    found = [field for field in declared() if field.label == label]
    if not found:
        raise ConfigurationError(
            f"no encrypted field has the label {label!r}",
            next_step="see `manage.py encrypted_fields status`",
        )
    return found


def model_of(name: str) -> type[Model]:
    """Give the model of ``app_label.Model``.

    Raises:
        ConfigurationError: there is none.
    """
    try:
        return apps.get_model(name)
    except (LookupError, ValueError):
        pass
    raise ConfigurationError(f"{name!r} is no model", next_step="write app_label.Model")


def field_of(model: type[Model], name: str) -> Field[object, object]:
    """Give a field that the model's own table has a column of.

    Raises:
        ConfigurationError: there is none.
    """
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        field = None
    if field is None or not getattr(field, "concrete", False) or field.model is not model:
        raise ConfigurationError(f"{model._meta.label} has no column {name!r} of its own")
    return field  # type: ignore[return-value]


def encrypted_field(path: str) -> EncryptedField | BlindIndex:
    """Give the field of ``app_label.Model.field``.

    Raises:
        ConfigurationError: there is none, or it is not encrypted.
    """
    model, _, name = path.rpartition(".")
    field = field_of(model_of(model), name)
    if not isinstance(field, EncryptedField | BlindIndex):
        raise ConfigurationError(f"{field} is not encrypted")
    return field
