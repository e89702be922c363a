"""Encrypted values are found by equality, and no way of writing them leaves the index behind."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import logging
import secrets
import sys
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.core.exceptions import FieldError, ValidationError
from django.core.management import call_command
from django.db import IntegrityError, connection, models
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.state import ModelState, ProjectState
from django.db.models import Count, Exists, F, OuterRef, Q, Value
from django.forms import modelform_factory
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from glisecrets.django_integration.encryption import (
    BlindIndex,
    EncryptedTextField,
    as_is,
    caseless,
    process_envelope,
)
from glisecrets.errors import ConfigurationError

from ..keys import gs1_decoder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ADA, BOB, EVE = "Ada@example.com", "bob@example.com", "eve@example.com"


@pytest.fixture
def registry() -> Any:
    """Give the models: they can be imported only while their app is installed."""
    return sys.modules[apps.get_app_config("registry").models_module.__name__]


@pytest.fixture
def member(registry: Any) -> Any:
    """Give Ada, who is stored; Bob is there too, and somebody without an address."""
    registry.Member.objects.create(email=BOB, name="Bob")
    registry.Member.objects.create(name="nobody")
    return registry.Member.objects.create(email=ADA, name="Ada", badge="7", born=date(1815, 12, 10))


# Finding ------------------------------------------------------------------------------------

FOUND: dict[str, tuple[Any, set[str]]] = {
    "as it was written": (Q(email=ADA), {"Ada"}),
    "in other letters": (Q(email=f" {ADA.upper()}"), {"Ada"}),
    "one of several": (Q(email__in=[ADA.lower(), EVE]), {"Ada"}),
    "of a generator": (Q(email__in=(each for each in (ADA, BOB))), {"Ada", "Bob"}),
    "none of several": (Q(email__in=[]), set()),
    "another": (Q(email=EVE), set()),
    "not this one": (~Q(email=ADA), {"Bob", "nobody"}),
    "none of these": (~Q(email__in=[ADA, EVE]), {"Bob", "nobody"}),
    "with other conditions": (Q(email=ADA) | Q(name="Bob"), {"Ada", "Bob"}),
    "nothing": (Q(email=None), {"nobody"}),
    "anything": (Q(email__isnull=False), {"Ada", "Bob"}),
    "a date": (Q(born=date(1815, 12, 10)), {"Ada"}),
    "a date as text": (Q(born="1815-12-10"), {"Ada"}),
    "of a parent's table": (Q(badge="7"), {"Ada"}),
    "by the index's own name": (Q(email_index=ADA), {"Ada"}),
}


@pytest.mark.parametrize("name", FOUND)
def test_rows_are_found_by_an_encrypted_value(registry: Any, member: Any, name: str) -> None:
    """Filtering reads as it does for a plain field."""
    condition, expected = FOUND[name]
    assert {it.name for it in registry.Member.objects.filter(condition)} == expected


def test_rows_are_found_across_relations(registry: Any, member: Any) -> None:
    """Forwards, backwards, excluded, in subqueries, in conditions of aggregates."""
    card = registry.Card.objects.create(member=member)
    cards, members = registry.Card.objects, registry.Member.objects
    assert cards.get(member__email=ADA) == card
    assert not cards.exclude(member__email=ADA).exists()
    assert not cards.filter(member__email__in=[BOB]).exists()
    assert members.filter(cards__member__email=ADA).get() == member
    assert members.exclude(cards__member__email=ADA).count() == 2
    assert cards.filter(member__in=members.filter(email=ADA)).get() == card
    owned = cards.filter(member=OuterRef("pk"))
    assert members.filter(Exists(owned), email=ADA).get() == member
    counted = members.aggregate(one=Count("pk", filter=Q(email=ADA)), all=Count("pk"))
    assert counted == {"one": 1, "all": 3}
    assert members.annotate(n=Count("cards", filter=Q(email=ADA))).get(n=1) == member


@settings(max_examples=25)
@given(texts=st.lists(st.text(st.characters(codec="utf-8"), max_size=6), max_size=12))
def test_equality_is_that_of_the_normalised_values(project: None, texts: list[str]) -> None:
    """An oracle in plain Python finds the same rows, whatever the texts are."""
    from registry.models import Account

    Account.objects.all().delete()
    Account.objects.bulk_create(Account(phone=text) for text in texts)
    for text in texts:
        assert Account.objects.filter(phone=text).count() == texts.count(text)
    assert (
        caseless(" STRASSE\t")
        == caseless("straße")
        == caseless("\N{FULLWIDTH LATIN SMALL LETTER S}trasse")
    )


REFUSED: dict[str, Callable[[Any], Any]] = {
    "contains": lambda rows: rows.filter(email__contains="ada"),
    "ignoring case": lambda rows: rows.filter(email__iexact=ADA),
    "greater": lambda rows: rows.filter(email__gt=ADA),
    "range": lambda rows: rows.filter(born__range=("1800-01-01", "1900-01-01")),
    "transform": lambda rows: rows.filter(born__year=1815),
    "another column": lambda rows: rows.filter(email=F("name")),
    "another encrypted column": lambda rows: rows.filter(email=F("phone")),
    "an expression": lambda rows: rows.filter(email=Value(ADA)),
    "an expression among values": lambda rows: rows.filter(email__in=[ADA, F("name")]),
    "a subquery": lambda rows: rows.filter(email__in=rows.values("name")),
    "a subquery of itself": lambda rows: rows.filter(email__in=rows.values("email")),
    "a column of an outer query": lambda rows: rows.filter(email=OuterRef("name")),
    "compared with": lambda rows: rows.filter(name=F("email")),
    "order": lambda rows: list(rows.order_by("email")),
    "an annotation": lambda rows: rows.annotate(x=F("email")).filter(x=ADA),
    "an index that is not built yet": lambda rows: rows.filter(phone="1"),
    "part of the index": lambda rows: rows.filter(email_index__startswith=b"a"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_an_index_cannot_answer_is_refused(registry: Any, member: Any, name: str) -> None:
    """A wrong answer, or none, would look like a right one."""
    with pytest.raises(FieldError):
        REFUSED[name](registry.Member.objects)


# Writing ------------------------------------------------------------------------------------


def update_loaded_in_part(member: Any) -> None:
    found = type(member).objects.only("name").get(pk=member.pk)
    found.email = EVE
    found.save()


def read_and_save_loaded_in_part(member: Any) -> None:
    type(member).objects.filter(pk=member.pk).update(email=EVE)
    found = type(member).objects.only("name").get(pk=member.pk)
    assert found.email == EVE  # loads the address, and not the index
    found.save()


def save_without_the_address(member: Any) -> None:
    found = type(member).objects.defer("email").get(pk=member.pk)
    type(member).objects.filter(pk=member.pk).update(email=EVE)
    found.name = "Augusta"
    found.save()


def save_with(member: Any, **options: Any) -> None:
    member.email = EVE
    member.save(**options)


def bulk_update(member: Any, *fields: str) -> None:
    other = type(member).objects.get(name="Bob")
    member.email = EVE
    assert type(member).objects.bulk_update([member, other], fields) == 2


WRITES: dict[str, Callable[[Any, Any], Any]] = {
    "save": lambda _, member: save_with(member),
    "save of one field": lambda _, member: save_with(member, update_fields=["email"]),
    "save of both": lambda _, member: save_with(member, update_fields=["email", "email_index"]),
    "save, loaded in part": lambda _, member: update_loaded_in_part(member),
    "save, read after": lambda _, member: read_and_save_loaded_in_part(member),
    "save, deferred": lambda _, member: save_without_the_address(member),
    "update": lambda rows, member: rows.filter(pk=member.pk).update(email=EVE),
    "update by the address": lambda rows, _: rows.filter(email=ADA).update(email=EVE, name="Eve"),
    "update of both": lambda rows, member: rows.filter(pk=member.pk).update(
        email_index=EVE, email=EVE
    ),
    "bulk_update": lambda _, member: bulk_update(member, "name", "email", "email_index"),
    "update_or_create": lambda rows, member: rows.update_or_create(
        email=ADA, defaults={"email": EVE}
    ),
    "create again": lambda rows, member: (
        member.delete(),
        rows.create(pk=member.pk, email=EVE, badge="7"),
    ),
    "get_or_create": lambda rows, member: (member.delete(), rows.get_or_create(email=EVE)),
    "asave": lambda _, member: asyncio.run(asave(member)),
}


async def asave(member: Any) -> None:
    member.email = EVE
    await member.asave()


@pytest.mark.parametrize("way", WRITES)
def test_no_way_of_writing_leaves_the_index_behind(registry: Any, member: Any, way: str) -> None:
    """The new value is found, the old one is not, and the others are as they were."""
    rows = registry.Member.objects
    WRITES[way](rows, member)
    assert rows.get(email=EVE).email == EVE
    assert not rows.filter(email=ADA).exists()
    assert rows.get(email=BOB).name == "Bob"
    assert stale(registry.Member, "email_index") == stale(registry.Person, "badge_index") == 0


def stale(model: Any, name: str) -> int:
    """Count rows whose index is not that of their value, past everything that writes it."""
    index = model._meta.get_field(name)
    pairs = model.objects.values_list(index.source_name, name)
    return sum(mac != (None if value is None else index.mac(value)) for value, mac in pairs)


def test_a_parents_field_is_written_with_its_index(registry: Any, member: Any) -> None:
    """The columns of a child's parent are in another table, which has an UPDATE of its own."""
    members = registry.Member.objects
    assert members.filter(badge="7").update(badge="8", email=EVE) == 1
    assert members.get(badge="8").email == EVE
    member.refresh_from_db()
    member.badge = "9"
    member.save(update_fields=["badge"])
    assert registry.Person.objects.get(badge="9").pk == member.pk
    assert not members.filter(badge__in=["7", "8"]).exists()


def test_bulk_create_indexes_what_it_inserts_and_what_it_updates(registry: Any) -> None:
    """Also where rows are there already, and only some columns are to be updated."""
    rows = registry.Account.objects
    made = rows.bulk_create(registry.Account(phone=str(number)) for number in range(300))
    assert rows.get(phone="123").pk == made[123].pk
    again = [registry.Account(pk=made[7].pk, phone="new"), registry.Account(phone="newer")]
    rows.bulk_create(again, update_conflicts=True, unique_fields=["pk"], update_fields=["phone"])
    assert rows.get(phone="new").pk == made[7].pk
    assert rows.get(phone="newer")
    assert not rows.filter(phone="7").exists()
    assert stale(registry.Account, "phone_index") == 0


def test_rows_are_upserted_by_a_unique_index(registry: Any, member: Any) -> None:
    """PostgreSQL finds the row that has the value, though it was encrypted to other bytes."""
    table = registry.Member._meta.db_table
    ours = registry.Member._meta.get_field("email_index")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT person_ptr_id FROM {table} WHERE email_index = %s", [ours.mac(ADA)])
        assert cursor.fetchall() == [(member.pk,)]
    with pytest.raises(IntegrityError):
        registry.Member.objects.create(email=ADA.lower())


REFUSED_WRITES: dict[str, Callable[[Any, Any], Any]] = {
    "update of the index": lambda rows, _: rows.update(email_index=EVE),
    "save of the index": lambda _, member: save_with(member, update_fields=["email_index"]),
    "bulk_update of the index": lambda _, member: bulk_update(member, "email_index"),
    "bulk_update without it": lambda _, member: bulk_update(member, "email"),
    "another value": lambda rows, _: rows.filter(name="Ada").update(email=EVE, email_index=BOB),
    "no value": lambda rows, _: rows.filter(name="Ada").update(email=EVE, email_index=None),
    "a MAC from elsewhere": lambda rows, _: rows.filter(name="Ada").update(
        email=EVE, email_index=bytes(32)
    ),
    "a column": lambda rows, _: rows.update(email=F("name")),
}


@pytest.mark.parametrize("way", REFUSED_WRITES)
def test_a_write_that_would_leave_the_index_behind_is_refused(
    registry: Any, member: Any, way: str
) -> None:
    """Nothing is written, and the error names both columns."""
    with pytest.raises(FieldError, match=r"registry\.Member\.email"):
        REFUSED_WRITES[way](registry.Member.objects, member)
    assert registry.Member.objects.get(email=ADA) == member
    assert stale(registry.Member, "email_index") == 0


def test_an_upsert_of_the_index_alone_is_refused(registry: Any) -> None:
    """It would index the row by another row's value."""
    row = registry.Account.objects.create(phone="1")
    again = [registry.Account(pk=row.pk, phone="2")]
    with pytest.raises(FieldError, match="phone_index is written together with 'phone'"):
        registry.Account.objects.bulk_create(
            again, update_conflicts=True, unique_fields=["pk"], update_fields=["phone_index"]
        )


def test_values_bound_to_their_rows_are_found(registry: Any) -> None:
    """The index is of the value, not of what it was encrypted to."""
    contract = registry.Contract.objects.create(number="AB-1")
    rows = registry.Contract.objects
    assert rows.get(number="AB-1") == contract
    contract.number = "AB-2"
    contract.save()
    contract.title = "lease"
    contract.save(update_fields=["title"])
    assert rows.get(number="AB-2") == contract
    with pytest.raises(FieldError, match="name 'number_index' too"):
        contract.save(update_fields=["number"])
    contract.number = "AB-3"
    contract.save(update_fields=["number", "number_index"])
    rows.update_or_create(pk=contract.pk, defaults={"title": "rent"})
    assert rows.get(number="AB-3").title == "rent"
    rows.update_or_create(pk=contract.pk, defaults={"number": "AB-4"})
    assert rows.get(number="AB-4") == contract
    assert not rows.filter(number__in=["AB-1", "AB-2", "AB-3"]).exists()


# A unique index -----------------------------------------------------------------------------


def test_a_form_tells_that_a_value_is_taken(registry: Any, member: Any) -> None:
    """A form has no field for the index, and must not end in an error of the database."""
    form_class = modelform_factory(registry.Member, fields=["name", "email", "phone"])
    form = form_class({"name": "x", "email": ADA.upper(), "phone": "1"})
    assert form.errors == {"email": ["Member with this Email already exists."]}
    unchanged = form_class({"name": "x", "email": ADA, "phone": "1"}, instance=member)
    assert unchanged.is_valid(), unchanged.errors
    with pytest.raises(ValidationError) as refused:
        registry.Member(email=BOB, phone="1").full_clean()
    assert set(refused.value.message_dict) == {"badge", "email", "email_index", "name"}
    assert BOB not in str(refused.value)


def test_empty_is_a_value_and_nothing_is_none(registry: Any) -> None:
    """Many rows may have no value; two may not have the empty one."""
    for _ in range(2):
        registry.Member.objects.create()
    registry.Member.objects.create(email="")
    with pytest.raises(IntegrityError):
        registry.Member.objects.create(email="")
    assert registry.Member.objects.filter(email="").count() == 1
    assert registry.Member.objects.filter(email=None).count() == 2


# What is told, and what not -----------------------------------------------------------------


def test_the_column_holds_a_mac_under_a_data_key_of_its_own(
    registry: Any, member: Any, stored: Callable[..., bytes], wrapping_key: Any
) -> None:
    """Whoever follows docs/gs1.md computes it; without the data key nobody tries values out."""
    rows = {row.context.field: row for row in process_envelope().data_keys}
    row = rows["member/email/blind-index"]
    held = bytes(stored(registry.Member, "email_index", pk=member.pk))
    plain_key = wrapping_key.unwrap(row.wrapped, row.context)
    assert held == gs1_decoder.mac(ADA.lower().encode(), plain_key, row.context.pairs())
    assert held not in {hashlib.sha256(it.encode()).digest() for it in (ADA, ADA.lower())}
    assert row.id != rows["member/email"].id
    assert registry.Member._meta.get_field("phone_index").mac(ADA.lower()) != held


def test_equal_values_of_two_fields_cannot_be_joined(registry: Any) -> None:
    """Each index has its own data key: who reads both columns learns nothing from both."""
    account = registry.Account.objects.create(phone="1")
    person = registry.Person.objects.create(badge="1")
    told = [
        type(it).objects.values_list(name, flat=True).get()
        for it, name in ((account, "phone_index"), (person, "badge_index"))
    ]
    assert told[0] != told[1]


def test_no_query_log_holds_a_value(
    registry: Any, member: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even of a look-up: what is searched for is a MAC before it is SQL."""
    with (
        caplog.at_level(logging.DEBUG, "django.db.backends"),
        CaptureQueriesContext(connection) as q,
    ):
        registry.Member.objects.filter(email=ADA).update(email=EVE)
    assert "UPDATE" in caplog.text
    for text in (caplog.text, json.dumps(q.captured_queries)):
        assert not {it for it in (ADA, ADA.lower(), EVE) if it in text}


def test_an_instance_shows_no_indexed_value(registry: Any, member: Any) -> None:
    """The attribute follows the field, and prints nothing; a dump has no index at all."""
    assert ADA not in f"{member.email_index!r}{member.email_index}"
    before = member.email_index
    member.email = EVE
    assert member.email_index != before
    member.email = ADA
    assert member.email_index == before
    assert len({before, member.email_index}) == 1
    field = registry.Member._meta.get_field("email_index")
    assert field.value_from_object(member) is None
    assert "email_index" not in modelform_factory(registry.Member, fields="__all__").base_fields
    shown = admin.utils.display_for_value(member.email_index, "-")
    assert ADA not in str(shown)


def test_fixtures_bring_no_index_and_get_one(registry: Any, member: Any, tmp_path: Path) -> None:
    """What ``loaddata`` brings back is found, also where the index has another data key by then."""
    contract = registry.Contract.objects.create(number="AB-1")
    dump = io.StringIO()
    call_command("dumpdata", "registry", stdout=dump)
    assert "_index" not in dump.getvalue()
    fixture = tmp_path / "registry.json"
    fixture.write_text(dump.getvalue(), "utf-8")
    for model in (registry.Member, registry.Person, registry.Contract):
        model.objects.all().delete()
    key_ids = [it.id for it in process_envelope().data_keys if it.context.field.endswith("-index")]
    for key_id in key_ids:
        process_envelope().shred(key_id, give_up=True)
    call_command("loaddata", str(fixture), verbosity=0)
    assert registry.Member.objects.get(email=ADA, badge="7") == member
    assert registry.Contract.objects.get(number="AB-1") == contract


def test_text_that_is_no_unicode_is_refused_and_in_no_error(registry: Any) -> None:
    """A lone surrogate cannot be encoded; Python's own error would hold the whole value."""
    value = f"\ud800{ADA}"
    with pytest.raises(ValidationError) as refused:
        registry.Member.objects.filter(email=value).exists()
    assert refused.value.__cause__ is refused.value.__context__ is None
    assert ADA not in repr(refused.value)


def test_a_normaliser_that_gives_nothing_is_refused(
    registry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All such values would be equal, to look-ups and to a unique index."""
    monkeypatch.setattr(registry.Member._meta.get_field("email_index"), "normalise", lambda _: None)
    with pytest.raises(ValidationError):
        registry.Member.objects.create(email=ADA)
    with pytest.raises(ValidationError):
        registry.Member.objects.filter(email=ADA).exists()


@pytest.mark.usefixtures("member")
def test_a_lost_data_key_is_told_and_no_other_one_made(registry: Any) -> None:
    """Under another one the look-up would find nothing, and a unique index would let doubles in."""
    index = registry.Member._meta.get_field("email_index")
    (key,) = [it for it in process_envelope().data_keys if it.context.field == index.label]
    process_envelope().shred(key.id, give_up=True)
    for use in (
        lambda: registry.Member.objects.filter(email=ADA).exists(),
        lambda: registry.Member.objects.create(email=ADA),
        lambda: registry.Member.objects.get_or_create(email=ADA),
        index.provision_data_key,
    ):
        with pytest.raises(ConfigurationError, match="email_index: rows are indexed, and their"):
            use()
    assert not [it for it in process_envelope().data_keys if it.context.field == index.label]


# Declaring ----------------------------------------------------------------------------------


def test_a_migration_writes_what_was_declared(registry: Any) -> None:
    """``makemigrations`` finds no change that is none, and each that is one."""
    for model in (registry.Member, registry.Contract):
        state = ProjectState()
        state.add_model(ModelState.from_model(model))
        assert not changes(state, state.clone())
    field = BlindIndex("email", normalise=as_is, label="members", searchable=False, db_index=False)
    field.set_attributes_from_name("index")
    name, path, args, kwargs = field.deconstruct()
    assert (name, path) == ("index", "glisecrets.django_integration.encryption.BlindIndex")
    again = BlindIndex(*args, **kwargs)
    again.set_attributes_from_name("index")
    assert again.deconstruct() == field.deconstruct()
    assert kwargs == {
        "normalise": as_is,
        "label": "members",
        "searchable": False,
        "db_index": False,
    }
    column = registry.Member._meta.get_field("born_index").db_parameters(connection)
    assert column["type"] == "bytea"


def changes(before: ProjectState, after: ProjectState) -> Any:
    return MigrationAutodetector(before, after)._detect_changes()


def of_email(**options: Any) -> BlindIndex:
    return BlindIndex("email", normalise=as_is, **options)


def encrypted_email() -> EncryptedTextField:
    return EncryptedTextField(data_class="confidential", label="faulty/email")


#: What the check tells -> the model's fields, made in the order of their declaration.
FAULTY: dict[str, Callable[[], dict[str, Any]]] = {
    "declares no field 'email' before": lambda: {"index": of_email()},
    "declares no field 'email'": lambda: {"index": of_email(), "email": encrypted_email()},
    "is not encrypted": lambda: {"email": models.TextField(), "index": of_email()},
    "two searchable": lambda: {
        "email": encrypted_email(),
        "one": of_email(),
        "two": of_email(label="faulty/two"),
    },
    "'faulty/email/blind-index' names another": lambda: {
        "email": encrypted_email(),
        "one": of_email(),
        "two": of_email(searchable=False),
    },
    "'faulty/email' names another": lambda: {
        "email": encrypted_email(),
        "index": of_email(label="faulty/email"),
    },
}


@pytest.mark.parametrize("told", FAULTY)
def test_a_declaration_that_means_nothing_is_told(project: None, told: str) -> None:
    """By ``manage.py check``, before a look-up is wrong."""
    model = new_model("faulty", FAULTY[told]())
    faults = [fault for field in model._meta.fields for fault in field.check()]
    assert {it.id for it in faults if told in it.msg} == {"glisecrets.E107"}


def new_model(app: str, fields: dict[str, Any]) -> Any:
    meta = type("Meta", (), {"app_label": app})
    body = {"__module__": __name__, "Meta": meta, **fields}
    return type(f"Model{secrets.token_hex(4)}", (models.Model,), body)


def test_an_index_is_replaced_by_way_of_a_second_one(registry: Any) -> None:
    """The one that look-ups use is whole, while the other is filled by what is written."""
    fields = {
        "email": EncryptedTextField(data_class="confidential", label="replaced/email"),
        "first": BlindIndex("email", normalise=as_is),
        "second": BlindIndex("email", normalise=caseless, label="replaced/2", searchable=False),
    }
    replaced = new_model("replaced", fields)
    assert not [fault for field in replaced._meta.fields for fault in field.check()]
    with connection.schema_editor() as editor:
        editor.create_model(replaced)
    try:
        row = replaced.objects.create(email="A")
        replaced.objects.update(email="B")
        assert replaced.objects.get(email="B") == row
        assert not replaced.objects.filter(email="b").exists()
        assert stale(replaced, "first") == stale(replaced, "second") == 0
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(replaced)
