"""A database password is replaced in place, never written in clear, and never guessed wrong."""

from __future__ import annotations

import json
import re
import secrets
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import psycopg
import pytest

from glisecrets.errors import AccessDenied, GlisecretsError
from glisecrets.rotation.errors import (
    LockedOut,
    NotRotatable,
    ProviderRefused,
    StaleRotation,
    Unreachable,
)
from glisecrets.rotation.rotator import Verdict
from glisecrets.rotation.rotators import postgresql_session
from glisecrets.rotation.rotators.postgresql import PostgresSingleUser
from glisecrets.rotation.rotators.postgresql_login import parse_login
from glisecrets.testing.servers import RunningServer, postgres_server

from .postgresql_roles import (
    ADMIN_SECRET,
    Role,
    authenticate_by,
    log_of,
    made,
    make,
    reload,
    session,
    standby_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glisecrets.rotation.rotator import Rotation

WITH_ADMIN = {"admin": ADMIN_SECRET}


@pytest.fixture
def rotator() -> PostgresSingleUser:
    return PostgresSingleUser()


@pytest.fixture
def role(postgres: RunningServer) -> Role:
    return made(postgres)


def begun(rotator: PostgresSingleUser, rotation: Rotation) -> Rotation:
    """Give the rotation with the value that it proposes."""
    return replace(rotation, pending=rotator.propose(rotation))


# What a rotation does


def test_a_rotation_replaces_the_password(rotator, role) -> None:
    """After it the new value logs in and the old one does not."""
    rotation = begun(rotator, role.rotation())
    assert rotator.probe(rotation, rotation.pending) is Verdict.REJECTED
    rotator.apply(rotation)
    assert rotator.probe(rotation, rotation.pending) is Verdict.ACCEPTED
    assert rotator.probe(rotation, rotation.current) is Verdict.REJECTED


def test_a_new_value_differs_in_nothing_but_the_password(rotator, role) -> None:
    """Keys that the rotator does not know stay; the password is long and fits in a URL as it is."""
    old, new = json.loads(role.value()), json.loads(rotator.propose(role.rotation()))
    assert new | {"password": ""} == old | {"password": ""}
    assert len(new["password"]) >= 32
    assert set(new["password"]) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    )


def test_a_second_run_of_the_same_rotation_changes_nothing(rotator, role) -> None:
    """A step that arrives again finds it done: the server keeps the very same verifier."""
    rotation = begun(rotator, role.rotation())
    rotator.apply(rotation)
    before = role.stored()
    rotator.apply(rotation)
    assert role.stored() == before


def test_the_value_before_is_good_enough_to_log_in_with(rotator, role) -> None:
    """A value that was stored as current and never applied does not lock the rotation out."""
    never_applied = role.value(password="never-applied")
    rotation = begun(rotator, role.rotation(never_applied, previous=role.value()))
    rotator.apply(rotation)
    assert rotator.probe(rotation, rotation.pending) is Verdict.ACCEPTED


def test_a_value_before_of_another_form_is_passed_over(rotator, role) -> None:
    """A previous version from before the secret was JSON, or of another role, is no obstacle."""
    never_applied = role.value(password="never-applied")
    for previous in ("plain", b"\x00", role.value(username="other")):
        rotation = begun(rotator, role.rotation(never_applied, previous=previous))
        with pytest.raises(LockedOut):
            rotator.apply(rotation)


def test_a_server_that_the_database_has_left_is_not_changed(rotator, role) -> None:
    """The previous version's host is not asked: only the new value's server counts."""
    with postgres_server() as old_server:
        moved = make(replace(role, server=old_server))
        before = moved.stored()
        never_applied = role.value(password="never-applied")
        rotation = begun(rotator, role.rotation(never_applied, previous=moved.value()))
        rotator.apply(rotation)
        assert rotator.probe(rotation, rotation.pending) is Verdict.ACCEPTED
        assert moved.stored() == before


def test_sessions_that_are_open_live_on(rotator, role) -> None:
    """A request that is being served is not disturbed."""
    with session(role.server, role.value()) as connection:
        rotator.apply(begun(rotator, role.rotation()))
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    "setting",
    [
        "default_transaction_read_only = on",
        "search_path = 'nowhere'",
        "role = {}",
        "default_transaction_isolation = 'serializable'",
    ],
)
def test_what_a_role_starts_its_sessions_with_is_no_obstacle(rotator, role, setting: str) -> None:
    """A read-only role, or one that becomes the owner of its tables, is rotated like any other."""
    owner = f"{role.name}_owner"
    role.sql("CREATE ROLE {1}", owner)
    role.sql("GRANT {1} TO {0}", owner)
    role.sql("ALTER ROLE {0} SET " + setting.replace("{}", "{1}"), owner)
    rotation = begun(rotator, role.rotation())
    rotator.apply(rotation)
    assert rotator.probe(rotation, rotation.pending) is Verdict.ACCEPTED


def test_a_function_of_a_known_name_is_not_run(rotator, role) -> None:
    """What stands in a search_path before the system's functions is not ours to call."""
    role.sql("CREATE SCHEMA {0} AUTHORIZATION {0}")
    role.sql(
        "CREATE FUNCTION {0}.pg_advisory_xact_lock(bigint) RETURNS void LANGUAGE plpgsql"
        " AS $$BEGIN RAISE 'fooled'; END$$"
    )
    role.sql("ALTER ROLE {0} SET search_path = {0}, pg_catalog")
    rotation = begun(rotator, role.rotation())
    rotator.apply(rotation)
    assert rotator.probe(rotation, rotation.pending) is Verdict.ACCEPTED


def test_a_name_and_a_password_with_odd_characters_are_no_obstacle(rotator, postgres) -> None:
    """Quotes, blanks and backslashes in what somebody typed by hand do no harm."""
    name = 'O\'Reilly "x" \\ {} %s ' + Role(postgres).name
    role = make(Role(postgres, name, "pw' \\ \" {} %s é" + secrets.token_hex()))
    rotation = begun(rotator, role.rotation())
    rotator.apply(rotation)
    assert rotator.probe(rotation, rotation.pending) is Verdict.ACCEPTED


# Two at once


def test_runs_at_the_same_time_of_the_same_rotation_do_no_harm(rotator, role) -> None:
    """Two engines with one token both end well, and the new value is good."""
    rotation = begun(rotator, role.rotation())
    start = threading.Barrier(6)

    def run() -> None:
        start.wait()
        rotator.apply(rotation)

    with ThreadPoolExecutor(6) as pool:
        for future in [pool.submit(run) for _ in range(6)]:
            future.result()
    assert rotator.probe(rotation, rotation.pending) is Verdict.ACCEPTED


def test_another_run_that_was_quicker_is_not_taken_for_a_lock_out(rotator, role) -> None:
    """The old password is refused and the new one was, a moment ago: the new one is asked again."""
    rotation = begun(rotator, role.rotation())
    quicker = PostgresSingleUser()
    accepts = postgresql_session.accepts

    def slow(login) -> bool:
        answer = accepts(login)
        patch.undo()
        quicker.apply(rotation)
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postgresql_session, "accepts", slow)
        rotator.apply(rotation)
    assert rotator.probe(rotation, rotation.pending) is Verdict.ACCEPTED


def test_a_rotation_that_another_one_overtook_changes_nothing(rotator, role) -> None:
    """It asks once more while it holds the lock, and leaves the password as it is."""

    def overtaken() -> None:
        key = postgresql_session._lock_key(role.name)
        with session(role.server) as connection:
            found = connection.execute("SELECT pg_try_advisory_lock(%s)", [key]).fetchone()
        assert found == (False,)
        raise StaleRotation("overtaken")

    before = role.stored()
    with pytest.raises(StaleRotation):
        rotator.apply(begun(rotator, role.rotation(confirm=overtaken)))
    assert role.stored() == before


def test_a_role_that_someone_else_is_changing_is_tried_again(rotator, role) -> None:
    """PostgreSQL's "tuple concurrently updated" is not the end of a rotation."""
    changing = psycopg.connect(role.server.url)
    changing.execute(f"ALTER ROLE {role.name} CONNECTION LIMIT 50")
    waits: list[float] = []
    rotation = begun(rotator, role.rotation(pause=waits.append))

    def commit_when_waited_for() -> None:
        with session(role.server) as connection:
            while not connection.execute(
                "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                " AND query LIKE %s AND query LIKE 'ALTER ROLE%%'",
                [f"%{role.name}%"],
            ).rowcount:
                pass
        changing.commit()

    with ThreadPoolExecutor(1) as pool, changing:
        done = pool.submit(commit_when_waited_for)
        rotator.apply(rotation)
        done.result()
    assert waits
    assert rotator.probe(rotation, rotation.pending) is Verdict.ACCEPTED


def test_a_role_that_is_changed_without_end_is_tried_again_later(rotator, role) -> None:
    """After some tries the error says that it may pass."""
    collide = psycopg.errors.InternalError_("tuple concurrently updated")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.errors.InternalError_, "sqlstate", "XX000")
        patch.setattr(postgresql_session, "_change", lambda *given: (_ for _ in ()).throw(collide))
        with pytest.raises(Unreachable, match="concurrently"):
            rotator.apply(begun(rotator, role.rotation()))


# No clear text in logs


@pytest.fixture(scope="module")
def talkative() -> Iterator[RunningServer]:
    """A server that logs every statement, and hashes passwords given in clear as MD5."""
    with postgres_server() as server:
        with session(server) as connection:
            for setting in (
                "log_statement = 'all'",
                "log_min_duration_statement = 0",
                "log_connections = on",
                "log_error_verbosity = 'verbose'",
                "password_encryption = 'md5'",
                "md5_password_warnings = off",
            ):
                connection.execute(f"ALTER SYSTEM SET {setting}")
            # A superuser's own setting beats the server's command line.
            connection.execute("ALTER ROLE admin SET log_min_error_statement = 'debug5'")
        reload(server)
        yield server


@pytest.mark.parametrize("options", [{}, WITH_ADMIN], ids=["itself", "administrator"])
def test_the_server_log_never_has_the_new_password(rotator, talkative, options) -> None:
    """Even one that logs every statement sees a SCRAM verifier only."""
    role = made(talkative)
    rotation = begun(rotator, role.rotation(options=options))
    rotator.apply(rotation)
    assert_log_has_verifiers_only(role, rotation)


def test_a_change_that_fails_leaves_no_password_in_the_log_either(rotator, talkative) -> None:
    """A statement that failed is logged with its error: it too has a verifier only."""
    role = Role(talkative)
    rotation = begun(rotator, role.rotation(options=WITH_ADMIN))
    with pytest.raises(ProviderRefused):
        rotator.apply(rotation)
    assert f'role "{role.name}" does not exist' in log_of(talkative)
    assert_log_has_verifiers_only(role, rotation)


def assert_log_has_verifiers_only(role: Role, rotation: Rotation) -> None:
    log = log_of(role.server)
    statements = re.findall(rf'ALTER ROLE "{role.name}" PASSWORD *(.{{15}})', log)
    assert statements
    assert set(statements) == {"'SCRAM-SHA-256$"}
    assert json.loads(rotation.pending)["password"] not in log


def test_a_server_set_to_md5_gets_a_scram_verifier_all_the_same(rotator, talkative) -> None:
    """``password_encryption = md5`` is for passwords in clear, which it never sees from us."""
    role = Role(talkative)
    role.sql("CREATE ROLE {} LOGIN")
    with session(talkative) as connection:
        connection.execute(f"ALTER ROLE {role.name} PASSWORD '{role.password}'")
    assert role.stored().startswith("md5")
    rotation = begun(rotator, role.rotation(options=WITH_ADMIN))
    rotator.apply(rotation)
    assert role.stored().startswith("SCRAM-SHA-256$")
    assert rotator.probe(rotation, rotation.pending) is Verdict.ACCEPTED


def test_md5_authentication_takes_the_new_password_and_has_taken_the_old(rotator) -> None:
    """Where pg_hba.conf says md5 the role changes its MD5 password to a SCRAM one by itself."""
    with postgres_server() as server:
        role = made(server)
        authenticate_by(server, "md5")
        with session(server) as connection:
            connection.execute("SET password_encryption = 'md5'")
            connection.execute("SET md5_password_warnings = off")
            connection.execute(f"ALTER ROLE {role.name} PASSWORD '{role.password}'")
        assert role.stored().startswith("md5")
        rotation = begun(rotator, role.rotation())
        rotator.apply(rotation)
        assert role.stored().startswith("SCRAM-SHA-256$")
        assert rotator.probe(rotation, rotation.pending) is Verdict.ACCEPTED


def test_a_server_that_knows_no_scram_is_refused(rotator, role, monkeypatch) -> None:
    """PostgreSQL 9 would take a verifier for a password in clear."""
    monkeypatch.setattr(postgresql_session, "_SCRAM_SINCE", 990_000)
    before = role.stored()
    with pytest.raises(ProviderRefused, match="SCRAM"):
        rotator.apply(begun(rotator, role.rotation()))
    assert role.stored() == before


# Locked out, and the administrator


def test_nobody_let_in_names_the_repair(rotator, role) -> None:
    """When no version is accepted the error says what to run, and that the role may be missing."""
    rotation = begun(rotator, role.rotation(role.value(password="wrong")))
    with pytest.raises(LockedOut, match="not there") as caught:
        rotator.apply(rotation)
    assert caught.value.next_step == "glisecrets rotate repair gli/db"


def test_an_administrator_puts_it_right(rotator, role) -> None:
    """The lock-out trap ends with a reset, and with the option every rotation gets past it."""
    wrong = role.rotation(role.value(password="wrong"), options=WITH_ADMIN)
    for put in (rotator.reset, rotator.apply):
        rotation = begun(rotator, wrong)
        put(rotation)
        assert rotator.probe(rotation, rotation.pending) is Verdict.ACCEPTED


def test_without_an_administrator_a_reset_says_how_to_name_one(rotator, role) -> None:
    """The error names the tag."""
    with pytest.raises(NotRotatable) as caught:
        rotator.reset(begun(rotator, role.rotation()))
    assert "glisecrets:admin" in caught.value.next_step


def test_with_an_administrator_a_missing_role_is_called_missing(rotator, postgres) -> None:
    """The server hides it from a login; an administrator finds out."""
    role = Role(postgres)
    rotation = begun(rotator, role.rotation(options=WITH_ADMIN))
    with pytest.raises(ProviderRefused, match=f'role "{role.name}" does not exist'):
        rotator.apply(rotation)


def test_an_administrator_who_is_not_let_in_is_named(rotator, role) -> None:
    """A wrong password of the administrator's is not taken for the service's."""
    rotation = role.rotation(
        options=WITH_ADMIN, read=lambda name: role.administrator(password="wrong")
    )
    with pytest.raises(ProviderRefused, match="administrator 'admin'") as caught:
        rotator.apply(begun(rotator, rotation))
    assert ADMIN_SECRET in caught.value.next_step


def test_an_administrator_without_the_right_is_told_which(rotator, role) -> None:
    """A role that may not change others is no administrator."""
    plain = made(role.server)
    rotation = role.rotation(options=WITH_ADMIN, read=lambda name: plain.value())
    with pytest.raises(ProviderRefused, match="permission denied") as caught:
        rotator.apply(begun(rotator, rotation))
    assert "ADMIN OPTION" in caught.value.next_step


def test_an_administrators_secret_that_may_not_be_read_is_named(rotator, role) -> None:
    """The store's own error comes through: it knows best."""

    def denied(name: str) -> str:
        raise AccessDenied(f"{name} may not be read", store="aws", secret=name)

    with pytest.raises(AccessDenied, match=ADMIN_SECRET):
        rotator.apply(begun(rotator, role.rotation(options=WITH_ADMIN, read=denied)))


@pytest.mark.parametrize("elsewhere", [{"host": "db.example.com"}, {"port": 1}])
def test_the_administrator_of_another_server_is_refused(rotator, role, elsewhere) -> None:
    """A copy-and-paste slip must not change a role of the same name elsewhere."""
    rotation = role.rotation(options=WITH_ADMIN, read=lambda name: role.administrator(**elsewhere))
    with pytest.raises(NotRotatable, match=str(*elsewhere.values())):
        rotator.apply(begun(rotator, rotation))


# Values that are not set up


@pytest.mark.parametrize("key", ["username", "password", "host"])
@pytest.mark.parametrize("absent", [None, ""])
def test_a_missing_key_is_named(rotator, role, key: str, absent) -> None:
    """JSON without ``username`` or ``host`` cannot be rotated: the error says which it lacks."""
    with pytest.raises(NotRotatable, match=f"no {key}$|no {key}\n"):
        rotator.propose(role.rotation(role.value(**{key: absent})))


@pytest.mark.parametrize("value", ["plain", b"\x00", "[]", "null", '"text"'])
def test_a_value_that_is_no_object_is_refused(rotator, role, value) -> None:
    """The error shows the form that is needed."""
    with pytest.raises(NotRotatable) as caught:
        rotator.propose(role.rotation(value))
    assert '"username"' in caught.value.next_step


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("engine", "mysql"),
        ("port", "5432/tcp"),
        ("sslmode", "off"),
        ("password", "with\0nul"),
        ("password", "lone \ud800 surrogate"),
        ("username", "two\nlines"),
    ],
)
def test_a_key_that_postgresql_cannot_use_is_named(rotator, role, key, value) -> None:
    """The key is named and never what it holds."""
    with pytest.raises(NotRotatable, match=f"for {key}") as caught:
        rotator.propose(role.rotation(role.value(**{key: value})))
    assert value not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        "shop.cluster-ro-c1example.ap-northeast-2.rds.amazonaws.com",
        "Shop.Cluster-RO-c1example.cn-north-1.RDS.amazonaws.com.cn",
        "shop.proxy-c1example.ap-northeast-2.rds.amazonaws.com",
        "read.endpoint.proxy-c1example.ap-northeast-2.rds.amazonaws.com",
    ],
)
def test_a_reader_or_a_proxy_is_refused_by_its_name(rotator, role, host: str) -> None:
    """Before anything is stored: the writer's endpoint is what is needed."""
    with pytest.raises(NotRotatable, match="reader") as caught:
        rotator.propose(role.rotation(role.value(host=host)))
    assert "writer's endpoint" in caught.value.next_step


def test_a_standby_is_refused_by_what_it_says(rotator) -> None:
    """A reader behind a name of its own is found out, and nothing is changed."""
    with postgres_server() as primary:
        role = made(primary)
        with standby_of(primary) as port:
            rotation = begun(rotator, role.rotation(role.value(port=port)))
            before = role.stored()
            with pytest.raises(NotRotatable, match="standby"):
                rotator.apply(rotation)
            assert rotator.probe(rotation, rotation.current) is Verdict.ACCEPTED
            assert role.stored() == before


# Not reachable is never a wrong password


def test_a_database_that_is_down_is_unreachable(rotator, role) -> None:
    """Nobody listens: to be tried again, and no word of a password."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    rotation = begun(rotator, role.rotation(role.value(port=port)))
    for ask in (rotator.apply, partial(rotator.probe, value=rotation.current)):
        with pytest.raises(Unreachable, match="refused") as caught:
            ask(rotation)
        assert "password" not in str(caught.value)


def test_a_host_that_nobody_knows_is_unreachable(rotator, role) -> None:
    """DNS may be what is broken."""
    for host in ("nowhere.invalid", f"{'x' * 70}.invalid"):
        with pytest.raises(Unreachable):
            rotator.probe(role.rotation(), role.value(host=host))


def test_a_server_that_is_shutting_down_is_unreachable(rotator) -> None:
    """The same for one that closes the connection without a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closing = threading.Thread(target=lambda: listener.accept()[0].close())  # noqa: PLW0108 - accept in the thread
        closing.start()
        server = RunningServer("postgresql", *listener.getsockname()[:2], "x", "x", "x")
        role = Role(server)
        with pytest.raises(Unreachable):
            rotator.probe(role.rotation(), role.value(sslmode="disable"))
        closing.join()


@contextmanager
def refusing(code: str, message: str) -> Iterator[RunningServer]:
    """Run what refuses the first connection as PostgreSQL's protocol says."""
    fields = f"SFATAL\0C{code}\0M{message}\0\0".encode()

    def refuse() -> None:
        with listener.accept()[0] as client:
            client.recv(4096)  # the startup message
            client.sendall(b"E" + (4 + len(fields)).to_bytes(4, "big") + fields)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        refuser = threading.Thread(target=refuse)
        refuser.start()
        yield RunningServer("postgresql", *listener.getsockname()[:2], "x", "x", "x")
        refuser.join()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("08P01", "SASL authentication failed"),
        ("28P01", '사용자 "api"의 password 인증을 실패했습니다'),
        ("28000", '"api" 롤은 접속을 허용하지 않음'),
        ("28000", "The password that was provided for the role api is wrong."),
    ],
    ids=["PgBouncer", "Korean", "Korean without LOGIN", "RDS Proxy"],
)
def test_whatever_refuses_a_password_is_understood(rotator, code: str, message: str) -> None:
    """What a client climbs for is a rejection for the rotation, too, and not a server that is down.

    None of these servers can be run here: PgBouncer, RDS Proxy, a PostgreSQL that speaks Korean.
    """
    with refusing(code, message) as server:
        role = Role(server)
        verdict = rotator.probe(role.rotation(), role.value(sslmode="disable"))
    assert verdict is Verdict.REJECTED


def test_a_full_server_is_unreachable_and_a_full_role_is_accepted(rotator, role) -> None:
    """The server counts a role's sessions after it has found the password right."""
    role.sql("ALTER ROLE {} CONNECTION LIMIT 0")
    assert rotator.probe(role.rotation(), role.value()) is Verdict.ACCEPTED
    wrong = role.value(password="wrong")
    assert rotator.probe(role.rotation(), wrong) is Verdict.REJECTED
    with pytest.raises(Unreachable, match="too many connections"):
        rotator.apply(begun(rotator, role.rotation()))


def test_a_change_that_must_wait_too_long_may_pass(rotator, role, monkeypatch) -> None:
    """Somebody holds the lock for long: that is not a refusal."""
    monkeypatch.setattr(
        postgresql_session, "_PREPARE", postgresql_session._PREPARE.replace("15s", "50ms")
    )
    with session(role.server) as connection:
        key = postgresql_session._lock_key(role.name)
        connection.execute("SELECT pg_advisory_lock(%s)", [key])
        with pytest.raises(Unreachable, match="lock timeout"):
            rotator.apply(begun(rotator, role.rotation()))


@pytest.mark.parametrize("attributes", ["NOLOGIN", "VALID UNTIL '2001-01-01'"])
def test_a_role_that_may_not_log_in_is_rejected(rotator, role, attributes: str) -> None:
    """An expired role and one without LOGIN are no network failure."""
    role.sql("ALTER ROLE {} " + attributes)
    assert rotator.probe(role.rotation(), role.value()) is Verdict.REJECTED


def test_a_missing_database_is_said_to_be_missing(rotator, role) -> None:
    """No retry makes it."""
    with pytest.raises(NotRotatable, match="does not exist") as caught:
        rotator.probe(role.rotation(), role.value(dbname="nowhere"))
    assert "dbname" in caught.value.next_step


def test_a_server_that_asks_for_no_password_proves_nothing(rotator) -> None:
    """Where pg_hba.conf trusts everybody, no value is called accepted."""
    with postgres_server() as server:
        role = made(server)
        authenticate_by(server, "trust")
        with pytest.raises(NotRotatable, match="without asking"):
            rotator.probe(role.rotation(), role.value())


# TLS


@pytest.mark.parametrize("sslmode", ["require", "verify-ca", "verify-full"])
def test_tls_is_never_dropped(rotator, role, sslmode: str) -> None:
    """A secret that asks for TLS gets no plain connection from a server that has none."""
    value = role.value(sslmode=sslmode, sslrootcert="system" if sslmode == "verify-full" else None)
    with pytest.raises(ProviderRefused) as caught:
        rotator.probe(role.rotation(), value)
    assert "TLS is never dropped" in caught.value.next_step


@pytest.mark.parametrize(
    ("host", "sslmode"),
    [
        ("db.example.com", "require"),
        ("10.0.0.5", "require"),
        ("localhost.example.com", "require"),
        ("127.0.0.1", "prefer"),
        ("::1", "prefer"),
        ("localhost", "prefer"),
        ("/var/run/postgresql", "prefer"),
    ],
)
def test_tls_is_asked_for_wherever_traffic_leaves_the_machine(role, host, sslmode) -> None:
    """A secret without sslmode gets require, or prefer on this machine; its own word counts."""
    assert parse_login(role.value(host=host), "gli/db").sslmode == sslmode
    assert parse_login(role.value(host=host, sslmode="verify-ca"), "x").sslmode == "verify-ca"


# No value leaks


def test_no_error_holds_a_password(rotator, role) -> None:
    """Neither its text nor its cause, context or attributes: errors end up in logs."""
    secret = role.password
    broken = [
        role.value(port=1),
        role.value(dbname="nowhere"),
        role.value(sslmode="require"),
        role.value(username=None),
        role.value(engine="mysql"),
    ]
    for value in broken:
        with pytest.raises(GlisecretsError) as caught:
            rotator.probe(role.rotation(), value)
        error = caught.value
        assert error.__cause__ is None
        assert error.__context__ is None
        assert secret not in f"{error!r} {error} {vars(error)}"
    assert secret not in repr(parse_login(role.value(), "x"))
    assert secret not in repr(role.rotation())
