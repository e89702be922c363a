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

Each id starts with ``glisecrets.``. Here are those of one field; W101 to W103 and E106 look at a
project, in :mod:`.project_checks`, and E107 is :class:`.blind_index.BlindIndex`'s own.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.checks import CheckMessage, Error
from django.db import models

from glisecrets.environment import Environment
from glisecrets.errors import ConfigurationError
from glisecrets.keys.envelope.context import FieldContext

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .fields import EncryptedField

__all__ = ["INDEX_HINT", "check_field", "error"]

#: Django's checks of a default that instances share, of lengths and of digits.
_PLAIN = {"fields.E010", "fields.E121", *(f"fields.E13{number}" for number in range(5))}
INDEX_HINT = "Declare a BlindIndex; equal values are encrypted to different bytes."


def check_field(field: EncryptedField) -> Iterator[CheckMessage]:
    """Tell what is wrong with one field (E101 to E105)."""
    for option in _options_without_meaning(field):
        yield error(f"An encrypted field cannot have {option}.", INDEX_HINT, field, "E101")
    if field.bound_to_row and not _has_uuid_key(field.model):
        hint = "Make the primary key a UUIDField with default=uuid.uuid4."
        yield error("bound_to_row needs a key that is known before saving.", hint, field, "E102")
    for place in _places_of(field):
        yield error(f"Meta.{place} names an encrypted field.", INDEX_HINT, field, "E103")
    if not apps.is_installed("glisecrets.django_integration.encryption"):
        hint = 'Add "glisecrets.django_integration.encryption" to INSTALLED_APPS.'
        yield error("There is no table for the data keys.", hint, field, "E104")
    try:
        FieldContext(field.data_class, Environment.PRODUCTION, field.label)
    except ConfigurationError as fault:
        yield error(fault.message, fault.next_step, field, "E105")
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


def error(told: str, hint: str, place: Any, number: str) -> Error:
    """Make a message of ours."""
    return Error(told, hint=hint, obj=place, id=f"glisecrets.{number}")
