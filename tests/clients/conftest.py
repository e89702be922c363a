"""Roles of a real PostgreSQL whose passwords are rotated by hand, step by step."""

from __future__ import annotations

import base64
import json
import secrets
import threading
from typing import TYPE_CHECKING, Any, Self

import django
import psycopg
import pytest
from django.conf import settings
from psycopg import sql

from glisecrets.ladder import CredentialLadder
from glisecrets.references import AWSCURRENT, AWSPENDING, Reference
from glisecrets.stores.local import LocalStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from glisecrets import Address, SecretVersion, StoreError
    from glisecrets.testing.servers import RunningServer


class WatchedStore(LocalStore):
    """A real local store that remembers what it was asked for, and can be made to fail."""

    def __init__(self, folder: Path) -> None:
        self.key = secrets.token_bytes(32)
        super().__init__(folder, key=self.key)
        self.asked: list[str] = []
        self.failure: StoreError | None = None

    def get_many(self, addresses: Iterable[Address]) -> dict[Address, SecretVersion | StoreError]:
        """Take note, then answer."""
        wanted = tuple(addresses)
        self.asked += [address.wanted for address in wanted]
        if self.failure is not None:
            return dict.fromkeys(wanted, self.failure)
        return super().get_many(wanted)

    def read(self, reference: Reference) -> SecretVersion:
        """Read as ``StoreAccess.read`` does."""
        answer = self.get_many([reference.address])[reference.address]
        if isinstance(answer, Exception):
            raise answer
        return answer


class RotatedSecret:
    """A secret of the store whose value is in force at a server; the steps of its rotation."""

    name = "gli/db/development"

    def __init__(self, store: WatchedStore, server: RunningServer) -> None:
        self.store = store
        self.server = server
        self.users = [f"api_{secrets.token_hex(4)}" for _ in range(2)]
        self.passwords: list[str] = []
        self._values: dict[str, dict[str, Any]] = {}
        for user in self.users:
            self._create(user)
        value = self._value(self.users[0])
        self._set(value)
        self.token = store.create(self.name, json.dumps(value)).version_id
        self._values[self.token] = value

    def ladder(self, **options: Any) -> CredentialLadder:
        """Give a new process' ladder, which knows nothing yet."""
        return CredentialLadder(self.store.read, Reference.parse(self.name), **options)

    def propose(self, user: str | None = None) -> str:
        """Store a new password as AWSPENDING; give its version id."""
        value = self._value(user or self._values[self.token]["username"])
        token = self.store.put(self.name, json.dumps(value), labels=[AWSPENDING]).version_id
        self._values[token] = value
        return token

    def apply(self, token: str) -> None:
        """Put a version in force at the server."""
        self._set(self._values[token])

    def finish(self, token: str) -> None:
        """Move AWSCURRENT."""
        self.store.move_label(self.name, AWSCURRENT, to=token, expected=self.token)
        self.token = token

    def rotate(self, user: str | None = None) -> str:
        """Do all of it."""
        token = self.propose(user)
        self.apply(token)
        self.finish(token)
        return token

    def remove(self) -> None:
        """Leave the server as it was."""
        for user in self.users:
            self.execute(
                sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(user)).as_string()
            )

    def execute(self, statement: str) -> None:
        """Run a statement as the administrator."""
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[arg-type]

    def _value(self, user: str) -> dict[str, Any]:
        self.passwords.append(secrets.token_urlsafe(24))
        place = {"host": self.server.host, "port": self.server.port, "dbname": "postgres"}
        return {"engine": "postgres", "username": user, "password": self.passwords[-1], **place}

    def _create(self, user: str) -> None:
        self.execute(f"CREATE ROLE \"{user}\" LOGIN PASSWORD '{secrets.token_hex(16)}'")

    def _set(self, value: dict[str, Any]) -> None:
        self.execute(f"ALTER ROLE \"{value['username']}\" PASSWORD '{value['password']}'")


class Traffic:
    """Threads that connect and ask, again and again, and count what came of it."""

    def __init__(self, request: Callable[[], Any], threads: int = 6) -> None:
        self._request = request
        self._threads = [threading.Thread(target=self._serve) for _ in range(threads)]
        self._counted = threading.Condition()
        self._over = False
        self.served = 0
        self.failures: list[Exception] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        for thread in self._threads:
            thread.join()

    def wait_for(self, requests: int) -> None:
        """Wait until so many more requests came to an end."""
        with self._counted:
            goal = self.served + len(self.failures) + requests
            assert self._counted.wait_for(
                lambda: self.served + len(self.failures) >= goal, timeout=60
            )

    def _serve(self) -> None:
        while not self._over:
            try:
                self._request()
            except Exception as error:  # noqa: BLE001 - counted
                self._count(error)
            else:
                self._count(None)

    def _count(self, error: Exception | None) -> None:
        with self._counted:
            self.served += error is None
            self.failures += [error] if error else []
            self._counted.notify_all()


@pytest.fixture
def store(tmp_path: Path) -> WatchedStore:
    """A store with nothing in it."""
    return WatchedStore(tmp_path / "store")


@pytest.fixture
def rotated(store: WatchedStore, postgres: RunningServer) -> Iterator[RotatedSecret]:
    """Give a database secret that is in force."""
    secret = RotatedSecret(store, postgres)
    yield secret
    secret.remove()


@pytest.fixture
def process(store: WatchedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process' own environment lead to the store."""
    monkeypatch.setenv("DJANGO_ENV", "development")
    monkeypatch.setenv("GLISECRETS_STORE", f"local:{store.location}")
    monkeypatch.setenv("GLISECRETS_LOCAL_KEY", base64.b64encode(store.key).decode())


@pytest.fixture
def traffic() -> type[Traffic]:
    """Give the class: tests are no package, and cannot import it."""
    return Traffic


@pytest.fixture
def configured() -> None:
    """Set Django up, as a project that has nothing but us."""
    if not settings.configured:
        key = secrets.token_urlsafe(50)
        settings.configure(USE_TZ=True, LOGGING_CONFIG=None, SECRET_KEY=key)
        django.setup()
