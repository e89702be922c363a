"""A value that is bound to its row opens there and nowhere else."""

from __future__ import annotations

import copy
import uuid
from typing import Any

import pytest
from django.core.exceptions import FieldError
from django.db import connection
from django.db.models import F

from glisecrets.errors import ConfigurationError
from glisecrets.keys.envelope import InvalidMessage


def test_a_bound_value_comes_back(models: Any, stored: Any) -> None:
    """By every way that saves or reads instances."""
    letters = models.Letter.objects
    one = letters.create(body="")
    assert letters.get().body == ""
    one.body = "two"
    one.save()
    letters.bulk_create([models.Letter(body="three"), models.Letter()])
    assert sorted(str(row.body) for row in letters.all()) == ["None", "three", "two"]
    assert letters.defer("body").get(pk=one.pk).body == "two"
    one.refresh_from_db()
    assert one.body == "two"
    assert b"two" not in stored(models.Letter, "body", pk=one.pk)


def test_a_value_moved_to_another_row_is_refused(models: Any) -> None:
    """Whoever can write to the database cannot swap two people's values."""
    models.Letter.objects.create(body="hers")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE hospital_letter SET id = %s", [uuid.uuid4()])
    letter = models.Letter.objects.get()  # other columns are there
    with pytest.raises(InvalidMessage, match=r"hospital\.Letter\.body.*another row"):
        letter.body  # noqa: B018
    letter.title = "unread"
    with pytest.raises(InvalidMessage):
        letter.save()


def test_an_unread_value_is_saved_with_the_rest(models: Any) -> None:
    """It is opened and encrypted again."""
    models.Letter.objects.create(body="kept")
    letter = models.Letter.objects.get()
    letter.title = "changed"
    letter.save()
    read = models.Letter.objects.get()
    assert (read.title, read.body) == ("changed", "kept")


def test_a_copy_under_another_key_needs_the_value_first(models: Any) -> None:
    """What Django tells to do for a copy works once the value was read."""
    models.Letter.objects.create(body="kept")
    unread = models.Letter.objects.get()
    read = copy.copy(unread)
    assert read.body == "kept"
    for letter in (read, unread):
        letter.pk = None
        letter._state.adding = True
    read.save()
    assert {row.body for row in models.Letter.objects.all()} == {"kept"}
    with pytest.raises(InvalidMessage):
        unread.save()
    assert models.Letter.objects.count() == 2


def test_a_value_without_a_row_is_refused(models: Any) -> None:
    """Its key was taken away before it was read."""
    models.Letter.objects.create(body="kept")
    letter = models.Letter.objects.get()
    letter.pk = None
    with pytest.raises(ConfigurationError, match="has no row"):
        letter.body  # noqa: B018


def test_values_are_sealed_and_open_with_their_key(models: Any) -> None:
    """``values()`` knows no instance; the value opens with its row's key and no other's."""
    models.Letter.objects.create(body="kept")
    row = models.Letter.objects.values("pk", "body").get()
    assert row["body"].open(row["pk"]) == "kept"
    with pytest.raises(InvalidMessage):
        row["body"].open(uuid.uuid4())
    assert models.Letter.objects.filter(body__isnull=False).count() == 1


@pytest.mark.parametrize(
    "write",
    [
        lambda rows: rows.update(body="x"),
        lambda rows: rows.update(body=F("title")),
        lambda rows: rows.update(body=rows.values_list("body", flat=True)[0]),
        lambda rows: rows.bulk_update(_changed(rows), ["body"]),
    ],
    ids=["update", "expression", "sealed value", "bulk_update"],
)
def test_what_does_not_tell_the_row_is_refused(models: Any, write: Any) -> None:
    """The error says to save the instances."""
    models.Letter.objects.create(body="kept")
    with pytest.raises(FieldError, match=r"hospital\.Letter\.body is encrypted"):
        write(models.Letter.objects.all())
    assert models.Letter.objects.update(title="others can") == 1
    assert models.Letter.objects.get().body == "kept"


def test_an_upsert_by_another_column_than_the_key_is_refused(models: Any) -> None:
    """It would write a value that is bound to the new key into the row that is there."""
    letters = models.Letter.objects
    old = letters.create(number=1, body="kept")

    def upsert(unique: str, update: str, **values: Any) -> None:
        new = [models.Letter(number=1, **values)]
        letters.bulk_create(
            new, update_conflicts=True, unique_fields=[unique], update_fields=[update]
        )

    with pytest.raises(FieldError, match=r"hospital\.Letter\.body is encrypted: .* its row"):
        upsert("number", "body", body="lost")
    assert letters.get().body == "kept"
    upsert("number", "title", title="changed", body="left out")
    assert (letters.get().title, letters.get().body) == ("changed", "kept")
    upsert("pk", "body", pk=old.pk, body="new")
    assert letters.get().body == "new"


def test_no_value_can_be_set_for_many_rows(models: Any) -> None:
    """NULL is bound to nothing."""
    models.Letter.objects.create(body="kept")
    assert models.Letter.objects.update(body=None) == 1
    assert models.Letter.objects.get().body is None


def _changed(rows: Any) -> list[Any]:
    letters = list(rows)
    for letter in letters:
        letter.body = "x"
    return letters
