"""A role of its own on a real PostgreSQL, the secret that logs it in, and rotations of that."""

from __future__ import annotations

import json
import secrets
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from glisecrets.rotation.rotator import Rotation
from glisecrets.testing import servers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glisecrets.testing.servers import RunningServer

ADMIN_SECRET = "gli/db/admin"


@dataclass(frozen=True)
class Role:
    """A role, its server and what its secret holds."""

    server: RunningServer
    name: str = field(default_factory=lambda: f"app_{secrets.token_hex(6)}")
    password: str = field(default_factory=secrets.token_urlsafe, repr=False)

    def value(self, **changes: Any) -> str:
        """Give the secret's value: as AWS writes it, and a key that is not ours."""
        server = self.server
        document = {
            "engine": "postgres",
            "host": server.host,
            "port": server.port,
            "dbname": server.database,
            "username": self.name,
            "password": self.password,
            "team": "payments",
        } | changes
        return json.dumps({key: value for key, value in document.items() if value is not None})

    def administrator(self, **changes: Any) -> str:
        """Give the value of an administrator's secret."""
        return json.dumps(
            {"username": self.server.user, "password": self.server.password} | changes
        )

    def rotation(self, current: str | None = None, **changes: Any) -> Rotation:
        """Give a rotation of the secret; nobody waits in it."""
        given: dict[str, Any] = {
            "secret": "gli/db",
            "token": secrets.token_hex(16),
            "current": current or self.value(),
            "read": {ADMIN_SECRET: self.administrator()}.__getitem__,
            "pause": lambda seconds: None,
        }
        return Rotation(**given | changes)

    def sql(self, statement: str, *names: str) -> list[tuple[Any, ...]]:
        """Run a statement as the administrator; ``{}`` are names, the role's own first."""
        with session(self.server) as connection:
            parts = map(sql.Identifier, (self.name, *names))
            cursor = connection.execute(sql.SQL(statement).format(*parts))
            return cursor.fetchall() if cursor.description else []

    def stored(self, name: str | None = None) -> str:
        """Give what the server keeps of a role's password."""
        with session(self.server) as connection:
            found = connection.execute(
                "SELECT rolpassword FROM pg_authid WHERE rolname = %s", [name or self.name]
            ).fetchone()
        return found[0] if found else ""


def made(server: RunningServer) -> Role:
    """Make a role that can log in."""
    return make(Role(server))


def make(role: Role) -> Role:
    """Make that role on its server, by a SCRAM verifier."""
    with session(role.server) as connection:
        verifier = connection.pgconn.encrypt_password(
            role.password.encode(), role.name.encode(), b"scram-sha-256"
        ).decode()
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role.name), verifier)
        )
    return role


@contextmanager
def session(server: RunningServer, value: str | None = None) -> Iterator[psycopg.Connection[Any]]:
    """Open a session of the administrator, or of who a secret's value logs in."""
    if value:
        login = json.loads(value)
        server = replace(server, user=login["username"], password=login["password"])
    with psycopg.connect(server.url, autocommit=True) as connection:
        yield connection


def log_of(server: RunningServer) -> str:
    """Read the log of a server, which its folder has beside the data."""
    with session(server) as connection:
        found = connection.execute("SHOW data_directory").fetchone()
    assert found is not None
    return Path(found[0]).with_name("log").read_text()


def authenticate_by(server: RunningServer, method: str) -> None:
    """Have a server authenticate everybody from now on by another method."""
    with session(server) as connection:
        found = connection.execute("SHOW hba_file").fetchone()
        assert found is not None
        rules = Path(found[0])
        rules.write_text(rules.read_text().replace("scram-sha-256", method))
    reload(server)


def reload(server: RunningServer) -> None:
    """Have a server read its settings again, and wait until it has."""
    before = _loaded(server)
    with session(server) as connection:
        connection.execute("SELECT pg_reload_conf()")
    while _loaded(server) == before:
        pass


def _loaded(server: RunningServer) -> Any:
    with session(server) as connection:
        return connection.execute("SELECT pg_conf_load_time()").fetchone()


@contextmanager
def standby_of(primary: RunningServer) -> Iterator[int]:
    """Run a hot standby that follows a server, and give its port."""
    account = servers._unprivileged_account()
    binaries = servers._postgres_binaries()
    where = ["-h", primary.host, "-p", str(primary.port), "-U", primary.user]
    with servers._folder(account) as folder:
        data = folder / "data"
        subprocess.run(
            [binaries / "pg_basebackup", "-D", data, "-R", "--checkpoint=fast", *where],
            env={"PGPASSWORD": primary.password, "LC_ALL": "C"},
            cwd=folder,
            check=True,
            **account,
        )

        def command(port: int) -> list[str]:
            return [str(binaries / "postgres"), *servers._postgres_options(data, port)]

        ready = "database system is ready to accept read-only connections"
        with servers._serving(command, ready=ready, folder=folder, account=account) as port:
            yield port
