"""Values of every kind are encrypted in the column and come back as they were."""

from __future__ import annotations

import enum
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.models import DurationField, TextChoices

VALUES: dict[str, list[Any]] = {
    "note": ["", "a note", "다국어 \0 text", "x" * 100_000],
    "ward": ["", "A 12"],
    "email": ["jiwoo@example.com"],
    "born": [date(1, 1, 1), date(1985, 4, 12)],
    "seen": [datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)],
    "visits": [0, -1, 2**63 - 1],
    "weight": [Decimal("0.00"), Decimal("-61.50")],
    "smokes": [False, True],
    "history": [{}, [], 0, "", False, {"a": [1, None, "é"]}],
    "scan": [b"", b"\x00\xff"],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n in VALUES for v in VALUES[n]])
def test_a_value_comes_back_as_it_was(models: Any, stored: Any, name: str, value: Any) -> None:
    """Empty text, zero, false and an empty object stay what they are, apart from no value."""
    models.Patient.objects.create(**{name: value})
    read = getattr(models.Patient.objects.get(), name)
    assert read == value
    assert type(read) is type(value)
    assert stored(models.Patient, name)[:2] == b"\x01\x01"


class Colour(str, enum.Enum):  # noqa: UP042 - whose text is another one
    RED = "red"


class Shift(TextChoices):
    DAY = "day"


@pytest.mark.parametrize("member", [Colour.RED, Shift.DAY])
def test_a_member_of_an_enumeration_is_its_value(models: Any, member: Any) -> None:
    """As a plain field stores it."""
    models.Patient.objects.create(name=member, note=member, ward=member)
    read = models.Patient.objects.get()
    assert (read.note, read.ward) == (read.name, read.name) == (member.value, member.value)


@pytest.mark.parametrize("name", VALUES)
def test_no_value_is_null(models: Any, stored: Any, name: str) -> None:
    """``None`` is NULL in the column, so that ``isnull`` tells."""
    models.Patient.objects.create(**{name: None})
    assert stored(models.Patient, name) is None
    assert getattr(models.Patient.objects.get(), name) is None


def test_one_value_is_never_encrypted_twice_to_the_same_bytes(models: Any) -> None:
    """Nobody can tell from the column who has the same value as whom."""
    models.Patient.objects.bulk_create([models.Patient(note="a")] * 3)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT note) FROM hospital_patient")
        assert cursor.fetchone() == (3,)


def test_a_value_is_longer_by_what_the_page_says(models: Any, stored: Any) -> None:
    """74 bytes; no base64."""
    models.Patient.objects.create(note="x" * 1000)
    assert len(stored(models.Patient, "note")) == 1074


def test_a_kind_of_ones_own_is_two_methods() -> None:
    """As the page shows it."""
    from glisecrets.django_integration.encryption import EncryptedField

    class EncryptedDurationField(EncryptedField):
        inner_class = DurationField

        def encode(self, value: timedelta) -> bytes:
            return str(value // timedelta(microseconds=1)).encode()

        def decode(self, plain: bytes) -> timedelta:
            return timedelta(microseconds=int(plain))

    field = EncryptedDurationField(data_class="internal", label="stay/length")
    field.set_attributes_from_name("length")
    message = field.get_db_prep_save(timedelta(days=3, microseconds=1), connection)
    assert field.from_db_value(message, None, connection) == timedelta(days=3, microseconds=1)
    assert type(field.formfield().plain).__name__ == "DurationField"
