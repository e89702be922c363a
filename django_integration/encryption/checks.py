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
W102     a column of an admin's list sorts by the field when it is clicked
W103     an admin that saves as new, which leaves masked values behind
======== ===========================================================================

Each id starts with ``glisecrets.``.
"""

from __future__ import annotations

import sys
from copy import copy
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004
from django.core.exceptions import FieldDoesNotExist
from django.db import models

from glisecrets.environment import Environment
from glisecrets.errors import ConfigurationError
from glisecrets.keys.envelope.context import FieldContext

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .fields import EncryptedField

__all__ = ["check_admin", "check_field", "check_labels"]

#: Django's checks of a default that instances share, of lengths and of digits.
_PLAIN = {"fields.E010", "fields.E121", *(f"fields.E13{number}" for number in range(5))}
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
    yield from _plain_checks(field)


def _plain_checks(field: EncryptedField) -> Iterator[CheckMessage]:
    """Tell what the plain field would tell of its own options."""
    plain: Any = copy(field.inner)
    plain.model, plain.default = field.model, field.default
    for told in plain.check():
        if told.id in _PLAIN:
            told.obj = field
            yield told


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
    groups: dict[str, Iterable[Any]] = {
        "indexes": [(*it.fields, *it.expressions) for it in meta.indexes],
        "constraints": [(*getattr(it, "fields", ()), *_expressions(it)) for it in meta.constraints],
        "unique_together": meta.unique_together,
        "pk": [getattr(meta.pk, "field_names", ())],  # of a composite one
        "ordering": [meta.ordering or ()],
    }
    for place, groups_of_parts in groups.items():
        if any(field.name in _names(part) for parts in groups_of_parts for part in parts):
            yield place


def _expressions(constraint: Any) -> Iterator[Any]:
    """Give a unique constraint's expressions, and those of pairs with operators."""
    for given in getattr(constraint, "expressions", ()):
        yield given[0] if isinstance(given, tuple | list) else given


def _names(part: Any) -> Iterator[str]:
    """Give the names of fields in a name or an expression."""
    if isinstance(part, str):
        yield part.lstrip("-")
    elif isinstance(part, models.F):
        yield str(vars(part)["name"])
    else:
        for inner in getattr(part, "get_source_expressions", tuple)():
            yield from _names(inner)


def _error(told: str, hint: str, field: Any, number: str) -> Error:
    return Error(told, hint=hint, obj=field, id=f"glisecrets.{number}")


def _warning(told: str, hint: str, place: Any, number: str) -> Warning:
    return Warning(told, hint=hint, obj=place, id=f"glisecrets.{number}")


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
            found.append(_warning(told, hint, field, "W101"))
    return found


@register(Tags.admin)
def check_admin(**_: Any) -> list[CheckMessage]:
    """Tell of admin pages that search, filter or order by one, or do not copy it (E106, W102-3)."""
    sites = sys.modules.get("django.contrib.admin.sites")  # not there: nobody uses it
    if sites is None:
        return []
    registered = [
        (model, admin)
        for site in sites.all_sites
        for model, admin in site._registry.items()  # noqa: SLF001 - Django has no other way
    ]
    return [told for model, admin in registered for told in _check_page(model, admin)]


def _check_page(model: type[models.Model], admin: Any) -> Iterator[CheckMessage]:
    page = type(admin)
    for option in ("search_fields", "list_filter", "ordering", "date_hierarchy"):
        for name in _encrypted_names(model, getattr(admin, option, None)):
            yield _error(f"{option} names the encrypted field {name!r}.", _INDEX, page, "E106")
    sortable = admin.list_display if admin.sortable_by is None else admin.sortable_by
    for name in _encrypted_names(model, sortable):
        told = f"The list sorts by the encrypted field {name!r} when its title is clicked."
        yield _warning(told, "Name the other columns in sortable_by.", page, "W102")
    if admin.save_as and any(getattr(field, "masked", False) for field in _encrypted(model)):
        told = "“Save as new” leaves the values of masked fields behind."
        yield _warning(told, "Leave save_as out, or set masked=False.", page, "W103")


def _encrypted_names(model: type[models.Model], given: Any) -> Iterator[str]:
    for each in [given] if isinstance(given, str) else given or ():
        name = each[0] if isinstance(each, tuple | list) else each
        if isinstance(name, str) and _leads_to_encrypted(model, name.lstrip("-^=@").split("__")):
            yield name


def _leads_to_encrypted(model: Any, path: list[str]) -> bool:
    """Tell whether a path of names, also across relations, comes by an encrypted field."""
    for name in path:
        try:
            field = model._meta.get_field(name)
        except FieldDoesNotExist:
            return False
        if hasattr(field, "provision_data_key") and hasattr(field, "inner"):
            return True
        model = getattr(field, "related_model", None)
        if model is None:
            return False
    return False


def _encrypted(model: type[models.Model]) -> list[Any]:
    fields = model._meta.local_fields
    return [field for field in fields if hasattr(field, "provision_data_key")]
