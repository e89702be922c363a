"""Rows with three encrypted fields, and the same with plain ones, on a PostgreSQL of its own.

Prints JSON: the seconds of inserting and of reading in every round, and what a rewrap of the data
keys costs. :mod:`encrypted_rows` runs it.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import django
from counting_kms import counting_kms
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections, models
from turns import interleaved

from glisecrets.testing.servers import postgres_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from counting_kms import CountingKms

    from glisecrets.testing.servers import RunningServer

BATCH = 1000
LABELS = {"data_class": "confidential"}


def main(rows: int, rounds: int, rewrapped_rows: int) -> None:
    """Measure, and print."""
    os.environ["DJANGO_ENV"] = "production"
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    with counting_kms() as kms, _database(kms):
        ours, plain = _tables()
        told = {
            way: _interleaved(way, {"ours": ours, "plain": plain}, rows, rounds)
            for way in ("bulk_create", "save")
        }
        rewrap = _rewraps(kms, ours, rewrapped_rows, rounds)
    print(json.dumps({"ways": told, "rewrap": rewrap}))


@contextmanager
def _database(kms: CountingKms) -> Iterator[None]:
    with postgres_server() as server:
        settings.configure(
            INSTALLED_APPS=["glisecrets.django_integration.encryption"],
            DATABASES={"default": _entry(server)},
            DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
            GLISECRETS_WRAPPING_KEY=kms.wrapping_key(),
            USE_TZ=True,
        )
        django.setup()
        call_command("migrate", verbosity=0)
        yield
        connections.close_all()


def _entry(server: RunningServer) -> dict[str, Any]:
    where = {"HOST": server.host, "PORT": server.port, "NAME": server.database}
    engine = {"ENGINE": "django.db.backends.postgresql"}
    return {**engine, **where, "USER": server.user, "PASSWORD": server.password}


def _tables() -> tuple[type[models.Model], type[models.Model]]:
    from glisecrets.django_integration import encryption

    class Plain(models.Model):  # noqa: DJ008 - nobody prints it
        email = models.TextField()
        born = models.DateField()
        note = models.TextField()

        class Meta:
            app_label = "benchmark"

    class Encrypted(models.Model):  # noqa: DJ008
        email = encryption.EncryptedTextField(label="patient.email", **LABELS)
        born = encryption.EncryptedDateField(label="patient.born", **LABELS)
        note = encryption.EncryptedTextField(label="patient.note", **LABELS)

        class Meta:
            app_label = "benchmark"

    with connection.schema_editor() as editor:
        editor.create_model(Plain)
        editor.create_model(Encrypted)
    return Encrypted, Plain


def _interleaved(
    way: str, tables: dict[str, Any], rows: int, rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """Let each table have its turn; give the seconds of inserting and of reading."""
    split: dict[str, list[tuple[float, float]]] = {name: [] for name in tables}

    def turn(name: str) -> float:
        seconds = _inserted_and_read(tables[name], way, rows)
        split[name].append(seconds)
        return sum(seconds)

    for name, table in tables.items():
        _inserted_and_read(table, way, 10)  # the first rows prepare
        split[name].clear()
    turns = {name: partial(turn, name) for name in tables}
    interleaved(f"Django, {way}", turns, rounds)
    return split


def _inserted_and_read(table: Any, way: str, rows: int) -> tuple[float, float]:
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {table._meta.db_table} RESTART IDENTITY")
    instances = [table(**_values(number)) for number in range(rows)]
    start = perf_counter()
    if way == "save":
        for instance in instances:
            instance.save()
    else:
        table.objects.bulk_create(instances, batch_size=BATCH)
    inserted = perf_counter()
    found = list(table.objects.order_by("pk"))
    read = perf_counter()
    if [_told(row) for row in found] != [_values(number) for number in range(rows)]:
        raise SystemExit("benchmarks: rows did not come back as they were")
    return inserted - start, read - inserted


def _values(number: int) -> dict[str, Any]:
    return {
        "email": f"patient-{number:06}@example.com",
        "born": date(1950, 1, 1) + timedelta(days=number),
        "note": f"{number:08} " + "what the doctor wrote " * 8,
    }


def _told(row: Any) -> dict[str, Any]:
    return {"email": row.email, "born": row.born, "note": row.note}


def _rewraps(kms: CountingKms, table: Any, rows: int, rounds: int) -> dict[str, Any]:
    """Rewrap with many rows and with none; count what KMS was asked."""
    from glisecrets.django_integration.encryption import process_envelope

    seconds: dict[str, list[float]] = {"many": [], "none": []}
    for number in range(rounds):
        wanted = {"many": rows, "none": 0}
        for name in sorted(wanted, reverse=number % 2 == 1):
            _filled(table, wanted[name])
            kms.calls.clear()
            start = perf_counter()
            data_keys = len(list(process_envelope().rewrap()))
            seconds[name].append(perf_counter() - start)
    return {"seconds": seconds, "calls": kms.calls.total(), "data_keys": data_keys}


def _filled(table: Any, rows: int) -> None:
    """Have so many rows: one, copied in the database, which knows nothing of data keys."""
    name = table._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {name} RESTART IDENTITY")
    if rows:
        table.objects.create(**_values(0))
        with connection.cursor() as cursor:
            columns = "email, born, note"
            copies = f"SELECT {columns} FROM {name}, generate_series(2, {rows})"
            cursor.execute(f"INSERT INTO {name} ({columns}) {copies}")
