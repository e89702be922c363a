"""``manage.py check`` and migrations: a declaration that means nothing is told, others survive."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.postgres.constraints import ExclusionConstraint
from django.core import checks
from django.core.management import call_command
from django.db import models as django_models
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.state import ModelState, ProjectState
from django.db.migrations.writer import MigrationWriter
from django.db.models import (
    CompositePrimaryKey,
    F,
    Index,
    IntegerField,
    TextField,
    UniqueConstraint,
    UUIDField,
)
from django.db.models.functions import Lower
from django.test import override_settings
from django.test.utils import isolate_apps

from glisecrets.django_integration.encryption.project_checks import check_admin, check_labels


def declared(meta: dict[str, Any] | None = None, **fields: Any) -> Any:
    """Make a model of these fields."""
    options = type("Meta", (), {"app_label": "hospital", **(meta or {})})
    return type(
        "Probe", (django_models.Model,), {"__module__": __name__, "Meta": options, **fields}
    )


def text(**options: Any) -> Any:
    from glisecrets.django_integration.encryption import EncryptedTextField

    return EncryptedTextField(**{"data_class": "internal", "label": "probe/text", **options})


def found(model: Any) -> set[str]:
    return {str(it.id) for it in model.check()}


def key(**options: Any) -> Any:
    return UUIDField(primary_key=True, **options)


@isolate_apps("hospital")
@pytest.mark.parametrize(
    "option",
    [
        {"unique": True},
        {"db_index": True},
        {"primary_key": True},
        {"choices": {"a": "A"}},
        {"db_default": "a"},
        {"unique_for_date": "day"},
    ],
    ids=lambda option: next(iter(option)),
)
def test_an_option_that_means_nothing_is_told(option: dict[str, Any]) -> None:
    """An index over encrypted bytes finds nothing, and its uniqueness hinders nobody."""
    assert "glisecrets.E101" in found(declared(note=text(**option)))


@isolate_apps("hospital")
@pytest.mark.parametrize("more", [{}, {"id": key()}], ids=["number", "no default"])
def test_a_bound_value_needs_a_key_that_is_known_before_it_is_saved(more: dict[str, Any]) -> None:
    """A UUID that Python makes; not a number that the database gives."""
    assert "glisecrets.E102" in found(declared(**more, note=text(bound_to_row=True)))


@isolate_apps("hospital")
def test_a_bound_value_is_fine_with_a_uuid() -> None:
    """Also with one that a parent model has."""
    parent = declared(id=key(default=uuid.uuid4), note=text(bound_to_row=True))
    assert found(parent) == set()
    child = type(
        "Child",
        (parent,),
        {
            "__module__": __name__,
            "Meta": type("Meta", (), {"app_label": "hospital"}),
            "more": text(label="probe/more", bound_to_row=True),
        },
    )
    assert found(child) == set()


@isolate_apps("hospital")
@pytest.mark.parametrize(
    "meta",
    [
        {"indexes": [Index(fields=["-note"], name="an_index")]},
        {"constraints": [UniqueConstraint(fields=["note"], name="a_constraint")]},
        {"unique_together": [("note", "day")]},
        {"ordering": ["-note"]},
        {"indexes": [Index(F("note").desc(), name="an_index")]},
        {"indexes": [Index(Lower("note"), name="an_index")]},
        {"constraints": [UniqueConstraint(F("note"), name="a_constraint")]},
        {"constraints": [UniqueConstraint("day", Lower("note"), name="a_constraint")]},
        {"constraints": [ExclusionConstraint(name="a_constraint", expressions=[(F("note"), "=")])]},
        {"ordering": [F("note").asc(nulls_last=True)]},
    ],
    ids=lambda meta: next(iter(meta)),
)
def test_a_model_that_compares_the_column_is_told(meta: dict[str, Any]) -> None:
    """By index, constraint or order."""
    model = declared(meta, note=text(), day=IntegerField())
    assert "glisecrets.E103" in found(model)


@isolate_apps("hospital")
@pytest.mark.parametrize("wrong", [{"label": "two words"}, {"label": ""}, {"data_class": ""}])
def test_a_label_that_is_none_is_told(wrong: dict[str, Any]) -> None:
    """As empty, or with blanks."""
    assert found(declared(note=text(**wrong))) == {"glisecrets.E105"}


@isolate_apps("hospital")
def test_the_table_of_data_keys_is_missed() -> None:
    """Before the first value is."""
    apps = [name for name in _installed() if "encryption" not in name]
    model = declared(note=text())
    with override_settings(INSTALLED_APPS=apps):
        assert found(model) == {"glisecrets.E104"}


def test_one_label_for_two_fields_is_told(models: Any) -> None:
    """They would have one data key, and their values could change places."""
    assert not [it for it in check_labels() if it.obj.model is models.Patient]
    field = models.Patient._meta.get_field("ward")
    usual, field.label = field.label, "patient/note"
    try:
        (told,) = check_labels()
    finally:
        field.label = usual
    assert (told.id, "hospital.Patient.note" in told.msg) == ("glisecrets.W101", True)


@isolate_apps("hospital")
def test_a_composite_key_of_encrypted_values_is_told() -> None:
    """No row would be found by it."""
    model = declared(pk=CompositePrimaryKey("day", "note"), note=text(), day=IntegerField())
    assert "glisecrets.E103" in found(model)


def test_an_admin_that_compares_the_column_is_told(models: Any) -> None:
    """Search, filter, order and date drill-down would all fail when the page is opened."""
    assert check_admin() == []
    page = admin.site._registry[models.Patient]
    page.search_fields = ("name", "=note")
    page.list_filter = (("smokes", admin.EmptyFieldListFilter), "name")
    page.ordering, page.date_hierarchy = ("-born",), "seen"
    try:
        told = check_admin()
    finally:
        for option in ("search_fields", "list_filter", "ordering", "date_hierarchy"):
            delattr(page, option)
    assert {it.id for it in told} == {"glisecrets.E106"}
    assert len(told) == 4


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"search_fields": ("reason", "patient__note")}, "E106"),
        ({"list_filter": ("patient__smokes",)}, "E106"),
        ({"ordering": ("patient__born",)}, "E106"),
        ({"list_display": ("reason", "patient__note")}, "W102"),
        ({"list_display": ("reason", "patient__note"), "sortable_by": ("reason",)}, None),
        ({"search_fields": ("reason", "patient__name", "patient__name__exact", "nothing")}, None),
    ],
)
def test_an_admin_of_a_related_model_is_told(
    models: Any, options: dict[str, Any], told: str | None
) -> None:
    """A page that would fail when it is searched, or when a title is clicked."""
    page = type("VisitAdmin", (admin.ModelAdmin,), options)
    admin.site.register(models.Visit, page)
    try:
        found = [it.id for it in check_admin()]
    finally:
        admin.site.unregister(models.Visit)
    assert found == ([f"glisecrets.{told}"] if told else [])


def test_a_copy_that_lacks_masked_values_is_told(models: Any) -> None:
    """“Save as new” sends a form whose masked entries are empty."""
    page = admin.site._registry[models.Patient]
    page.save_as = True
    try:
        (told,) = check_admin()
    finally:
        del page.save_as
    assert told.id == "glisecrets.W103"


def test_the_plain_fields_own_checks_are_made() -> None:
    """Of a default that all instances would share, of digits and of lengths."""
    from glisecrets.django_integration import encryption

    def of(kind: str, **options: Any) -> set[str]:
        field = getattr(encryption, kind)(data_class="internal", label="probe/it", **options)
        with isolate_apps("hospital"):
            return found(declared(it=field))

    assert of("EncryptedJSONField", default={}) == {"fields.E010"}
    assert of("EncryptedJSONField", default=dict) == set()
    assert of("EncryptedDecimalField", max_digits=1, decimal_places=2) == {"fields.E134"}
    assert of("EncryptedCharField", max_length=-3) == {"fields.E121"}
    assert of("EncryptedCharField") == set()


def test_the_project_passes_its_checks() -> None:
    """``manage.py check`` has nothing to tell of fields as the page declares them."""
    assert [it for it in checks.run_checks() if "glisecrets" in str(it.id)] == []


# Migrations -------------------------------------------------------------------------------------


def test_a_field_survives_its_migration(models: Any) -> None:
    """Each field is written as users import it, and read back the same."""
    for field in models.Patient._meta.local_fields + models.Letter._meta.local_fields:
        _, path, args, options = field.deconstruct()
        assert field.clone().deconstruct()[1:] == (path, args, options)
        if hasattr(field, "data_class"):
            assert path.startswith("glisecrets.django_integration.encryption.Encrypted")
            assert MigrationWriter.serialize(field)[0].startswith(f"{path}(")


def test_nothing_changes_between_two_migrations() -> None:
    """``makemigrations --check`` is content with our own app, and a second look finds nothing."""
    call_command("makemigrations", "glisecrets_encryption", check=True, dry_run=True, verbosity=0)
    from django.apps import apps

    one, two = ProjectState.from_apps(apps), ProjectState.from_apps(apps)
    assert MigrationAutodetector(one, two)._detect_changes() == {}


@isolate_apps("hospital")
def test_a_changed_option_is_a_migration() -> None:
    """A label that changes is seen in review."""
    one, two = ProjectState(), ProjectState()
    one.add_model(ModelState.from_model(declared(note=text())))
    two.add_model(ModelState("hospital", "Probe", [*_but_note(one), ("note", text(label="b/c"))]))
    (changes,) = MigrationAutodetector(one, two)._detect_changes().values()
    (operation,) = changes[0].operations
    assert operation.field.label == "b/c"


def _but_note(state: ProjectState) -> list[tuple[str, Any]]:
    fields = state.models["hospital", "probe"].fields
    return [(name, field) for name, field in fields.items() if name != "note"]


def _installed() -> list[str]:
    from django.conf import settings

    return list(settings.INSTALLED_APPS)


def test_a_text_column_is_no_encrypted_one() -> None:
    """Its type is bytes: altering a plain column to it is a migration that PostgreSQL refuses."""
    from django.db import connection

    assert text().db_type(connection) == "bytea"
    assert TextField().db_type(connection) != "bytea"
