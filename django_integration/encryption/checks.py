"""System checks of encrypted fields: ``manage.py check`` tells what would work and mean nothing.

======== ===========================================================================
E101     an option of a field: index, unique, primary key, choices, database default
E102     a value bound to its row, and no UUIDField with a default as the primary key
E103     an index, a constraint, ``unique_together`` or ``ordering`` over the field
E104     the app ``glisecrets.django_integration.encryption`` is not installed
E105     a data class or label that is none
E106     the admin searches, filters or orders by the field
E107     a blind index of no encrypted field, of one declared after it, or beside another
W101     two fields have one label, and so one data key
======== ===========================================================================

Each id starts with ``glisecrets.``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004
from django.db import models

from glisecrets.environment import Environment
from glisecrets.errors import ConfigurationError
from glisecrets.keys.envelope.context import FieldContext

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .fields import EncryptedField

__all__ = ["check_admin", "check_field", "check_labels"]

_INDEX = "Declare a BlindIndex; equal values are encrypted to different bytes."


def check_field(field: EncryptedField) -> Iterator[CheckMessage]:
    """Tell what is wrong with one field (E101 to E105)."""
    for option in _options_without_meaning(field):
        yield _error(f"An encrypted field cannot have {option}.", _INDEX, field, "E101")
    if field.bound_to_row and not _has_uuid_key(field.model):
        hint = "Make the primary key a UUIDField with default=uuid.uuid4."
        yield _error("bound_to_row needs a key that is known before saving.", hint, field, "E102")
    for place in _places_of(field):
        yield _error(f"Meta.{place} names an encrypted field.", _INDEX, field, "E103")
    if not apps.is_installed("glisecrets.django_integration.encryption"):
        hint = 'Add "glisecrets.django_integration.encryption" to INSTALLED_APPS.'
        yield _error("There is no table for the data keys.", hint, field, "E104")
    try:
        FieldContext(field.data_class, Environment.PRODUCTION, field.label)
    except ConfigurationError as error:
        yield _error(error.message, error.next_step, field, "E105")


def _options_without_meaning(field: EncryptedField) -> Iterator[str]:
    options = ("primary_key", "unique", "db_index", "choices")
    dates = ("unique_for_date", "unique_for_month", "unique_for_year")
    yield from (option for option in (*options, *dates) if getattr(field, option))
    if field.has_db_default():
        yield "db_default"


def _has_uuid_key(model: type[models.Model]) -> bool:
    key: Any = model._meta.pk
    while key.remote_field:  # a child's key is its parent's
        key = key.target_field
    return isinstance(key, models.UUIDField) and key.has_default()


def _places_of(field: EncryptedField) -> Iterator[str]:
    meta = field.model._meta
    named = {field.name, f"-{field.name}"}
    groups: dict[str, Iterable[Any]] = {
        "indexes": [it.fields for it in meta.indexes],
        "constraints": [getattr(it, "fields", ()) for it in meta.constraints],
        "unique_together": meta.unique_together,
        "ordering": [meta.ordering or ()],
    }
    for place, groups_of_names in groups.items():
        if any(name in named for names in groups_of_names for name in names if _is_text(name)):
            yield place


def _is_text(name: object) -> bool:
    return isinstance(name, str)


def _error(told: str, hint: str, field: Any, number: str) -> Error:
    return Error(told, hint=hint, obj=field, id=f"glisecrets.{number}")


@register(Tags.models)
def check_labels(**_: Any) -> list[CheckMessage]:
    """Tell of fields that share a label (W101); an inherited field is one field."""
    first: dict[str, Any] = {}
    found: list[CheckMessage] = []
    for model in apps.get_models():
        for field in _encrypted(model):
            other = first.setdefault(field.label, field)
            if other is field or other.creation_counter == field.creation_counter:
                continue
            told = f"{field.label!r} is also the label of {other}: they have one data key."
            hint = "Give each field a label of its own."
            found.append(Warning(told, hint=hint, obj=field, id="glisecrets.W101"))
    return found


@register(Tags.admin)
def check_admin(**_: Any) -> list[CheckMessage]:
    """Tell of admin pages that would search, filter or order by an encrypted field (E106)."""
    sites = sys.modules.get("django.contrib.admin.sites")  # not there: nobody uses it
    if sites is None:
        return []
    return [
        _error(f"{option} names the encrypted field {name!r}.", _INDEX, type(admin), "E106")
        for site in sites.all_sites
        for model, admin in site._registry.items()  # noqa: SLF001 - Django has no other way
        for option, name in _admin_uses(admin, {field.name for field in _encrypted(model)})
    ]


def _admin_uses(admin: Any, names: set[str]) -> Iterator[tuple[str, str]]:
    for option in ("search_fields", "list_filter", "ordering", "date_hierarchy"):
        given = getattr(admin, option, None) or ()
        for each in [given] if isinstance(given, str) else given:
            name = each[0] if isinstance(each, tuple | list) else each
            if isinstance(name, str) and name.lstrip("-^=@").partition("__")[0] in names:
                yield option, name


def _encrypted(model: type[models.Model]) -> list[Any]:
    fields = model._meta.local_fields
    return [field for field in fields if hasattr(field, "provision_data_key")]
