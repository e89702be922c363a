"""A table that is in use goes from a plain column to an encrypted one, by its own migrations."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from glisecrets.testing.servers import RunningServer

ROWS = 600
#: How many of them are written, again and again, while all are copied.
WRITTEN = 300
#: A row in the middle, which somebody holds while the command comes to it.
HELD = 400
COPY = ("clinic.Patient", "phone", "phone_encrypted")

_SETTINGS = """\
import json, os
from pathlib import Path
BASE_DIR = Path(__file__).parent
SECRET_KEY = os.environ["SECRET_KEY"]
DATABASES = {"default": json.loads(os.environ["DATABASE"])}
INSTALLED_APPS = ["glisecrets.django_integration.encryption", "clinic"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
"""
_MANAGE = """\
import os, sys
from django.core.management import execute_from_command_line
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
execute_from_command_line(sys.argv)
"""
_HEAD = """\
from django.db import models
from glisecrets.django_integration.encryption import BlindIndex, EncryptedTextField, as_is

class Patient(models.Model):
    name = models.TextField()
"""
_PLAIN = "    phone = models.TextField(null=True)\n"
_ENCRYPTED = """\
    {0} = EncryptedTextField(data_class="confidential", label="patient/phone", null=True)
    {0}_index = BlindIndex("{0}", normalise=as_is)
"""
#: The code writes both columns, from before rows are copied until the plain one is dropped.
_BOTH = """
    def save(self, *arguments, **options):
        self.phone_encrypted = self.phone
        super().save(*arguments, **options)
"""
_WHO_HAS = "from clinic.models import Patient; print(Patient.objects.get({}=input()).name)"
_WRITE = """
import itertools, sys
from clinic.models import Patient
for number in itertools.count():
    patient = Patient.objects.get(pk=number % {rows} + 1)
    patient.phone = f"new {{number}}"
    patient.save()
    print(number, flush=True)
"""


class Project:
    """A project whose models change, and the commands that its people run."""

    def __init__(self, folder: Path, database: dict[str, Any], server: RunningServer) -> None:
        self.folder = folder
        self._entry = database
        self._password = server.password
        self.variables = {
            "PATH": os.defpath,
            "DJANGO_ENV": "development",
            "SECRET_KEY": secrets.token_urlsafe(50),
            "DATABASE": json.dumps(database),
        }
        for name, text in {"settings.py": _SETTINGS, "manage.py": _MANAGE}.items():
            (folder / name).write_text(text, "utf-8")
        (folder / "clinic").mkdir()
        (folder / "clinic/__init__.py").touch()

    def migrate(self, *parts: str) -> None:
        """Change the models; write the migration, as people do, and run it."""
        (self.folder / "clinic/models.py").write_text(_HEAD + "".join(parts), "utf-8")
        self.run("makemigrations", "clinic")
        self.run("migrate")

    def run(self, *arguments: str, answer: str = "") -> str:
        """Run ``manage.py``, and see to it that it succeeds."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.folder,
            env=self.variables,
            input=answer,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start ``manage.py``."""
        return subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=self.folder,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def connect(self) -> psycopg.Connection[Any]:
        """Connect to the database as somebody else."""
        entry = {name.lower(): value for name, value in self._entry.items() if name != "ENGINE"}
        return psycopg.connect(dbname=entry.pop("name"), **entry)


@pytest.fixture
def project(postgres: RunningServer, tmp_path: Path) -> Iterator[Project]:  # type: ignore[misc]
    """Give a project on a database of its own; in place of the folder's, which is in-process."""
    name = f"clinic_{secrets.token_hex(4)}"
    with psycopg.connect(postgres.url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        login = {"USER": postgres.user, "PASSWORD": postgres.password}
        place = {"HOST": postgres.host, "PORT": postgres.port, "NAME": name}
        entry = {"ENGINE": "django.db.backends.postgresql", **login, **place}
        yield Project(tmp_path, entry, postgres)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def _rows() -> None:
    """Leave the rows to the project: its database goes with them."""


def encrypted(rows: psycopg.Connection[Any]) -> int:
    """Count what is encrypted so far."""
    with rows.transaction():
        found = rows.execute(
            "SELECT count(*) FROM clinic_patient WHERE phone_encrypted IS NOT NULL"
        )
        return int(found.fetchone()[0])  # type: ignore[index]


def stopped_in_the_middle(project: Project, signal_number: int) -> tuple[int, str, int]:
    """Stop a copy where a row is held; give its exit code, what it told, and how far it was."""
    batch = ("--batch", "20")
    with project.connect() as holder, project.connect() as watcher:
        held = "SELECT 1 FROM clinic_patient WHERE id = %s FOR UPDATE"
        holder.execute(held, [HELD])
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        with project.start("encrypted_fields", "encrypt", *COPY, *batch) as copying:
            while not watcher.execute(waits).fetchone()[0]:  # type: ignore[index]
                watcher.rollback()
                assert copying.poll() is None, copying.stderr.read()  # type: ignore[union-attr]
            copying.send_signal(signal_number)
            _, told = copying.communicate(timeout=60)
        return copying.returncode, told, encrypted(watcher)


def test_a_table_in_use_is_encrypted(project: Project) -> None:
    """Add a column, copy while rows change, kill it, go on, compare, drop: no value is lost."""
    project.migrate(_PLAIN)
    with project.connect() as rows:
        rows.execute(
            "INSERT INTO clinic_patient (name, phone)"
            f" SELECT 'p' || n, 'old ' || n FROM generate_series(1, {ROWS}) n"
        )

    project.migrate(_PLAIN, _ENCRYPTED.format("phone_encrypted"), _BOTH)
    code, _, done = stopped_in_the_middle(project, signal.SIGKILL)
    assert (code, 0 < done < HELD) == (-signal.SIGKILL, True)
    code, told, same = stopped_in_the_middle(project, signal.SIGINT)
    assert (code, same) == (130, done)
    assert "the same command does the rest" in told

    with project.start("shell", "-v0", "-c", _WRITE.format(rows=WRITTEN)) as writer:
        assert writer.stdout is not None
        first = [writer.stdout.readline() for _ in range(20)]
        project.run("encrypted_fields", "encrypt", *COPY, "--batch", "20")
        writer.terminate()
        written = [*first, *writer.stdout.read().splitlines()]
        assert writer.stderr.read() == ""  # type: ignore[union-attr]
    assert len(written) > 20
    last = int(written[-1])

    told = project.run("encrypted_fields", "verify", *COPY)
    assert f"{ROWS} rows compared" in told
    with project.connect() as rows:
        assert encrypted(rows) == ROWS

    project.migrate(_ENCRYPTED.format("phone_encrypted"))
    who = _WHO_HAS.format("phone_encrypted")
    assert (
        project.run("shell", "-v0", "-c", who, answer=f"new {last}\n").strip()
        == f"p{last % WRITTEN + 1}"
    )
    assert project.run("shell", "-v0", "-c", who, answer=f"old {ROWS}\n").strip() == f"p{ROWS}"
    assert "No changes detected" in project.run("makemigrations", "--check", "--dry-run")
