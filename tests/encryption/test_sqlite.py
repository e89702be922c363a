"""SQLite is enough to develop on: one connection, and no data key within a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, connections, transaction
from django.db.models import Count

from glisecrets.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("sqlite")


@pytest.fixture
def sqlite(models: Any, tmp_path: Path) -> Iterator[None]:
    """Let the project's database be a file; Django never closes one in memory."""
    from glisecrets.django_integration.encryption import process_envelope
    from glisecrets.django_integration.encryption.models import DataKey

    entry = {"ENGINE": "django.db.backends.sqlite3", "NAME": tmp_path / "db.sqlite3"}
    usual = connections.settings["default"]
    connections["default"].close()
    del connections["default"]
    connections.settings["default"] = connections.configure_settings({"default": entry})["default"]
    process_envelope().cache.clear()
    with connection.schema_editor() as editor:
        for model in (DataKey, models.Patient, models.Visit, models.Letter):
            editor.create_model(model)
    yield
    connection.close()
    del connections["default"]
    connections.settings["default"] = usual
    process_envelope().cache.clear()


def test_values_are_written_and_read(models: Any) -> None:
    """By the caller's own connection."""
    models.Patient.objects.create(note="a")
    row = models.Patient.objects.annotate(n=Count("visited")).get()  # grouped by all columns
    row.note = "b"
    models.Patient.objects.bulk_update([row], ["note"])
    assert models.Patient.objects.get(note__isnull=False).note == "b"


def test_no_data_key_is_made_within_a_transaction(models: Any) -> None:
    """It could be rolled back while the process goes on encrypting under it."""
    with (
        pytest.raises(ConfigurationError, match="encrypted_fields provision"),
        transaction.atomic(),
    ):
        models.Patient.objects.create(note="a")
    models.Patient.objects.create(note="b")
    with transaction.atomic():
        models.Patient.objects.create(note="c")
    assert set(models.Patient.objects.values_list("note", flat=True)) == {"b", "c"}
