"""Data keys outlive what the caller's transaction does, and are made once."""

from __future__ import annotations

import asyncio
import secrets
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import DatabaseError, connection, connections, transaction
from django.db.migrations import AlterField, Migration
from django.db.migrations.exceptions import IrreversibleError
from django.db.models.signals import post_migrate
from django.db.utils import ConnectionDoesNotExist
from django.test import SimpleTestCase, override_settings

from glisecrets.errors import AccessDenied, ConfigurationError, StoreUnavailable, Undecryptable
from glisecrets.keys.envelope import (
    DataKey,
    Envelope,
    FieldContext,
    LocalWrappingKey,
    UnknownDataKey,
    Wrapped,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("no_data_keys")

CONTEXT = FieldContext("confidential", "development", "a/label")


def keys() -> Any:
    from glisecrets.django_integration.encryption import DjangoDataKeys

    return DjangoDataKeys()


def forget() -> None:
    """Be like a process that was just started."""
    from glisecrets.django_integration.encryption import process_envelope

    process_envelope().cache.clear()


def new_key(context: FieldContext = CONTEXT) -> DataKey:
    wrapped = Wrapped(secrets.token_bytes(60), "a key", "v1")
    return DataKey.made(secrets.token_bytes(32), context, wrapped)


# As a store of data keys -------------------------------------------------------------------------


def test_a_data_key_comes_back_as_it_was() -> None:
    """With its context, its wrapped form and when it was made."""
    made = new_key()
    assert keys().add(made) == made
    assert keys().active(CONTEXT) == made
    assert keys().find(CONTEXT, made.id) == made
    assert list(keys()) == [made]


def test_a_data_key_is_its_fields_alone() -> None:
    """Another field, class or environment does not find it."""
    made = keys().add(new_key())
    for other in (
        FieldContext("confidential", "development", "another/label"),
        FieldContext("internal", "development", "a/label"),
        FieldContext("confidential", "production", "a/label"),
    ):
        assert keys().find(other, made.id) is None
        assert keys().active(other) is None


def test_who_comes_second_gets_the_first_ones_key() -> None:
    """Two processes that both find no key, or both renew the same one, end with one."""
    first = keys().add(new_key())
    assert keys().add(new_key()) == first
    second = keys().add(new_key(), instead_of=first.id)
    assert keys().add(new_key(), instead_of=first.id) == second
    assert [row.active for row in keys()] == [False, True]


def test_a_race_ends_with_one_active_key() -> None:
    """By the database's own constraint, whatever the timing."""
    with ThreadPoolExecutor(8) as threads:
        got = list(threads.map(lambda _: keys().add(new_key()).id, range(8)))
    assert len(set(got)) == 1
    assert [row.id for row in keys()] == got[:1]


def test_a_wrapped_form_is_replaced_only_as_it_was_read() -> None:
    """A rewrap never undoes another one."""
    made = keys().add(new_key())
    newer = Wrapped(b"newer", "another key")
    assert keys().rewrapped(made, newer)
    assert not keys().rewrapped(made, Wrapped(b"late", "a key"))
    assert keys().find(CONTEXT, made.id).wrapped == newer
    assert keys().delete(made.id)
    assert not keys().delete(made.id)


def test_a_database_without_the_table_is_told(database: dict[str, Any]) -> None:
    """With what to do."""
    from glisecrets.django_integration.encryption import DjangoDataKeys

    entry = {**database, "NAME": "postgres"}
    made = connections.configure_settings({"default": database, "bare": entry})["bare"]
    connections.settings["bare"] = made
    try:
        with pytest.raises(StoreUnavailable, match=r"manage\.py migrate"):
            DjangoDataKeys("bare").active(CONTEXT)
    finally:
        connections["bare"].close()
        del connections["bare"], connections.settings["bare"]


# Within the caller's transactions ----------------------------------------------------------------


def test_a_rolled_back_transaction_takes_no_data_key_with_it(models: Any) -> None:
    """The process goes on under a key that is kept: the next value can be read by others."""
    with transaction.atomic():
        models.Patient.objects.create(note="lost")
        transaction.set_rollback(True)
    models.Patient.objects.create(note="kept")
    forget()
    assert models.Patient.objects.get().note == "kept"


def test_an_aborted_transaction_can_still_decrypt(models: Any, stored: Any) -> None:
    """Data keys are read by a connection that PostgreSQL has not given up on."""
    models.Patient.objects.create(note="kept")
    message = stored(models.Patient, "note")
    field = models.Patient._meta.get_field("note")
    forget()
    with transaction.atomic():
        with pytest.raises(DatabaseError):
            connection.cursor().execute("SELECT 1/0")
        assert field.from_db_value(message, None, connection) == "kept"
        transaction.set_rollback(True)


def test_an_old_snapshot_sees_new_data_keys(models: Any) -> None:
    """A transaction that repeats its reads gets a data key that was made after it began."""
    with transaction.atomic():
        connection.cursor().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        models.Patient.objects.count()
        models.Patient.objects.create(note="kept")
        forget()
        assert models.Patient.objects.get().note == "kept"


def test_values_are_decrypted_while_rows_are_still_coming(models: Any) -> None:
    """A server-side cursor is not disturbed by the data key that its first row asks for."""
    models.Patient.objects.bulk_create([models.Patient(note=str(n)) for n in range(30)])
    forget()
    with transaction.atomic():
        read = [row.note for row in models.Patient.objects.order_by("pk").iterator(10)]
    assert read == [str(n) for n in range(30)]


def test_a_pool_of_one_connection_is_enough(models: Any, database: dict[str, Any]) -> None:
    """The connection for data keys is none of the pool's, which the caller may hold all of."""
    pooled = {**database, "OPTIONS": {"pool": {"min_size": 1, "max_size": 1, "timeout": 5}}}
    alias = "pooled"
    connections.settings[alias] = connections.configure_settings(
        {"default": database, alias: pooled}
    )[alias]
    try:
        with transaction.atomic(alias):
            models.Patient.objects.using(alias).create(note="kept")
        from glisecrets.django_integration.encryption import DjangoDataKeys

        assert len(list(DjangoDataKeys(alias))) == 1
    finally:
        connections[alias].close()
        connections[alias].close_pool()
        del connections[alias], connections.settings[alias]


def test_a_sealed_value_is_opened_by_async_code(models: Any) -> None:
    """Though its data key has to be read from the database, which Django forbids there."""

    async def read() -> Any:
        await models.Letter.objects.acreate(body="kept")
        letter = await models.Letter.objects.aget()
        forget()
        return letter.body

    assert asyncio.run(read()) == "kept"


def others() -> int:
    """Count the connections that last asked for a data key, but this one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            " AND datname = current_database() AND query LIKE '%datakey%'"
        )
        return int(cursor.fetchone()[0])


def test_no_connection_is_left_behind(models: Any) -> None:
    """Each is closed when its question is answered."""
    models.Patient.objects.create(note="kept")
    forget()
    models.Patient.objects.get()
    ends = time.monotonic() + 20
    while others() and time.monotonic() < ends:
        time.sleep(0.01)  # PostgreSQL's process outlives the connection by a moment
    assert others() == 0
    with pytest.raises(ConnectionDoesNotExist):
        connections["glisecrets_data_keys"]


def test_a_test_that_may_use_no_database_makes_no_data_key() -> None:
    """Django's guard holds for our own connection: else it would be the developer's database."""

    class Bare(SimpleTestCase):
        def test(self) -> None:
            keys().active(CONTEXT)

    found = unittest.TestResult()
    unittest.TestSuite([Bare("test")]).run(found)
    (error,) = [text for _, text in found.errors + found.failures]
    assert "Database connections to 'default' are not allowed" in error
    assert keys().active(CONTEXT) is None


# Provisioning ------------------------------------------------------------------------------------


def test_migrate_makes_the_data_keys(models: Any) -> None:
    """One for each encrypted field; and once."""
    call_command("migrate", verbosity=0, run_syncdb=True)
    made = {row.context.field for row in keys()}
    assert {"patient/note", "patient/born", "letter/body"} <= made
    call_command("migrate", verbosity=0, run_syncdb=True)
    assert len(list(keys())) == len(made)


def test_flush_makes_them_anew(models: Any) -> None:
    """The table is emptied with the others; the process does not go on with a key of before."""
    models.Patient.objects.create(note="before")
    call_command("flush", interactive=False, verbosity=0)
    models.Patient.objects.create(note="after")
    forget()
    assert models.Patient.objects.get().note == "after"


@override_settings(GLISECRETS_PROVISION_DATA_KEYS=False)
def test_provisioning_is_switched_off() -> None:
    """For a deployment whose migrations run without the right to the wrapping key."""
    call_command("migrate", verbosity=0, run_syncdb=True)
    assert list(keys()) == []


class Denied(LocalWrappingKey):
    """A wrapping key that this process may not use."""

    def generate(self, context: FieldContext) -> Any:
        raise AccessDenied("the key may not be used by this caller", store="local")

    def unwrap(self, wrapped: Wrapped, context: FieldContext) -> Any:
        raise Undecryptable("the key is disabled", store="local")


def test_migrate_goes_on_without_the_wrapping_key(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It says which app's data keys are not made yet."""
    with override_settings(GLISECRETS_WRAPPING_KEY=Denied(tmp_path)):
        call_command("migrate", verbosity=0, run_syncdb=True)
    assert "the data keys of hospital are not made yet" in caplog.text
    assert "may not be used" in caplog.text


def test_provisioning_one_app_by_hand() -> None:
    """What the command does."""
    from glisecrets.django_integration.encryption.provisioning import provision

    provision(apps.get_app_config("hospital"))
    assert list(keys())


def test_the_table_goes_with_no_data_key_in_it(models: Any) -> None:
    """Undoing the migration would take every value along: only a setting says that it may."""
    models.Patient.objects.create(note="kept")
    undo = partial(call_command, "migrate", "glisecrets_encryption", "zero", verbosity=0)
    with pytest.raises(IrreversibleError, match="GLISECRETS_DROP_DATA_KEYS"):
        undo()
    forget()
    assert models.Patient.objects.get().note == "kept"
    try:
        with override_settings(GLISECRETS_DROP_DATA_KEYS=True):
            undo()
        assert "glisecrets_encryption_datakey" not in connection.introspection.table_names()
    finally:
        call_command("migrate", "glisecrets_encryption", verbosity=0)


def test_migrate_tells_of_rows_that_it_left_without_an_index(
    models: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A default is written to rows by SQL, which fills no blind index."""
    app = apps.get_app_config("registry")
    account = app.get_model("Account")
    account.objects.create(phone="+82 1")
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {account._meta.db_table} SET phone_index = NULL")
    told = "1 rows are not indexed, and look-ups miss them"
    for name, is_told in [("credit", False), ("phone", True), ("phone_index", True)]:
        caplog.clear()
        migration = Migration("0002", "registry")
        migration.operations = [AlterField("Account", name, account._meta.get_field(name))]
        post_migrate.send(app, app_config=app, using="default", plan=[(migration, False)])
        assert (told in caplog.text) is is_told
    assert "encrypted_fields index registry.Account.phone_index" in caplog.text


# The process's envelope --------------------------------------------------------------------------


def test_a_key_that_may_not_be_used_stops_writing(models: Any, tmp_path: Path) -> None:
    """Nothing is written, and the error names the field."""
    told = pytest.raises(AccessDenied, match=r"hospital\.Patient\.note: the key may not")
    with override_settings(GLISECRETS_WRAPPING_KEY=Denied(tmp_path)), told:
        models.Patient.objects.create(note="a")
    assert not models.Patient.objects.exists()


def test_a_disabled_key_stops_reading(models: Any, tmp_path: Path) -> None:
    """No value is given, and no ciphertext in its place."""
    models.Patient.objects.create(note="a")
    told = pytest.raises(Undecryptable, match=r"hospital\.Patient\.note: the key is disabled")
    with override_settings(GLISECRETS_WRAPPING_KEY=Denied(tmp_path)), told:
        models.Patient.objects.get()


def test_without_a_wrapping_key_production_does_not_begin(
    models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only development has a key that nobody named."""
    monkeypatch.delenv("GLISECRETS_WRAPPING_KEY", raising=False)
    monkeypatch.setenv("DJANGO_ENV", "production")
    told = pytest.raises(ConfigurationError, match="no wrapping key is named")
    with override_settings(GLISECRETS_WRAPPING_KEY=None), told:
        models.Patient.objects.create(note="a")


def test_the_variable_names_the_wrapping_key(
    models: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where no setting does."""
    monkeypatch.setenv("GLISECRETS_WRAPPING_KEY", f"local:{tmp_path}")
    with override_settings(GLISECRETS_WRAPPING_KEY=None):
        models.Patient.objects.create(note="a")
        assert models.Patient.objects.get().note == "a"
        assert (tmp_path / "key").exists()


def test_another_environment_cannot_read(models: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A production value in a copy of the database stays closed in staging."""
    models.Patient.objects.create(note="a")
    monkeypatch.setenv("DJANGO_ENV", "staging")
    told = pytest.raises(UnknownDataKey, match=r"hospital\.Patient\.note")
    with override_settings(GLISECRETS=None), told:
        models.Patient.objects.get()


def test_one_process_asks_once_for_each_field(models: Any, wrapping_key: LocalWrappingKey) -> None:
    """Thousands of values need one call to KMS per field."""

    class Counting(LocalWrappingKey):
        asked = 0

        def unwrap(self, wrapped: Wrapped, context: FieldContext) -> bytes:
            Counting.asked += 1
            return wrapping_key.unwrap(wrapped, context)

    models.Patient.objects.bulk_create([models.Patient(note="a", email="b")] * 3)
    with override_settings(GLISECRETS_WRAPPING_KEY=Counting(wrapping_key._file.folder)):
        for _ in range(3):
            list(models.Patient.objects.all())
            models.Patient.objects.update(note="c", email="d")
    assert Counting.asked == 2


def test_a_forgotten_data_key_closes_its_values(models: Any) -> None:
    """Deleted from the table, and so from the process: the values are gone, and say so."""
    from glisecrets.django_integration.encryption import process_envelope

    models.Patient.objects.create(note="a")
    envelope: Envelope = process_envelope()
    (key,) = (row for row in envelope.data_keys if row.context.field == "patient/note")
    assert envelope.shred(key.id, give_up=True)
    with pytest.raises(UnknownDataKey, match=rf"hospital\.Patient\.note: .*{key.id}"):
        models.Patient.objects.get()
