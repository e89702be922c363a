"""``manage.py encrypted_fields``: rows are copied, encrypted anew and indexed while in use."""

from __future__ import annotations

import io
import json
import secrets
import sys
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.test import override_settings
from django.test.utils import CaptureQueriesContext, isolate_apps

from glisecrets.django_integration.encryption import (
    EncryptedDateField,
    EncryptedIntegerField,
    EncryptedTextField,
    process_envelope,
)
from glisecrets.django_integration.encryption.columns import Table
from glisecrets.django_integration.encryption.copying import Copying
from glisecrets.errors import AccessDenied, ConfigurationError
from glisecrets.keys.envelope import Envelope, InvalidMessage, UnknownDataKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PHONE = ("registry.Account", "phone_plain", "phone")
CREDIT = ("registry.Account", "credit_plain", "credit")


@pytest.fixture
def registry() -> Any:
    """Give the models: they can be imported only while their app is installed."""
    return sys.modules[apps.get_app_config("registry").models_module.__name__]


@pytest.fixture
def accounts(registry: Any) -> Any:
    """Give the accounts: 25 with plain numbers, some keys left out, and one without a number."""
    model = registry.Account
    model.objects.bulk_create(
        model(pk=number * 3, phone_plain=f"+82 {number}") for number in range(1, 26)
    )
    model.objects.create(pk=1000)
    return model.objects


@pytest.fixture
def elsewhere(database: dict[str, Any]) -> Iterator[psycopg.Connection[Any]]:
    """Give a connection of somebody else's."""
    login = {name.lower(): database[name] for name in ("HOST", "PORT", "USER", "PASSWORD")}
    with psycopg.connect(dbname=database["NAME"], autocommit=True, **login) as other:
        yield other


def run(*arguments: str) -> dict[str, Any]:
    """Run an action; give its JSON."""
    out = io.StringIO()
    call_command("encrypted_fields", *arguments, "--json", stdout=out)
    return json.loads(out.getvalue())


def faults(*arguments: str) -> dict[str, Any]:
    """Run an action that finds something wrong; give what."""
    out = io.StringIO()
    with pytest.raises(CommandError) as failed:
        call_command("encrypted_fields", *arguments, "--json", stdout=out)
    assert failed.value.returncode == 1
    assert "+82" not in f"{failed.value}{out.getvalue()}"
    return json.loads(out.getvalue())["faults"]


def said(*arguments: str) -> str:
    """Run an action; give what it tells a person."""
    out = io.StringIO()
    call_command("encrypted_fields", *arguments, stdout=out)
    return out.getvalue()


# From a plain column ------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 7, 25, 26, 500])
def test_a_plain_column_is_copied_whole(accounts: Any, batch: int) -> None:
    """Whatever the batches are, each row is encrypted and indexed once; nothing stays nothing."""
    assert run("encrypt", *PHONE, f"--batch={batch}")["written"] == 25
    assert run("verify", *PHONE, f"--batch={batch}")["faults"] == {}
    assert run("encrypt", *PHONE)["written"] == 0
    assert all(row.phone == row.phone_plain for row in accounts.all())
    assert accounts.get(phone="+82 7").pk == 21
    assert accounts.get(phone=None).pk == 1000


def test_a_value_bound_to_its_row_is_copied_too(registry: Any) -> None:
    """Its row's key is known: it is the table's."""
    made = [registry.Contract.objects.create(title=f"t{number}") for number in range(9)]
    assert run("encrypt", "registry.Contract", "title", "number", "--batch=4")["written"] == 9
    assert run("verify", "registry.Contract", "title", "number")["faults"] == {}
    assert registry.Contract.objects.get(number="t4") == made[4]


def test_no_value_is_mistaken_for_none(registry: Any) -> None:
    """Empty text and zero are values."""
    row = registry.Account.objects.create(phone_plain="", credit_plain="0")
    assert run("encrypt", *PHONE)["written"] == run("encrypt", *CREDIT)["written"] == 1
    row.refresh_from_db()
    assert (row.phone, row.credit) == ("", 0)


def test_a_value_that_does_not_fit_is_told_by_its_row(accounts: Any) -> None:
    """The others are copied; the value itself is in no message."""
    accounts.filter(pk=6).update(credit_plain="+82 is no number")
    accounts.filter(pk=9).update(credit_plain="12")
    assert faults("encrypt", *CREDIT) == {"unfit": {"rows": 1, "keys": [6]}}
    assert faults("verify", *CREDIT) == {"unfit": {"rows": 1, "keys": [6]}}
    assert accounts.get(pk=9).credit == 12
    accounts.filter(pk=6).update(credit_plain=None)
    assert run("verify", *CREDIT)["faults"] == {}


@pytest.mark.parametrize(
    ("plain", "target", "value", "copied"),
    [
        (models.FloatField(), "credit", 1.9, None),
        (models.FloatField(), "credit", 2.0, 2),
        (models.FloatField(), "phone", 0.1, "0.1"),
        (models.IntegerField(), "phone", 7, "7"),
        (models.JSONField(), "phone", {"a": 1}, None),
        (models.DateTimeField(), "day", datetime(2026, 1, 2, 3, tzinfo=UTC), None),
        (
            models.DateTimeField(),
            "phone",
            datetime(2026, 1, 2, 3, tzinfo=UTC),
            "2026-01-02 03:00:00+00:00",
        ),
    ],
)
def test_a_value_of_which_something_would_be_lost_is_not_copied(
    registry: Any, plain: Any, target: str, value: Any, copied: Any
) -> None:
    """The plain column is dropped afterwards: what the other type does not hold would be gone."""
    fields = {
        "plain": plain.clone(),
        "phone": EncryptedTextField(data_class="internal", label="copy/phone", null=True),
        "credit": EncryptedIntegerField(data_class="internal", label="copy/credit", null=True),
        "day": EncryptedDateField(data_class="internal", label="copy/day", null=True),
        "Meta": type("Meta", (), {"app_label": "registry"}),
        "__module__": registry.__name__,
    }
    with isolate_apps("registry"):
        model = type("Copied", (models.Model,), fields)
    with connection.schema_editor() as editor:
        editor.create_model(model)
    try:
        row = model.objects.create(plain=value)
        names = ("plain", target)
        copying = Copying(*(model._meta.get_field(name) for name in names), "default")
        outcome = copying.copy(10, lambda: None)
        assert outcome.faults["unfit"] == copying.compare(10, lambda: None).faults["unfit"]
        row.refresh_from_db()
        assert getattr(row, target) == copied
        assert outcome.faults["unfit"] == (copied is None)
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(model)


def test_a_copy_writes_over_nothing_unless_it_is_told_to(accounts: Any) -> None:
    """The code writes both columns meanwhile, and what it wrote is newer than what is copied."""
    run("encrypt", *PHONE)
    accounts.filter(pk=3).update(phone="newer")
    accounts.filter(pk=6).update(phone_plain="newer")
    accounts.filter(pk=9).update(phone=None)
    accounts.filter(pk=12).update(phone_plain=None)
    found = {
        "different": {"rows": 3, "keys": [3, 6, 12]},
        "missing": {"rows": 1, "keys": [9]},
    }
    assert faults("verify", *PHONE) == found
    assert run("encrypt", *PHONE)["written"] == 1
    assert faults("verify", *PHONE) == {"different": found["different"]}
    assert run("encrypt", *PHONE, "--overwrite")["written"] == 3
    assert run("verify", *PHONE)["faults"] == {}
    assert accounts.get(phone="newer").pk == 6
    assert accounts.get(pk=12).phone_index is None


def test_a_value_that_was_moved_to_another_row_is_told(registry: Any) -> None:
    """A comparison decrypts each row's value in its own row."""
    first, second = (registry.Contract.objects.create(title=it) for it in ("one", "two"))
    run("encrypt", "registry.Contract", "title", "number")
    table, column = registry.Contract._meta.db_table, "(SELECT number FROM {} WHERE id = %s)"
    with connection.cursor() as cursor:
        moved = column.format(table)
        cursor.execute(f"UPDATE {table} SET number = {moved} WHERE id = %s", [first.pk, second.pk])
    found = {"unreadable": {"rows": 1, "keys": [str(second.pk)]}}
    assert faults("verify", "registry.Contract", "title", "number") == found


@pytest.mark.parametrize("written", ["newer", None])
def test_a_row_that_is_written_while_it_is_copied_keeps_what_was_written(
    accounts: Any,
    elsewhere: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    written: str | None,
) -> None:
    """The writer waits for the batch, and is last; what was deleted meanwhile stays deleted."""
    field = accounts.model._meta.get_field("phone")
    newer = None if written is None else field.sealed(written)
    table = accounts.model._meta.db_table
    writer = threading.Thread(
        target=elsewhere.execute,
        args=(
            f"UPDATE {table} SET phone_plain = %s, phone = %s WHERE id = 6",
            [written, newer],
        ),
    )
    sealed = type(field).sealed

    def sealed_while_somebody_writes(self: Any, *arguments: Any) -> bytes:
        if not writer.ident:
            writer.start()
            wait_until_blocked(writer, elsewhere)
        return sealed(self, *arguments)

    monkeypatch.setattr(type(field), "sealed", sealed_while_somebody_writes)
    run("encrypt", *PHONE)
    writer.join()
    assert run("verify", *PHONE)["faults"] == {}
    assert accounts.get(pk=6).phone == written


def wait_until_blocked(writer: threading.Thread, other: psycopg.Connection[Any]) -> None:
    """Wait until a writer waits for somebody's lock, or is done because there is none."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
    with connection.cursor() as cursor:
        while writer.is_alive():
            cursor.execute(waiting, [other.info.backend_pid])
            if cursor.fetchone()[0]:
                return


# Data keys ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_data_keys")
def test_data_keys_are_made_before_they_are_needed(registry: Any) -> None:
    """A deployment makes them, so that the service itself need not be allowed to."""
    run("provision")
    labels = {row.context.field for row in process_envelope().data_keys}
    assert {"member/email", "member/email/blind-index", "contract/number"} <= labels
    before = [row.id for row in process_envelope().data_keys]
    run("provision")
    assert [row.id for row in process_envelope().data_keys] == before


def test_the_status_tells_how_many_rows_are_under_each_data_key(
    accounts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And how many are under none: those were never encrypted."""
    monkeypatch.setenv("COLUMNS", "300")  # else lines may be folded
    run("encrypt", *PHONE)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {accounts.model._meta.db_table} SET phone = 'x' WHERE id < 7")
    renewed = run("renew", "account/phone")["made"]
    accounts.filter(pk=75).update(phone="newer")
    out, lines_out = io.StringIO(), io.StringIO()
    for options, stream in (["--json"], out), ([], lines_out):
        with pytest.raises(CommandError, match=r"Account\.phone: 2 rows are not encrypted"):
            call_command("encrypted_fields", "status", "--rows", *options, stdout=stream)
    fields = json.loads(out.getvalue())["fields"]
    (told,) = [it for it in fields if it["label"] == "account/phone"]
    assert [it["rows"] for it in told["data-keys"] if it["id"] in renewed] == [1]
    assert sum(it["rows"] for it in told["data-keys"]) == 23
    assert told["rows-not-encrypted"] == 2
    assert [it["active"] for it in told["data-keys"]].count(True) == 1
    lines = [line for line in lines_out.getvalue().splitlines() if "account/phone " in line]
    assert any("not encrypted" in line for line in lines)
    assert "1" in next(line for line in lines if renewed[0][:16] in line).split()


def test_a_renewed_data_key_is_gone_over_to_and_the_old_one_can_go(accounts: Any) -> None:
    """After a leak: a new key, every row encrypted anew, the leaked one deleted."""
    run("encrypt", *PHONE)
    old = active("account/phone")
    (new,) = run("renew", "account/phone")["made"]
    told = run("reencrypt", "registry.Account.phone", "--batch=4")
    assert told["fields"]["registry.Account.phone"]["written"] == 25
    assert rows_by_key(accounts) == {new: 25}
    assert run("reencrypt")["fields"]["registry.Account.phone"]["written"] == 0
    retire_long_ago()
    assert run("shred", old, "--yes") == {"schema": 1, "shredded": old, "rows": 0}
    assert run("verify", *PHONE)["faults"] == {}
    assert accounts.get(phone="+82 7").pk == 21


def test_what_is_done_is_not_done_again(accounts: Any) -> None:
    """A run that was ended goes on: rows that are under the new data key are not even read."""
    run("encrypt", *PHONE)
    run("renew", "account/phone")
    accounts.filter(pk__lte=60).update(phone="newer")
    with CaptureQueriesContext(connection) as asked:
        told = run("reencrypt", "registry.Account.phone")
    assert told["fields"]["registry.Account.phone"]["written"] == 5
    assert sum("UPDATE" in query["sql"] for query in asked) <= 5


def test_a_row_that_is_written_while_it_is_encrypted_anew_keeps_what_was_written(
    accounts: Any, elsewhere: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes are no longer those that were read, so it is left to who wrote it."""
    run("encrypt", *PHONE)
    run("renew", "account/phone")
    field = accounts.model._meta.get_field("phone")
    newer, table = field.sealed("newer"), accounts.model._meta.db_table
    opened, written = type(field).opened, []

    def opened_while_somebody_writes(self: Any, *arguments: Any) -> Any:
        if not written:
            written.append(1)
            elsewhere.execute(f"UPDATE {table} SET phone = %s WHERE id = 6", [newer])
        return opened(self, *arguments)

    monkeypatch.setattr(type(field), "opened", opened_while_somebody_writes)
    told = run("reencrypt", "registry.Account.phone")
    assert told["fields"]["registry.Account.phone"]["written"] == 24
    assert accounts.get(pk=6).phone == "newer"


def test_what_nobody_can_read_is_told_and_stays(accounts: Any, stored: Callable[..., Any]) -> None:
    """A damaged row does not keep the others under a leaked data key."""
    run("encrypt", *PHONE)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {accounts.model._meta.db_table} SET phone = substr(phone, 1, 90)"
            f" || set_byte(substr(phone, 1, 1), 0, 7) WHERE id = 6"
        )
    damaged = bytes(stored(accounts.model, "phone", pk=6))
    run("renew", "account/phone")
    out = io.StringIO()
    with pytest.raises(CommandError, match="1 rows cannot be decrypted, and stay as they are: 6"):
        call_command("encrypted_fields", "reencrypt", "registry.Account.phone", stdout=out)
    assert "24 rows" in out.getvalue()
    assert bytes(stored(accounts.model, "phone", pk=6)) == damaged
    with pytest.raises(InvalidMessage):
        accounts.get(pk=6)


def test_a_rewrap_touches_data_keys_and_no_row(
    accounts: Any, stored: Callable[..., Any], wrapping_key: Any
) -> None:
    """One call of the wrapping key's for each data key, however many rows there are."""
    run("encrypt", *PHONE)
    held = bytes(stored(accounts.model, "phone", pk=6))
    before = {row.id: row.wrapped for row in process_envelope().data_keys}
    assert set(run("rewrap")["rewrapped"]) == set(before)
    after = {row.id: row.wrapped for row in process_envelope().data_keys}
    assert after.keys() == before.keys()
    assert not any(after[key_id] == before[key_id] for key_id in before)
    assert bytes(stored(accounts.model, "phone", pk=6)) == held
    process_envelope().cache.clear()
    assert accounts.get(pk=6).phone == "+82 2"


def test_a_shredded_data_key_takes_its_values_along(accounts: Any) -> None:
    """Only after a yes, which is told how many rows that are, and where they are given up."""
    run("encrypt", *PHONE)
    key = active("account/phone")
    with pytest.raises(CommandError, match="25 rows can never be read again") as asked:
        call_command("encrypted_fields", "shred", key, "--give-up")
    assert "--yes" in str(asked.value)
    assert "other processes write in the next 300 seconds is lost" in str(asked.value)
    assert accounts.get(pk=6).phone
    assert "25 rows" in said("shred", key, "--yes", "--give-up")
    with pytest.raises(UnknownDataKey, match=r"registry\.Account\.phone"):
        accounts.get(pk=6)
    assert faults("verify", *PHONE)["unreadable"]["rows"] == 25


def test_a_data_key_that_others_may_write_under_is_not_shredded(accounts: Any) -> None:
    """A web worker that knows it goes on for minutes; what it wrote would be lost."""
    run("encrypt", *PHONE)
    old = active("account/phone")
    worker = Envelope(process_envelope().wrapping_key, process_envelope().data_keys)
    field = worker.field("confidential", "development", "account/phone")
    field.encrypt(b"it knows the key")
    with pytest.raises(CommandError, match=r"is active: (?s:.*) --give-up"):
        call_command("encrypted_fields", "shred", old, "--yes")
    assert run("renew", "account/phone")["wait"] == 360
    assert 350 < run("reencrypt", "registry.Account.phone")["wait"] <= 360
    write_message(accounts, 6, field.encrypt(b"late"))
    with pytest.raises(CommandError, match=r"may encrypt under data key .* for 3[56]\d seconds"):
        call_command("encrypted_fields", "shred", old, "--yes")
    retire_long_ago()
    with pytest.raises(CommandError, match=r"1 rows are under data key .*(?s:.*)reencrypt"):
        call_command("encrypted_fields", "shred", old, "--yes")
    told = run("reencrypt", "registry.Account.phone")
    assert (told["wait"], told["fields"]["registry.Account.phone"]["written"]) == (0, 1)
    run("shred", old, "--yes")
    process_envelope().cache.clear()
    assert accounts.get(pk=6).phone == "late"


def test_rows_are_told_whatever_their_field_is_called_by_now(
    accounts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another data class in the code takes no row away from its data key."""
    run("encrypt", *PHONE)
    key, field = active("account/phone"), accounts.model._meta.get_field("phone")
    monkeypatch.setattr(field, "data_class", "restricted")
    with pytest.raises(CommandError, match="25 rows can never be read again"):
        call_command("encrypted_fields", "shred", key, "--give-up")
    told = "label has data keys of the data class 'confidential'"
    with pytest.raises(CommandError, match=told):
        call_command("encrypted_fields", "status", stdout=io.StringIO())
    with pytest.raises(CommandError, match=rf"25 rows cannot be read: data key {key} is of"):
        call_command("encrypted_fields", "status", "--rows", stdout=io.StringIO())


def test_rows_whose_data_key_is_gone_are_told(accounts: Any) -> None:
    """They are the ones that nobody can read."""
    run("encrypt", *PHONE)
    key, out = active("account/phone"), io.StringIO()
    process_envelope().shred(key, give_up=True)
    with pytest.raises(CommandError, match=rf"25 rows cannot be read: data key {key} is not there"):
        call_command("encrypted_fields", "status", "--rows", "--json", stdout=out)
    fields = json.loads(out.getvalue())["fields"]
    assert {key: 25} in [it["rows-under-other-data-keys"] for it in fields]


def write_message(accounts: Any, row: int, message: bytes) -> None:
    """Write as another process does."""
    table = accounts.model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET phone = %s WHERE id = %s", [message, row])


def retire_long_ago() -> None:
    """Let the time pass after which nobody encrypts under the retired data keys."""
    from glisecrets.django_integration.encryption.models import DataKey

    long_ago = datetime.now(UTC) - timedelta(seconds=361)
    assert DataKey.objects.exclude(retired=None).update(retired=long_ago)


def active(label: str) -> str:
    rows = process_envelope().data_keys
    return next(row.id for row in rows if row.active and row.context.field == label)


def rows_by_key(accounts: Any) -> dict[str | None, int]:
    return Table("default", accounts.model._meta.get_field("phone")).rows_by_key()


class Denied:
    """A wrapping key that KMS lets nobody use."""

    scheme, name = "aws", "alias/denied"

    def __getattr__(self, name: str) -> Any:
        raise AccessDenied(f"{name} is denied", store=self.scheme)


def test_nothing_is_written_while_the_wrapping_key_is_denied(accounts: Any) -> None:
    """The command fails, and says why; rows and data keys are as they were."""
    with override_settings(GLISECRETS_WRAPPING_KEY=Denied()):
        for arguments in (("encrypt", *PHONE), ("rewrap",), ("renew", "account/phone")):
            with pytest.raises(CommandError, match="denied"):
                call_command("encrypted_fields", *arguments)
    assert accounts.filter(phone=None).count() == 26
    assert run("encrypt", *PHONE)["written"] == 25


# Blind indexes ------------------------------------------------------------------------------


def test_an_index_that_was_added_to_a_table_with_rows_is_built(
    accounts: Any, elsewhere: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that are written meanwhile are indexed by who writes them."""
    run("encrypt", *PHONE)
    table, name = accounts.model._meta.db_table, "registry.Account.phone_index"
    elsewhere.execute(f"UPDATE {table} SET phone_index = NULL WHERE id < 60")
    elsewhere.execute(f"UPDATE {table} SET phone_index = %s WHERE id >= 70", [bytes(32)])
    assert faults("index", name, "--check")["wrong"]["rows"] == 22
    index = accounts.model._meta.get_field("phone_index")
    change = f"UPDATE {table} SET phone = %s, phone_index = %s WHERE id = 6"
    written = (change, [index.source.sealed("newer"), index.mac("newer")])
    writer = threading.Thread(target=elsewhere.execute, args=written)
    opened = type(index.source).opened

    def opened_while_somebody_writes(self: Any, *arguments: Any) -> Any:
        if not writer.ident:
            writer.start()
            wait_until_blocked(writer, elsewhere)
        return opened(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(type(index.source), "opened", opened_while_somebody_writes)
        assert run("index", name, "--batch=30")["written"] == 22
    writer.join()
    assert run("index", name, "--check")["faults"] == {}
    assert accounts.get(phone="newer").pk == 6
    assert accounts.get(phone="+82 7").pk == 21


def test_no_row_is_left_out_that_is_encrypted_anew_meanwhile(
    accounts: Any, elsewhere: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its message is another one by then, and its index is missing all the same."""
    run("encrypt", *PHONE)
    table, name = accounts.model._meta.db_table, "registry.Account.phone_index"
    elsewhere.execute(f"UPDATE {table} SET phone_index = NULL")
    field = accounts.model._meta.get_field("phone")
    anew = (f"UPDATE {table} SET phone = %s WHERE id = 6", [field.sealed("+82 2")])
    writer = threading.Thread(target=elsewhere.execute, args=anew)
    opened = type(field).opened

    def opened_while_somebody_writes(self: Any, *arguments: Any) -> Any:
        if not writer.ident:
            writer.start()
            wait_until_blocked(writer, elsewhere)
        return opened(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(type(field), "opened", opened_while_somebody_writes)
        run("index", name)
    writer.join()
    assert run("index", name, "--check")["faults"] == {}


def test_rows_without_an_index_are_told(accounts: Any) -> None:
    """Whoever left them so, look-ups miss them."""
    run("encrypt", *PHONE)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {accounts.model._meta.db_table} SET phone_index = NULL WHERE id < 7"
        )
    with pytest.raises(CommandError, match="phone_index: 2 rows are not indexed"):
        call_command("encrypted_fields", "status", "--rows", stdout=io.StringIO())
    run("index", "registry.Account.phone_index")
    run("status", "--rows")


def test_values_that_a_unique_index_refuses_are_told(registry: Any) -> None:
    """They are in the table already: somebody has to decide which row is the right one."""
    rows = [registry.Member.objects.create(email=f"{number}@example.com") for number in range(5)]
    field = registry.Member._meta.get_field("email")
    table = registry.Member._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET email_index = NULL")
        for row in rows[3:]:
            change = f"UPDATE {table} SET email = %s WHERE person_ptr_id = %s"
            cursor.execute(change, [field.sealed("1@EXAMPLE.com"), row.pk])
    found = faults("index", "registry.Member.email_index")
    assert found == {"repeated": {"rows": 2, "keys": [row.pk for row in rows[3:]]}}
    assert registry.Member.objects.get(email="1@example.com") == rows[1]
    assert registry.Member.objects.get(email="2@example.com") == rows[2]


def test_an_index_whose_data_key_was_shredded_is_built_anew(accounts: Any) -> None:
    """Until then look-ups fail, and so does writing: neither makes another data key unasked."""
    run("encrypt", *PHONE)
    key = active("account/phone/blind-index")
    with pytest.raises(CommandError, match="Look-ups fail until"):
        call_command("encrypted_fields", "shred", key, "--give-up")
    run("shred", key, "--yes", "--give-up")
    lost = r"phone_index: rows are indexed, and their data key .* is not there"
    for use in (
        lambda: accounts.filter(phone="+82 7").exists(),
        lambda: accounts.create(phone="+82 7"),
        lambda: run("index", "registry.Account.phone_index", "--check"),
        lambda: run("provision"),
    ):
        with pytest.raises((ConfigurationError, CommandError), match=lost):
            use()
    assert run("index", "registry.Account.phone_index")["written"] == 25
    assert accounts.get(phone="+82 7").pk == 21


# What cannot be done ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("encrypt", "registry.Nobody", "phone_plain", "phone"), "'registry.Nobody' is no model"),
        (("encrypt", "Account", "phone_plain", "phone"), "'Account' is no model"),
        (("encrypt", "registry.Account", "nothing", "phone"), "no column 'nothing'"),
        (("encrypt", "registry.Account", "phone", "phone_plain"), "in this order"),
        (("encrypt", "registry.Account", "phone", "credit"), "in this order"),
        (("verify", "registry.Member", "badge", "email"), "no column 'badge' of its own"),
        (("reencrypt", "registry.Account.phone_plain"), "is not encrypted"),
        (("renew", "account/nothing"), "no encrypted field has the label"),
        (("renew", "member/email/blind-index"), "a blind index keeps its data key"),
        (("index", "registry.Account.phone"), "is no blind index"),
        (("shred", secrets.token_hex(32), "--yes"), "there is no data key"),
        (("verify", *PHONE, "--batch=0"), "no number above zero"),
        (("encrypt", *PHONE, "--batch=-1"), "no number above zero"),
        (("status", "--database=nope"), "invalid choice: 'nope'"),
    ],
)
def test_a_mistake_is_told(project: None, arguments: tuple[str, ...], told: str) -> None:
    """By name, before anything is changed."""
    with pytest.raises(CommandError, match=told):
        call_command("encrypted_fields", *arguments)
