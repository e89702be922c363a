"""What a staging deployment consists of, on this machine, for the length of a ``with`` block."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from demo_screen import COLUMNS
from psycopg import sql

from glisecrets.keys import RsaKeyring
from glisecrets.testing import SecretsManagerServer
from glisecrets.testing.servers import postgres_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo_screen import Screen
    from demo_values import Values

    from glisecrets.testing.servers import RunningServer

__all__ = ["BrokenPromise", "Staging", "promise", "staging"]

_PROJECT = Path(__file__).resolve().parent
#: Names of the GLI guide, section 5.2.7.
_USER, _DATABASE = "glidbadmin", "gli"

_DOTENV = """\
# Written by the demo; in a project, git ignores this file.
ALLOWED_HOSTS=stg-api.glibiz.com
FRONTEND_BASE_URL=https://stg.glibiz.com
CORS_ALLOWED_ORIGINS=https://stg.glibiz.com
AWS_STORAGE_BUCKET_NAME=gli-platform-media-stg
DATABASE='{database}'
"""


class BrokenPromise(Exception):
    """Something did not do what the demo says."""


def promise(what: str, *, kept: bool) -> None:
    """Hold the demo to what it says.

    Raises:
        BrokenPromise: it is not so.
    """
    if not kept:
        raise BrokenPromise(what)


@dataclass(frozen=True)
class Staging:
    """A deployment of the sample project, and what the steps need to show it."""

    #: A copy of the project, with the ``.env.staging`` that git must not have.
    folder: Path
    #: Secrets Manager; it keeps account of every call.
    store: SecretsManagerServer
    screen: Screen

    def show_command(self, *words: str) -> None:
        """Show a ``glisecrets`` command and what it prints."""
        done = self.run("-m", "glisecrets", *words)
        self.screen.block(f"$ glisecrets {' '.join(words)}\n{done.stdout}{done.stderr}")

    def document(self, *words: str) -> Any:
        """Give what a ``glisecrets`` command tells programs."""
        return json.loads(self.run("-m", "glisecrets", *words, "--format", "json").stdout)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python in the project's folder; what it writes is remembered.

        Raises:
            BrokenPromise: it fails; the message has what it wrote.
        """
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        self.screen.remember(done.stdout + done.stderr)
        if done.returncode != 0:
            raise BrokenPromise(f"{arguments} ended with {done.returncode}:\n{done.stderr}")
        return done


@contextmanager
def staging(values: Values, screen: Screen) -> Iterator[Staging]:
    """Start the servers, fill them with new values, and give the deployment; then stop all."""
    with (
        tempfile.TemporaryDirectory(prefix="gli-demo-") as temporary,
        postgres_server() as postgres,
        SecretsManagerServer() as store,
    ):
        password = values.made("database password")
        _create_database(postgres, password)
        credentials = _credentials(postgres, password)
        _fill_store(store, values, credentials)
        folder = Path(temporary) / "gli_api"
        shutil.copytree(_PROJECT, folder, ignore=shutil.ignore_patterns("__pycache__"))
        _write_dotenv(folder, values, credentials)
        values.write_for_tests()
        variables = _github_variables(Path(temporary), store, values, credentials)
        # From here on this process and its children are the job: nothing of the caller's is left.
        os.environ.clear()
        os.environ.update(variables)
        yield Staging(folder, store, screen)


def _create_database(postgres: RunningServer, password: str) -> None:
    """Create the service's role and database, and a small table in it."""
    user, database = sql.Identifier(_USER), sql.Identifier(_DATABASE)
    with psycopg.connect(postgres.url, autocommit=True) as admin:
        role = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        admin.execute(role.format(user, sql.Literal(password)))
        admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, user))
    with psycopg.connect(
        host=postgres.host, port=postgres.port, dbname=_DATABASE, user=_USER, password=password
    ) as service:
        service.execute("CREATE TABLE services (name text PRIMARY KEY)")
        service.execute("INSERT INTO services VALUES ('api'), ('frontend'), ('websocket')")


def _credentials(postgres: RunningServer, password: str) -> dict[str, object]:
    """Give the JSON of a database secret (GLI guide, section 5.2.7)."""
    return {
        "username": _USER,
        "password": password,
        "engine": "postgres",
        "host": postgres.host,
        "port": postgres.port,
        "dbname": _DATABASE,
    }


def _fill_store(
    store: SecretsManagerServer, values: Values, credentials: dict[str, object]
) -> None:
    """Put the secrets of staging, and the one of production that staging must not read."""
    production = {**credentials, "password": values.made("production's database password")}
    contents: dict[str, dict[str, object]] = {
        "gli/db/staging": credentials,
        "gli/django/staging": {"secret_key": values.made("Django's secret key")},
        "gli/sendgrid/staging": {"api_key": f"SG.{values.made('SendGrid key')}"},
        "gli/redis/staging": {"password": values.made("Redis password")},
        "gli/jwt/staging": _keyring(values),
        "gli/db/production": production,
    }
    for name, content in contents.items():
        store.store.create(name, json.dumps(content))


def _keyring(values: Values) -> dict[str, object]:
    """Give what ``glisecrets keys jwt generate --store`` stores: a key that signs and the next."""
    now = datetime.now(UTC)
    ring = RsaKeyring(RsaKeyring.new_key(now), RsaKeyring.new_key(now))
    for key in ring.accepted():
        values.know(f"JWT key {key.id}", key.material)
    return dict(ring.document())


def _write_dotenv(folder: Path, values: Values, credentials: dict[str, object]) -> None:
    """Write ``.env.staging``; its copy of the database secret is an old one."""
    stale = {**credentials, "password": values.made("last month's database password")}
    file = folder / ".env.staging"
    file.touch(mode=0o600)
    file.write_text(_DOTENV.format(database=json.dumps(stale)), encoding="utf-8")


def _github_variables(
    home: Path, store: SecretsManagerServer, values: Values, credentials: dict[str, object]
) -> dict[str, str]:
    """Give the variables of the GitHub Actions job that deploys the project."""
    stale = {**credentials, "password": values.made("the database password that GitHub has")}
    sentry_key = values.made("Sentry's key")
    return {
        "GITHUB_ACTIONS": "true",
        "DJANGO_ENV": "staging",
        "SENTRY_DSN_STG": f"https://{sentry_key}@o1.ingest.sentry.io/1",
        "DATABASE_STG": json.dumps(stale),
        "GLISECRETS_STORE": "aws",
        "GLISECRETS_WRAPPING_KEY": f"local:{home / 'wrapping-key'}",
        **store.environ,
        # What programs need to run: no HOME of a person, 80 columns, UTF-8.
        "PATH": os.defpath,
        "HOME": str(home),
        "COLUMNS": str(COLUMNS),
        "PYTHONUTF8": "1",
    }
