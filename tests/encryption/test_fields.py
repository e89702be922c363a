"""Values of every kind are encrypted in the column and come back as they were."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError

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


@pytest.mark.parametrize("name", VALUES)
def test_no_value_is_null(models: Any, stored: Any, name: str) -> None:
    """``None`` is NULL in the column, so that ``isnull`` tells."""
    models.Patient.objects.create(**{name: None})
    assert stored(models.Patient, name) is None
    assert getattr(models.Patient.objects.get(), name) is None


def test_smoke_async(models: Any) -> None:
    async def run() -> Any:
        await models.Patient.objects.acreate(note="x")
        return (await models.Patient.objects.aget()).note

    assert asyncio.run(run()) == "x"


def test_unfit(models: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        models.Patient.objects.create(visits="12345x")
    assert "12345x" not in repr(caught.value)
