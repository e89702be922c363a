"""What selects an encrypted value, in a subquery too, gives it and is used for nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import FieldError
from django.db import ProgrammingError, transaction
from django.db.models import (
    BinaryField,
    Count,
    F,
    Max,
    Min,
    OuterRef,
    Subquery,
    TextField,
    Window,
)
from django.db.models.functions import Cast, Coalesce, Length, Rank, RowNumber, Upper

if TYPE_CHECKING:
    from collections.abc import Callable


def note(rows: Any) -> Subquery:
    return Subquery(rows.filter(pk=OuterRef("pk")).values("note")[:1])


#: Of rows that have the note as an annotation, and of any.
REFUSED: dict[str, Callable[[Any], Any]] = {
    "order": lambda rows: rows.annotate(x=note(rows)).order_by("x"),
    "order of values": lambda rows: rows.values(x=note(rows)).order_by(F("x").desc()),
    "distinct": lambda rows: rows.annotate(x=note(rows)).values("x").distinct(),
    "distinct on": lambda rows: rows.annotate(x=note(rows)).distinct("x"),
    "distinct on a renamed value": lambda rows: rows.annotate(x=F("note")).distinct("x"),
    "group": lambda rows: rows.annotate(x=note(rows)).values("x").annotate(n=Count("pk")),
    "count": lambda rows: [rows.annotate(x=note(rows)).aggregate(Count("x", distinct=True))],
    "greatest": lambda rows: [rows.annotate(x=note(rows)).aggregate(Max("x"))],
    "greatest of a page": lambda rows: [rows.annotate(x=note(rows))[:5].aggregate(Max("x"))],
    "least of a page": lambda rows: [rows.annotate(x=F("note"))[:5].aggregate(Min("x"))],
    "count of a page": lambda rows: [
        rows.annotate(x=F("note"))[:5].aggregate(Count("x", distinct=True))
    ],
    "equality": lambda rows: rows.annotate(x=note(rows)).filter(x="a"),
    "equality with another": lambda rows: rows.annotate(x=note(rows)).filter(x=F("name")),
    "union": lambda rows: rows.values("note").union(rows.values("note")),
    "intersection": lambda rows: rows.values("note").intersection(rows.values("note")),
    "difference": lambda rows: rows.values("note").difference(rows.values("note")),
    "order by a window's rows": lambda rows: (
        rows.annotate(x=F("note"), at=Window(RowNumber())).filter(at=1).order_by("x")
    ),
    "groups of a window's rows": lambda rows: (
        rows.values("note").annotate(n=Count("pk"), at=Window(RowNumber())).filter(at=1)
    ),
    "window over it": lambda rows: rows.annotate(at=Window(Rank(), order_by="note")).filter(at=1),
    "union of subqueries": lambda rows: rows.values(x=note(rows)).union(rows.values(x=note(rows))),
}


@pytest.mark.parametrize("query", REFUSED.values(), ids=REFUSED)
def test_what_would_compare_a_selected_value_is_refused(
    models: Any, query: Callable[[Any], Any]
) -> None:
    """No row is taken for another, or put before it, by its encrypted bytes."""
    models.Patient.objects.create(name="x", note="a")
    with transaction.atomic(), pytest.raises(FieldError, match=r"hospital\.Patient\.note is encr"):
        list(query(models.Patient.objects.all()))


#: Django asks no field about these.
FAILING: dict[str, Callable[[Any], Any]] = {
    "in": lambda rows: rows.filter(pk__in=rows.values("note")),
    "in, of one type": lambda rows: rows.annotate(x=Cast("name", BinaryField())).filter(
        x__in=rows.values("note")
    ),
    "order": lambda rows: rows.order_by(note(rows)),
    "function": lambda rows: rows.annotate(x=Length(note(rows))),
    "function of its type": lambda rows: rows.annotate(x=Upper(note(rows))),
    "cast": lambda rows: rows.annotate(x=Cast(note(rows), TextField())),
    "coalesce": lambda rows: rows.annotate(x=Coalesce(note(rows), note(rows))),
    "window": lambda rows: rows.annotate(x=Window(Rank(), order_by=note(rows))),
    "the message": lambda rows: rows.annotate(
        x=Subquery(rows.values("note")[:1], output_field=BinaryField())
    ),
    "copied to another column": lambda rows: [rows.update(name=note(rows))],
}


@pytest.mark.parametrize("query", FAILING.values(), ids=FAILING)
def test_a_subquery_that_is_not_selected_itself_fails(
    models: Any, query: Callable[[Any], Any]
) -> None:
    """By an error of the database, which says what is wrong."""
    models.Patient.objects.create(name="x", note="a")
    with (
        transaction.atomic(),
        pytest.raises(ProgrammingError, match="glisecrets_an_encrypted_value_can_only_be_selected"),
    ):
        list(query(models.Patient.objects.all()))
    assert models.Patient.objects.get().name == "x"


def noted(rows: Any) -> Any:
    return rows.annotate(x=note(rows))


ANSWERED: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "a page": (lambda rows: [row.x for row in noted(rows).order_by("pk")[:2]], ["one", "two"]),
    "counted": (lambda rows: noted(rows).annotate(n=Count("visited")).count(), 3),
    "counted, distinct": (lambda rows: noted(rows).distinct().count(), 3),
    "counted, of a page": (lambda rows: rows.values("note")[:2].count(), 2),
    "aggregated beside": (lambda rows: noted(rows).aggregate(n=Count("pk")), {"n": 3}),
    "within another": (
        lambda rows: list(
            rows.values_list(
                Subquery(rows.filter(pk=OuterRef("pk")).annotate(x=note(rows)).values("x")[:1]),
                flat=True,
            ).order_by("pk")
        ),
        ["one", "two", None],
    ),
    "isnull": (lambda rows: noted(rows).get(x__isnull=True).name, "c"),
    "first of each, whole": (
        lambda rows: rows.annotate(at=Window(RowNumber(), order_by="name")).get(at=1).note,
        "one",
    ),
    "first of each": (
        lambda rows: (
            rows.annotate(x=F("note"), at=Window(RowNumber(), order_by="name")).get(at=1).x
        ),
        "one",
    ),
    "union of all": (
        lambda rows: rows.values("note").union(rows.values("note"), all=True).count(),
        6,
    ),
    "intersection of instances": (
        lambda rows: [row.note for row in rows.intersection(rows.filter(name="b"))],
        ["two"],
    ),
    "difference with keys": (
        lambda rows: [
            value
            for _, value in rows.values_list("pk", "note").difference(
                rows.exclude(name="a").values_list("pk", "note")
            )
        ],
        ["one"],
    ),
}


@pytest.mark.parametrize(("query", "answer"), ANSWERED.values(), ids=ANSWERED)
def test_what_only_selects_it_is_answered(
    models: Any, query: Callable[[Any], Any], answer: Any
) -> None:
    """Nobody is hindered who compares other columns."""
    models.Patient.objects.bulk_create(
        [models.Patient(name=n, note=v) for n, v in [("a", "one"), ("b", "two"), ("c", None)]]
    )
    assert query(models.Patient.objects.all()) == answer


def test_an_indexed_value_of_a_subquery_is_not_looked_up(project: None) -> None:
    """The index is a column of the inner query's row, not of this one."""
    from registry.models import Account

    inner = Account.objects.filter(pk=OuterRef("pk")).values("phone")[:1]
    with pytest.raises(FieldError, match=r"registry\.Account\.phone is encrypted"):
        Account.objects.annotate(x=Subquery(inner)).filter(x="1")
