"""Whatever is in the column that is not a value of this field is an error, never an answer."""

from __future__ import annotations

import traceback
import warnings
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from glisecrets.keys.envelope import InvalidMessage, UnknownDataKey


@pytest.fixture
def put(models: Any) -> Any:
    """Give a function that writes bytes into a column, as nobody should."""

    def write(name: str, value: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f'UPDATE hospital_patient SET "{name}" = %s', [value])

    return write


def test_each_altered_byte_is_found(models: Any, stored: Any) -> None:
    """Header, key id, nonce, ciphertext or tag."""
    models.Patient.objects.create(note="a")
    field = models.Patient._meta.get_field("note")
    message = stored(models.Patient, "note")
    assert field.from_db_value(message, None, connection) == "a"
    for position in range(len(message)):
        flipped = bytearray(message)
        flipped[position] ^= 1
        with pytest.raises(InvalidMessage, match=r"hospital\.Patient\.note"):
            field.from_db_value(bytes(flipped), None, connection)


def test_each_truncation_is_found(models: Any, stored: Any) -> None:
    """Also down to nothing at all, and with bytes after the end."""
    models.Patient.objects.create(note="a")
    field = models.Patient._meta.get_field("note")
    message = stored(models.Patient, "note")
    for wrong in [*(message[:length] for length in range(len(message))), message + b"\0"]:
        with pytest.raises(InvalidMessage, match=r"hospital\.Patient\.note"):
            field.from_db_value(wrong, None, connection)


def test_a_plain_value_in_the_column_is_refused(models: Any, put: Any) -> None:
    """The error names the command that encrypts a column; and does not repeat the value."""
    models.Patient.objects.create(name="x")
    put("note", b"a plain secret, longer than the overhead of any message would be" * 2)
    with pytest.raises(InvalidMessage, match="not encrypted") as caught:
        models.Patient.objects.get()
    assert "encrypted_fields encrypt" in str(caught.value)
    assert "plain secret" not in "".join(traceback.format_exception(caught.value))


def test_a_column_that_is_still_text_is_refused(models: Any) -> None:
    """The model was changed and its migration is missing."""
    field = models.Patient._meta.get_field("note")
    with pytest.raises(InvalidMessage, match="not encrypted"):
        field.from_db_value("plain", None, connection)


def test_a_value_of_another_field_is_refused(models: Any, stored: Any, put: Any) -> None:
    """Whoever writes to the database cannot have one field shown as another."""
    models.Patient.objects.create(email="jiwoo@example.com")
    put("note", stored(models.Patient, "email"))
    with pytest.raises(UnknownDataKey, match=r"hospital\.Patient\.note"):
        models.Patient.objects.get()


def test_a_value_of_another_type_is_refused(models: Any) -> None:
    """The field's class was changed under its label; the value is in no part of the error."""
    note, visits = (models.Patient._meta.get_field(name) for name in ("note", "visits"))
    message = note.sealed("canary")
    usual, visits.label = visits.label, note.label
    try:
        with pytest.raises(InvalidMessage, match="another type") as caught:
            visits.from_db_value(message, None, connection)
    finally:
        visits.label = usual
    assert "canary" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None


def test_a_row_that_nobody_can_read_can_be_deleted(models: Any, put: Any) -> None:
    """By its key, which reads nothing else of it; what depends on it goes too."""
    patient = models.Patient.objects.create(note="a")
    models.Visit.objects.create(patient=patient)
    put("note", b"\x01\x01" + bytes(100))
    with pytest.raises(UnknownDataKey):
        models.Patient.objects.all().delete()
    assert models.Patient.objects.only("pk").delete()[0] == 2
    assert not models.Visit.objects.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("visits", "canary"),
        ("visits", object()),
        ("weight", "canary"),
        ("weight", "123456.789"),
        ("born", "canary"),
        ("seen", "1999-99-99 canary"),
        ("smokes", "canary"),
        ("smokes", ""),
        ("history", {"canary": object()}),
        ("scan", "canary"),
        ("note", "canary \ud800"),
    ],
)
def test_a_value_that_does_not_fit_is_not_written(models: Any, name: str, value: Any) -> None:
    """Nor repeated: not in the error, and not in what led to it."""
    with pytest.raises(ValidationError) as caught:
        models.Patient.objects.create(**{name: value})
    assert caught.value.messages == ["This value is not of the field's type."]
    assert caught.value.__context__ is None
    assert not models.Patient.objects.exists()


def test_a_naive_time_is_of_the_projects_time_zone(models: Any) -> None:
    """As Django takes it, but without the warning that has the value in it."""
    with override_settings(TIME_ZONE="Asia/Seoul"), warnings.catch_warnings():
        warnings.simplefilter("error")
        models.Patient.objects.create(seen=datetime(2026, 1, 2, 9))  # noqa: DTZ001
        assert models.Patient.objects.get().seen == datetime(2026, 1, 2, tzinfo=UTC)
        with override_settings(USE_TZ=False):
            field = models.Patient._meta.get_field("seen")
            moment = field.decode(b"2026-01-02T00:00:00+00:00")
    assert moment == datetime(2026, 1, 2, 9)  # noqa: DTZ001
    assert timezone.is_naive(moment)
