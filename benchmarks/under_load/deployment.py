"""One deployment on this machine, for the length of a ``with`` block: servers, secrets, gunicorn.

Everything is new each time, so that no run inherits another one's roles, versions or counts.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import psycopg
from psycopg import sql

from glisecrets.testing import SecretsManagerServer
from glisecrets.testing.servers import postgres_server

from .load import ROWS, expected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glisecrets.testing.servers import RunningServer

BENCHMARKS = Path(__file__).parents[1]

WORKERS, THREADS = 2, 4
#: Seconds that Secrets Manager takes for an answer.
_LATENCY = 0.01
#: psycopg's pool: its connections are replaced every second, so that there are logins to refuse.
_POOL = {"min_size": THREADS, "max_size": THREADS, "max_lifetime": 1.0, "timeout": 5.0}


@dataclass(frozen=True)
class Case:
    """How the service connects, and how its password is rotated."""

    #: ``glisecrets``, ``refresh once`` or ``static``.
    client: str
    pooled: bool
    alternating: bool

    @property
    def connections(self) -> str:
        """How the table calls it."""
        return "pool" if self.pooled else "one per request"

    @property
    def users(self) -> str:
        """How the table calls it."""
        return "alternating" if self.alternating else "single"


@dataclass(frozen=True)
class Deployment:
    """A running service."""

    url: str
    #: For programs that read or rotate its secrets.
    environ: dict[str, str]
    #: What gunicorn and the service wrote.
    log: Path
    server: RunningServer

    def logins(self) -> tuple[int, int]:
        """Give how many connections the service has opened, and how many logins were refused.

        The server's own log tells. Of the refused ones a few are the rotator's, which asks before
        it changes anything.
        """
        with psycopg.connect(self.server.url) as admin:
            log = "current_setting('data_directory') || '/../log'"
            found = admin.execute(f"SELECT pg_read_file({log})").fetchone()
        written: str = found[0] if found else ""
        opened = written.count("connection authorized: user=gli database=gli application_name=api")
        opened += written.count("authorized: user=gli_clone database=gli application_name=api")
        return opened, written.count("FATAL:  password authentication failed")


@contextmanager
def deployed(case: Case, folder: Path) -> Iterator[Deployment]:
    """Start the servers and the service, and stop them by their process ids."""
    with postgres_server() as server, SecretsManagerServer(latency=_LATENCY) as store:
        password = secrets.token_urlsafe(32)
        _fill_database(server, password)
        _fill_store(store, server, password, case)
        environ = _environ(store, folder)
        log = folder / "service.log"
        with _gunicorn(case, environ, log) as url:
            yield Deployment(url, environ, log, server)


def _fill_database(server: RunningServer, password: str) -> None:
    role = sql.SQL("CREATE ROLE gli LOGIN PASSWORD {}").format(password)
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute("ALTER SYSTEM SET log_connections = on")
        admin.execute("SELECT pg_reload_conf()")
        admin.execute(role)
        admin.execute("CREATE DATABASE gli OWNER gli")
    place = {"host": server.host, "port": server.port, "dbname": "gli"}
    with psycopg.connect(**place, user="gli", password=password) as service:
        service.execute("CREATE TABLE words (number int PRIMARY KEY, word text)")
        insert = "INSERT INTO words VALUES (%s, %s)"
        service.cursor().executemany(insert, [(number, expected(number)) for number in range(ROWS)])


def _fill_store(
    store: SecretsManagerServer, server: RunningServer, password: str, case: Case
) -> None:
    def login(user: str, its_password: str, database: str) -> str:
        place = {"host": server.host, "port": server.port, "dbname": database}
        return json.dumps({"username": user, "password": its_password, **place})

    administrator, tags = "gli/admin/staging", {"glisecrets:rotator": "postgresql"}
    if case.alternating:
        tags = {"glisecrets:rotator": "postgresql-alternating", "glisecrets:admin": administrator}
    store.store.create("gli/db/staging", login("gli", password, "gli"), tags=tags)
    store.store.create(administrator, login(server.user, server.password, server.database))
    key = json.dumps({"secret_key": secrets.token_urlsafe(50)})
    store.store.create("gli/django/staging", key)


def _environ(store: SecretsManagerServer, folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(BENCHMARKS),
        "DJANGO_ENV": "staging",
        "GLISECRETS_STORE": "aws",
        "ALLOWED_HOSTS": "127.0.0.1",
        **store.environ,
    }


@contextmanager
def _gunicorn(case: Case, environ: dict[str, str], log: Path) -> Iterator[str]:
    """Run the service until the block ends; it has answered once before the block begins."""
    chosen = {"CLIENT": case.client, "POOL": json.dumps(_POOL if case.pooled else False)}
    service, port = _started(environ | chosen, log)
    url = f"http://127.0.0.1:{port}"
    try:
        with urlopen(f"{url}/words/0/", timeout=30) as answer:
            answer.read()
        yield url
    finally:
        service.terminate()
        service.wait()


def _started(environ: dict[str, str], log: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start gunicorn on a port that the kernel chooses; where it ends, connections are refused."""
    with socket.create_server(("127.0.0.1", 0)) as listening, log.open("wb") as written:
        command = [sys.executable, "-m", "gunicorn", "under_load.api:application"]
        command += ["--bind", f"fd://{listening.fileno()}", "--keep-alive", "60"]
        command += ["--workers", str(WORKERS), "--threads", str(THREADS)]
        service = subprocess.Popen(
            command,
            cwd=log.parent,
            env=environ,
            pass_fds=[listening.fileno()],
            stdout=written,
            stderr=subprocess.STDOUT,
        )
        return service, int(listening.getsockname()[1])
