"""The database is asked only what it can answer; everything else is refused before it is asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import FieldError
from django.db import ProgrammingError, transaction
from django.db.models import (
    BinaryField,
    Case,
    Count,
    Exists,
    F,
    Max,
    OuterRef,
    Q,
    Subquery,
    TextField,
    Value,
    When,
    Window,
)
from django.db.models.functions import Cast, Coalesce, Concat, Length, Lower, RowNumber, Upper

if TYPE_CHECKING:
    from collections.abc import Callable

REFUSED: dict[str, Callable[[Any], Any]] = {
    "exact": lambda rows: rows.filter(note="a"),
    "in": lambda rows: rows.filter(note__in=["a"]),
    "contains": lambda rows: rows.filter(note__contains="a"),
    "less than": lambda rows: rows.filter(visits__lt=3),
    "exclude": lambda rows: rows.exclude(note="a"),
    "get": lambda rows: rows.get(note="a"),
    "Q": lambda rows: rows.filter(Q(name="x") | Q(note="a")),
    "get_or_create by value": lambda rows: rows.get_or_create(note="a"),
    "transform": lambda rows: rows.filter(born__year=2000),
    "JSON key": lambda rows: rows.filter(history__a=1),
    "order of values": lambda rows: rows.values("note").order_by("note"),
    "order of a list": lambda rows: rows.values_list("name", "note").order_by("name", "-note"),
    "order of a renamed value": lambda rows: rows.values(x=F("note")).order_by(F("x").desc()),
    "order of a union": lambda rows: rows.union(rows).order_by("note"),
    "order of a union's values": lambda rows: (
        rows.values("note").union(rows.values("name")).order_by("note")
    ),
    "order": lambda rows: rows.order_by("note"),
    "descending order": lambda rows: rows.order_by("-note"),
    "order by F": lambda rows: rows.order_by(F("note").desc(nulls_last=True)),
    "order by function": lambda rows: rows.order_by(Lower("note")),
    "order by annotation": lambda rows: rows.annotate(x=F("note")).order_by("x"),
    "order by alias": lambda rows: rows.alias(x=F("note")).order_by("x"),
    "distinct on": lambda rows: rows.distinct("note"),
    "distinct values": lambda rows: rows.values_list("note").distinct(),
    "group": lambda rows: rows.values("note").annotate(n=Count("pk")),
    "aggregate": lambda rows: rows.aggregate(Max("note")),
    "count distinct": lambda rows: rows.aggregate(n=Count("note", distinct=True)),
    "annotated aggregate": lambda rows: rows.values("name").annotate(n=Max("visits")),
    "F as the other side": lambda rows: rows.filter(name=F("note")),
    "function on the other side": lambda rows: rows.filter(name=Upper("note")),
    "delete by comparison": lambda rows: rows.filter(name=F("note")).delete(),
    "update by comparison": lambda rows: rows.filter(name=Lower("note")).update(name="y"),
    "F in arithmetic": lambda rows: rows.annotate(x=F("visits") + 1),
    "function": lambda rows: rows.annotate(x=Length("note")),
    "nested function": lambda rows: rows.annotate(x=Upper(Coalesce("note", Value("")))),
    "concat": lambda rows: rows.annotate(x=Concat("name", "note", output_field=TextField())),
    "cast": lambda rows: rows.annotate(x=Cast("note", TextField())),
    "function of an annotation": lambda rows: rows.annotate(x=F("note")).annotate(y=Upper("x")),
    "annotation compared": lambda rows: rows.annotate(x=F("note")).filter(x="a"),
    "case": lambda rows: rows.annotate(x=Case(When(name="", then="note"), default=Value(b""))),
    "window": lambda rows: rows.annotate(x=Window(RowNumber(), order_by="note")),
    "partition": lambda rows: rows.annotate(x=Window(RowNumber(), partition_by="note")),
    "outer reference": lambda rows: rows.filter(Exists(rows.filter(name=OuterRef("note")))),
    "update from its own column": lambda rows: rows.update(note=F("note")),
    "update from another column": lambda rows: rows.update(note=F("name")),
    "update from a function": lambda rows: rows.update(note=Upper("name")),
    "update with plain text": lambda rows: rows.update(note=Value("a")),
    "update with plain bytes": lambda rows: rows.update(note=Value(b"", BinaryField())),
    "update of another column": lambda rows: rows.update(name=F("note")),
    "update from a subquery": lambda rows: rows.update(note=Subquery(rows.values("name")[:1])),
    "update with a case": lambda rows: rows.update(note=Case(When(pk=1, then=F("name")))),
    "update with a plain default": lambda rows: rows.update(
        note=Case(
            When(pk=0, then=Value("b", rows.model._meta.get_field("note"))), default=F("name")
        )
    ),
    "create from an expression": lambda rows: rows.create(note=Upper(Value("a"))),
    "across a relation": lambda rows: rows.filter(visited__patient__note="a"),
    "order across a relation": lambda rows: rows.order_by("visited__patient__note"),
    "alias": lambda rows: rows.alias(x=Upper("note")).filter(x="A"),
}


@pytest.mark.parametrize("query", REFUSED.values(), ids=REFUSED)
def test_what_the_database_cannot_do_is_refused(models: Any, query: Callable[[Any], Any]) -> None:
    """The error names the field and says what to do; no answer is wrong, and no column plain."""
    models.Patient.objects.create(name="x", note="a")
    with transaction.atomic(), pytest.raises(FieldError, match=r"hospital\.Patient\.\w+ is encr"):
        list(query(models.Patient.objects.all()))  # sends it
    assert models.Patient.objects.get().note == "a"


def rows(models: Any) -> Any:
    models.Patient.objects.bulk_create(
        [models.Patient(name=n, note=v) for n, v in [("a", "one"), ("b", "two"), ("c", None)]]
    )
    return models.Patient.objects.order_by("name")


@pytest.mark.parametrize(
    "query",
    [
        lambda rows: rows.values("history__a"),
        lambda rows: rows.dates("born", "year"),
        lambda rows: rows.filter(name__in=rows.values("note")),  # by PostgreSQL: types differ
    ],
)
def test_what_django_does_not_ask_the_field_about_fails_too(models: Any, query: Any) -> None:
    """By Django or PostgreSQL, with another error."""
    with transaction.atomic(), pytest.raises((FieldError, TypeError, ProgrammingError)):
        list(query(models.Patient.objects.all()))


ANSWERED: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "isnull": (lambda rows: rows.filter(note__isnull=True).values_list("name", flat=True), ["c"]),
    "none": (lambda rows: rows.filter(note=None).values_list("name", flat=True), ["c"]),
    "exclude": (lambda rows: rows.exclude(note=None).values_list("name", flat=True), ["a", "b"]),
    "in a subquery": (
        lambda rows: rows.filter(pk__in=rows.filter(note__isnull=True)).values_list("name"),
        [("c",)],
    ),
    "exists": (
        lambda rows: rows.filter(
            Exists(rows.filter(pk=OuterRef("pk"), note__isnull=False))
        ).values_list("name"),
        [("a",), ("b",)],
    ),
    "case": (
        lambda rows: rows.annotate(
            x=Case(When(note__isnull=True, then=Value("-")), default=Value("+"))
        ).values_list("x", flat=True),
        ["+", "+", "-"],
    ),
    "values": (lambda rows: rows.values("note"), [{"note": v} for v in ("one", "two", None)]),
    "values_list": (lambda rows: rows.values_list("note", flat=True), ["one", "two", None]),
    "renamed": (lambda rows: rows.values_list(F("note")), [("one",), ("two",), (None,)]),
    "annotated": (lambda rows: [row.x for row in rows.annotate(x=F("note"))], ["one", "two", None]),
    "subquery": (
        lambda rows: rows.annotate(
            x=Subquery(rows.filter(pk=OuterRef("pk")).values("note")[:1])
        ).values_list("x", flat=True),
        ["one", "two", None],
    ),
    "distinct rows": (lambda rows: [row.note for row in rows.distinct()], ["one", "two", None]),
    "distinct with key": (
        lambda rows: [note for _, note in rows.values_list("pk", "note").distinct().order_by("pk")],
        ["one", "two", None],
    ),
    "counted relation": (
        lambda rows: [(row.note, row.n) for row in rows.annotate(n=Count("visited"))],
        [("one", 0), ("two", 0), (None, 0)],
    ),
    "only": (lambda rows: [row.note for row in rows.only("note")], ["one", "two", None]),
    "defer": (lambda rows: [row.note for row in rows.defer("note")], ["one", "two", None]),
    "iterator": (lambda rows: [row.note for row in rows.iterator(2)], ["one", "two", None]),
    "in_bulk": (
        lambda rows: sorted(row.note or "" for row in rows.in_bulk().values()),
        ["", "one", "two"],
    ),
    "slice": (lambda rows: [row.note for row in rows[1:2]], ["two"]),
    "union": (
        lambda rows: [row.note for row in rows.all().union(rows.all()).order_by("name")],
        ["one", "two", None],
    ),
    "raw": (
        lambda rows: [row.note for row in rows.raw("SELECT * FROM hospital_patient ORDER BY name")],
        ["one", "two", None],
    ),
    "locked": (
        lambda rows: [row.note for row in rows.select_for_update()],
        ["one", "two", None],
    ),
}


@pytest.mark.parametrize(("query", "answer"), ANSWERED.values(), ids=ANSWERED)
def test_rows_are_read_in_every_way(models: Any, query: Callable[[Any], Any], answer: Any) -> None:
    """Whatever selects the column as it is gets the value."""
    with transaction.atomic():
        assert list(query(rows(models))) == answer


def test_related_rows_are_read(models: Any) -> None:
    """By ``select_related`` and ``prefetch_related``, and by values across the relation."""
    visit = models.Visit.objects.create(patient=models.Patient.objects.create(note="one"))
    assert models.Visit.objects.select_related("patient").get().patient.note == "one"
    assert models.Visit.objects.prefetch_related("patient").get().patient.note == "one"
    assert models.Visit.objects.values_list("patient__note", flat=True).get() == "one"
    assert models.Visit.objects.filter(patient__note__isnull=False).get() == visit


def test_rows_are_written_in_every_way(models: Any) -> None:
    """Each way that gives a value writes it encrypted."""
    patients = models.Patient.objects
    one = patients.create(name="a", note="1")
    assert patients.update(note="2") == 1
    one.refresh_from_db()
    assert one.note == "2"
    one.note = "3"
    one.save(update_fields=["note"])
    assert patients.get().note == "3"
    one.note = "4"
    patients.bulk_update([one], ["note"])
    assert patients.get().note == "4"
    one.note = None
    patients.bulk_update([one], ["note", "name"])
    assert patients.get().note is None
    one.note = "5"
    patients.bulk_create([one], update_conflicts=True, update_fields=["note"], unique_fields=["pk"])
    assert patients.get().note == "5"
    found, created = patients.get_or_create(name="a", defaults={"note": "6"})
    assert (found.note, created) == ("5", False)
    assert patients.update_or_create(name="a", defaults={"note": "7"})[0].note == "7"
    assert patients.get().note == "7"


def test_a_deferred_value_is_neither_read_nor_written(models: Any) -> None:
    """``only`` and ``defer`` leave it alone until it is asked for."""
    models.Patient.objects.create(name="a", note="1")
    row = models.Patient.objects.defer("note").get()
    row.name = "b"
    row.save()
    assert "note" not in vars(row)
    assert row.note == "1"


def test_rows_are_read_and_written_by_async_code(models: Any) -> None:
    """Also the first value of a process, whose data key is asked for then."""

    async def write_and_read() -> list[Any]:
        one = await models.Patient.objects.acreate(name="a", note="1")
        one.note = "2"
        await one.asave()
        return [row.note async for row in models.Patient.objects.all()]

    assert asyncio.run(write_and_read()) == ["2"]
