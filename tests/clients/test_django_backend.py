"""Django's connections while passwords are rotated: unpooled, pooled, by ``dbshell``; its cache."""

from __future__ import annotations

import json
import secrets
import shutil
import sys
import threading
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.core.cache import CacheHandler
from django.db import OperationalError
from django.db.utils import ConnectionHandler
from pydantic import SecretStr

from glisecrets import secret
from glisecrets.django_integration import DatabaseCredentials, DjangoSettings
from glisecrets.references import AWSCURRENT, AWSPENDING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glisecrets.testing.servers import RunningServer

    from .conftest import RotatedSecret, Traffic, WatchedStore

WHO = "SELECT current_user"

pytestmark = pytest.mark.usefixtures("configured")


class ApiSettings(DjangoSettings):
    """As a project writes it."""

    database: DatabaseCredentials | None = secret("gli/db/{environment}", None)
    redis_url: SecretStr | None = secret("gli/redis/{environment}#url", None)


@pytest.fixture
def connections(rotated: RotatedSecret) -> Iterator[Any]:
    """Gives Django's connections to the database of the settings; one per thread."""
    made: list[ConnectionHandler] = []

    def connect(**options: Any) -> ConnectionHandler:
        made.append(ConnectionHandler(load(rotated.store).databases(**options)))
        return made[-1]

    yield connect
    for handler in made:
        handler["default"].close()
        handler["default"].close_pool()


def load(store: WatchedStore, **more: str) -> ApiSettings:
    """Load as a process does at its start."""
    environ = {"DJANGO_ENV": "development", "SECRET_KEY": secrets.token_urlsafe(50), **more}
    return ApiSettings.load(environ=environ, directory=Path(store.location), store=store)


def ask(handler: ConnectionHandler) -> str:
    """Do what a request without persistent connections does."""
    connection = handler["default"]
    try:
        with connection.cursor() as cursor:
            cursor.execute(WHO)
            return str(cursor.fetchone()[0])
    finally:
        connection.close()


@pytest.mark.parametrize("pool", [False, {"min_size": 1, "max_size": 6, "max_lifetime": 0.05}])
@pytest.mark.parametrize("kind", ["single", "alternating"])
def test_no_request_fails_while_passwords_change(
    rotated: RotatedSecret, traffic: type[Traffic], connections: Any, kind: str, pool: Any
) -> None:
    """Six threads, three rotations with a window each, by the settings as a project has them."""
    handler = connections(pool=pool)
    first, second = rotated.users
    with traffic(lambda: ask(handler)) as requests:
        for user in [first] * 3 if kind == "single" else [second, first, second]:
            requests.wait_for(12)
            token = rotated.propose(user)
            rotated.apply(token)
            requests.wait_for(24)  # the window: the database has it, AWSCURRENT has not
            rotated.finish(token)
    assert requests.failures == []


def test_the_store_is_not_asked_again_for_the_first_connection(
    rotated: RotatedSecret, connections: Any
) -> None:
    """What the settings have loaded is where the ladder begins: one call at the start is enough."""
    handler = connections()
    rotated.store.asked.clear()
    assert ask(handler) == rotated.users[0]
    assert rotated.store.asked == []


def test_threads_share_one_ladder(rotated: RotatedSecret, connections: Any) -> None:
    """Each thread has its own connection, and all have the winner of one climb."""
    handler = connections()
    ask(handler)
    rotated.apply(rotated.propose())
    rotated.store.asked.clear()
    threads = [threading.Thread(target=ask, args=[handler]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rotated.store.asked == [AWSCURRENT, AWSPENDING]


def test_a_pool_lets_go_of_another_users_connections(
    rotated: RotatedSecret, connections: Any
) -> None:
    """The user before is the next one whose password changes: no connection stays with it."""
    handler = connections(pool={"min_size": 2, "max_size": 2})
    first, second = rotated.users
    assert ask(handler) == first
    rotated.rotate(second)
    pool = handler["default"].pool
    rotated.execute(f"ALTER ROLE {first} PASSWORD '{secrets.token_hex()}'")
    drained = threading.Event()
    handler["default"].ladder.on_switch(lambda switch: drained.set())
    with pool.connection() as connection:  # one breaks, and its replacement climbs
        connection.close()
    assert drained.wait(30)
    pool.wait(30)
    for _ in range(4):
        assert ask(handler) == second


def test_a_reference_in_the_entry_is_enough(
    rotated: RotatedSecret, process: None, postgres: RunningServer
) -> None:
    """A project without DjangoSettings names the secret in DATABASES."""
    entry = {
        "ENGINE": "glisecrets.django_integration.backends.postgresql",
        "HOST": postgres.host,
        "PORT": postgres.port,
        "NAME": "postgres",
        "OPTIONS": {"credentials": "gli/db/{environment}"},
    }
    handler = ConnectionHandler({"default": entry})
    assert ask(handler) == rotated.users[0]
    rotated.apply(rotated.propose())
    assert ask(handler) == rotated.users[0]


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_request_does_not_wait_beyond_its_deadline(
    rotated: RotatedSecret, process: None, postgres: RunningServer, by_hand: bool
) -> None:
    """Where nothing is accepted, the project says how long a request may climb."""
    databases = load(rotated.store).databases(deadline=0.2)
    if by_hand:
        options = {"credentials": "gli/db/{environment}", "credentials_deadline": 0.2}
        databases["default"]["OPTIONS"] = options | {"sslmode": "prefer"}
    rotated._set(rotated._value(rotated.users[0]))  # which no version has
    started = monotonic()
    with pytest.raises(OperationalError, match="password authentication failed"):
        ask(ConnectionHandler(databases))
    assert monotonic() - started < 5


def test_djangos_own_engine_can_be_had(rotated: RotatedSecret) -> None:
    """Whoever names an ENGINE gets it, and what DATABASE_URL gives is as before."""
    entry = load(rotated.store).databases(ENGINE="django.db.backends.postgresql")["default"]
    assert "OPTIONS" not in entry
    environ = {"DATABASE_URL": "postgres://api@db/gli", "DJANGO_ENV": "development"}
    plain = DjangoSettings.load(environ=environ, store="off", secret_key="x").databases()
    assert plain["default"]["ENGINE"] == "django.db.backends.postgresql"


def test_another_database_error_is_djangos_own(rotated: RotatedSecret, connections: Any) -> None:
    """At once, wrapped as Django wraps it, without a password in what an error page shows."""
    handler = connections(NAME="nowhere")
    rotated.store.asked.clear()
    with pytest.raises(OperationalError, match='"nowhere" does not exist') as caught:
        ask(handler)
    assert rotated.store.asked == []
    frames, traceback = [], caught.value.__traceback__
    while traceback is not None:
        frames.append(repr(traceback.tb_frame.f_locals.get("conn_params")))
        traceback = traceback.tb_next
    assert any("password" in shown for shown in frames)
    assert [shown for shown in frames if rotated.passwords[-1] in shown] == []


def test_dbshell_has_what_is_in_force(
    rotated: RotatedSecret, connections: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator in the midst of a stuck rotation needs the shell most."""
    told = tmp_path / "told"
    psql = tmp_path / "psql"
    psql.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        f"json.dump([sys.argv[1:], os.environ['PGPASSWORD']], open({str(told)!r}, 'w'))\n"
    )
    psql.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert shutil.which("psql") == str(psql)
    handler = connections()
    rotated.apply(rotated.propose(rotated.users[1]))
    rotated.execute(f"ALTER ROLE {rotated.users[0]} NOLOGIN")
    handler["default"].client.runshell(["-c", WHO])
    arguments, password = json.loads(told.read_text())
    assert arguments[:2] == ["-U", rotated.users[1]]
    place = {"host": rotated.server.host, "port": rotated.server.port, "dbname": "postgres"}
    psycopg.connect(user=arguments[1], password=password, **place).close()
    assert password not in arguments


def test_djangos_cache_follows_its_user(store: WatchedStore, valkey: RunningServer) -> None:
    """Sessions and rate limits live in it: a new connection has the password in force."""
    user = f"api_{secrets.token_hex(4)}"

    def url() -> tuple[str, str]:
        password = secrets.token_hex()
        return password, f"redis://{user}:{password}@{valkey.host}:{valkey.port}/0"

    import redis

    with redis.Redis.from_url(valkey.url) as admin:
        old, value = url()
        store.create("gli/redis/development", json.dumps({"url": value}))
        admin.execute_command("ACL", "SETUSER", user, "on", "~*", "&*", "+@all", f">{old}")
        cache = CacheHandler(load(store, DATABASE_URL="sqlite:///").caches())["default"]
        cache.set("a", 1)
        new, value = url()
        store.put("gli/redis/development", json.dumps({"url": value}), labels=[AWSPENDING])
        admin.execute_command("ACL", "SETUSER", user, "resetpass", f">{new}")
        for pool in cache._cache._pools.values():
            pool.disconnect()
        assert cache.get("a") == 1
        for pool in cache._cache._pools.values():
            pool.disconnect()
        admin.execute_command("ACL", "DELUSER", user)
