"""System checks across a project: labels that fields share, and admin pages; see :mod:`.checks`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004
from django.core.exceptions import FieldDoesNotExist

from .checks import INDEX_HINT, error
from .declared import declared
from .fields import EncryptedField

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db import models

__all__ = ["check_admin", "check_labels"]


@register(Tags.models)
def check_labels(**_: Any) -> list[CheckMessage]:
    """Tell of fields that share a label (W101); an inherited field is one field."""
    first: dict[str, Any] = {}
    found: list[CheckMessage] = []
    for field in declared(apps.get_models()):
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
            yield error(f"{option} names the encrypted field {name!r}.", INDEX_HINT, page, "E106")
    sortable = admin.list_display if admin.sortable_by is None else admin.sortable_by
    for name in _encrypted_names(model, sortable):
        told = f"The list sorts by the encrypted field {name!r} when its title is clicked."
        yield _warning(told, "Name the other columns in sortable_by.", page, "W102")
    if admin.save_as and any(getattr(field, "masked", False) for field in declared([model])):
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
        if isinstance(field, EncryptedField):
            return True
        model = getattr(field, "related_model", None)
        if model is None:
            return False
    return False


def _warning(told: str, hint: str, place: Any, number: str) -> Warning:
    return Warning(told, hint=hint, obj=place, id=f"glisecrets.{number}")
