"""``redis-acl`` on a real Valkey: both passwords are good until the old one is retired."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import secrets
import select
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
import redis

from glisecrets.rotation.errors import (
    LockedOut,
    NotRotatable,
    ProviderRefused,
    RotationError,
    StaleRotation,
    Unreachable,
)
from glisecrets.rotation.rotator import Rotation, Verdict
from glisecrets.rotation.rotators import redis_endpoint
from glisecrets.rotation.rotators.redis_acl import RedisAcl
from glisecrets.testing.servers import valkey_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from glisecrets.testing.servers import RunningServer

ROTATOR = RedisAcl()
SELF_SERVICE = ("+acl|getuser", "+acl|setuser", "+acl|save", "+ping")


@pytest.fixture
def admin(valkey: RunningServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey.url, decode_responses=True) as client:
        yield client


@pytest.fixture
def user(admin: redis.Redis) -> Iterator[str]:
    name = f"app-{secrets.token_hex(4)}"
    yield name
    admin.execute_command("ACL", "DELUSER", name)


def secret_of(valkey: RunningServer, user: str, **more: Any) -> dict[str, Any]:
    return {
        "username": user,
        "password": secrets.token_urlsafe(),
        "host": valkey.host,
        "port": valkey.port,
        **more,
    }


def made(admin: redis.Redis, secret: dict[str, Any], *rights: str) -> str:
    """Make the user of a secret; give the secret's value."""
    admin.execute_command(
        "ACL", "SETUSER", secret["username"], "on", f">{secret['password']}", *rights
    )
    return json.dumps(secret)


def rotation(current: str, valkey: RunningServer | None = None, **more: Any) -> Rotation:
    """A rotation; with a server, its administrator's secret is named."""
    if valkey is not None:
        login = {"username": valkey.user, "password": valkey.password}
        place = {"host": valkey.host, "port": valkey.port}
        more = {
            "options": {"admin": "gli/redis/admin"},
            "read": {"gli/redis/admin": json.dumps({**login, **place})}.__getitem__,
            **more,
        }
    return Rotation("gli/redis/test", secrets.token_hex(16), current, **more)


def digests(admin: redis.Redis, user: str) -> set[str]:
    return set(admin.acl_getuser(user)["passwords"])


def digest(value: str) -> str:
    return hashlib.sha256(json.loads(value)["password"].encode()).hexdigest()


def accepted(value: str) -> bool:
    return ROTATOR.probe(rotation(value), value) is Verdict.ACCEPTED


@pytest.mark.parametrize("by_admin", [True, False], ids=["administrator", "the user"])
def test_both_passwords_are_good_until_the_old_one_is_retired(
    by_admin: bool, valkey: RunningServer, admin: redis.Redis, user: str
) -> None:
    """No client is refused while it still has the old password; after the overlap it is."""
    old = made(admin, secret_of(valkey, user), *(("+ping",) if by_admin else SELF_SERVICE))
    server = valkey if by_admin else None
    new = str(ROTATOR.propose(rotation(old, server)))
    assert not accepted(new)
    ROTATOR.apply(rotation(old, server, pending=new))
    ROTATOR.apply(rotation(old, server, pending=new))
    assert (accepted(old), accepted(new)) == (True, True)
    for _ in range(2):
        ROTATOR.retire(rotation(new, server, previous=old), old)
        assert (accepted(old), accepted(new)) == (False, True)


def test_the_new_value_changes_the_password_alone(valkey: RunningServer) -> None:
    """Whatever else the secret says stays; the password fits URLs, shells and ElastiCache."""
    old = json.dumps(secret_of(valkey, "app", tls=False, note="캐시"))
    new = json.loads(str(ROTATOR.propose(rotation(old))))
    password = new["password"]
    assert {**json.loads(old), "password": password} == new
    assert password.isalnum()
    assert password.isascii()
    assert len(password) == 48


def test_a_url_is_followed_and_rewritten(
    valkey: RunningServer, admin: redis.Redis, user: str
) -> None:
    """A service that reads REDIS_URL from the secret connects after the rotation as before."""
    secret = secret_of(valkey, user)
    made(admin, secret, "+ping")
    url = f"redis://{user}:{secret['password']}@{valkey.host}:{valkey.port}/0?socket_timeout=5"
    current = json.dumps({"url": url, "password": secret["password"], "host": "elsewhere"})
    new = str(ROTATOR.propose(rotation(current, valkey)))
    ROTATOR.apply(rotation(current, valkey, pending=new))
    assert accepted(current)
    assert accepted(new)
    document = json.loads(new)
    assert document["url"] == url.replace(secret["password"], document["password"])
    with redis.Redis.from_url(document["url"]) as client:
        assert client.ping()


def test_a_url_without_a_password_stays_so(valkey: RunningServer) -> None:
    """Where the login stands beside the URL, it goes on doing so."""
    login = {"username": valkey.user, "password": valkey.password}
    current = json.dumps({"url": f"redis://{valkey.host}:{valkey.port}", **login})
    assert accepted(current)
    new = json.loads(str(ROTATOR.propose(rotation(current))))
    assert {**new, "password": valkey.password} == json.loads(current)


@contextmanager
def in_front(
    valkey: RunningServer, sent: bytearray, tls: ssl.SSLContext | None = None
) -> Iterator[RunningServer]:
    """Stand before the server, with TLS if given, and write down what its clients send."""

    def serve() -> None:
        while not finished.is_set():
            client, _ = listener.accept()
            with suppress(OSError), client:
                pump(tls.wrap_socket(client, server_side=True) if tls else client)

    def pump(client: socket.socket) -> None:
        with client, socket.create_connection((valkey.host, valkey.port)) as server:
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    sent.extend(data if ready is client else b"")
                    (server if ready is client else client).sendall(data)

    finished = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        port = listener.getsockname()[1]
        try:
            yield dataclasses.replace(valkey, port=port)
        finally:
            finished.set()
            socket.create_connection(("127.0.0.1", port)).close()
            thread.join(10)


def test_the_administrator_sends_no_password_in_clear(
    valkey: RunningServer, admin: redis.Redis, user: str
) -> None:
    """MONITOR, the slow log and ACL LOG can show digests at most."""
    old = made(admin, secret_of(valkey, user), "+ping")
    new = str(ROTATOR.propose(rotation(old, valkey)))
    sent = bytearray()
    with in_front(valkey, sent) as server:
        ROTATOR.apply(rotation(old, server, pending=new))
        ROTATOR.retire(rotation(new, server), old)
    assert f"#{digest(new)}".encode() in sent
    assert not any(json.loads(value)["password"].encode() in sent for value in (old, new))
    assert accepted(new)


def test_the_users_file_is_saved(user: str) -> None:
    """After the server's restart the new password is still good: also when only the save failed."""
    with valkey_server() as server:
        with redis.Redis.from_url(server.url, decode_responses=True) as admin:
            old = made(admin, secret_of(server, user), "+ping")
            new = str(ROTATOR.propose(rotation(old, server)))
            admin.execute_command("ACL", "SETUSER", user, f"#{digest(new)}")
            ROTATOR.apply(rotation(old, server, pending=new))
            admin.execute_command("ACL", "LOAD")
        assert accepted(new)


def test_a_password_that_is_still_current_is_never_removed(
    valkey: RunningServer, admin: redis.Redis, user: str
) -> None:
    """A rollback to the old version, or the same password twice, locks nobody out."""
    old = made(admin, secret_of(valkey, user), "+ping")
    ROTATOR.retire(rotation(old, valkey), old)
    ROTATOR.retire(rotation(json.dumps({**json.loads(old), "note": 1}), valkey), old)
    assert accepted(old)


def test_passwords_of_rotations_that_were_given_up_go(
    valkey: RunningServer, admin: redis.Redis, user: str
) -> None:
    """A version that was applied and lost its labels is revoked; what others set by hand stays."""
    old = made(admin, secret_of(valkey, user), "+ping", ">by-hand")
    lost, new = (str(ROTATOR.propose(rotation(old))) for _ in range(2))
    ROTATOR.apply(rotation(old, valkey, pending=lost))
    held = [old, lost, new, "{}", b"\xff"]
    ROTATOR.apply(rotation(old, valkey, pending=new, held=lambda: held))
    by_hand = hashlib.sha256(b"by-hand").hexdigest()
    assert digests(admin, user) == {digest(old), digest(new), by_hand}


def test_the_user_finds_its_way_in_after_a_crash(
    valkey: RunningServer, admin: redis.Redis, user: str
) -> None:
    """Whichever of the labelled versions the server accepts, the rotation goes on from there."""
    old = made(admin, secret_of(valkey, user), *SELF_SERVICE)
    current, new = (str(ROTATOR.propose(rotation(old))) for _ in range(2))
    ROTATOR.apply(rotation(current, pending=new, previous=old))
    assert accepted(new)


def test_a_stale_rotation_changes_nothing(
    valkey: RunningServer, admin: redis.Redis, user: str
) -> None:
    """A run that has been overtaken stops before it changes the user."""

    def stale() -> None:
        raise StaleRotation("another token is rotating")

    old = made(admin, secret_of(valkey, user), "+ping")
    new = str(ROTATOR.propose(rotation(old)))
    with pytest.raises(StaleRotation):
        ROTATOR.apply(rotation(old, valkey, pending=new, confirm=stale))
    assert digests(admin, user) == {digest(old)}


def test_a_user_without_the_right_to_ping_is_accepted(
    valkey: RunningServer, admin: redis.Redis, user: str
) -> None:
    """Its rights are its own affair: the question is whether the password is good."""
    value = made(admin, secret_of(valkey, user), "-@all")
    assert accepted(value)


# What goes wrong ----------------------------------------------------------------------------


def refusal(
    expected: type[RotationError], match: str, call: Callable[[], object], *values: str
) -> RotationError:
    """Give the error that a call raises; no value is in it, nor in what it was raised from."""
    with pytest.raises(expected, match=match) as caught:
        call()
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    assert not any(json.loads(value)["password"] in repr(vars(error)) for value in values)
    assert error.next_step
    return error


def test_a_missing_user_is_not_made_anew(valkey: RunningServer, admin: redis.Redis) -> None:
    """ACL SETUSER would make a user without rights: it is said that there is none instead."""
    old = json.dumps(secret_of(valkey, "nobody"))
    new = str(ROTATOR.propose(rotation(old)))
    pending = rotation(old, valkey, pending=new)
    refusal(ProviderRefused, "no user nobody", lambda: ROTATOR.apply(pending), old, new)
    ROTATOR.retire(rotation(new, valkey), old)
    assert "nobody" not in admin.acl_users()


def test_a_user_that_is_switched_off_is_said_to_be(
    valkey: RunningServer, admin: redis.Redis, user: str
) -> None:
    """Redis answers as to a wrong password; the rotation says what it is."""
    old = made(admin, secret_of(valkey, user), "off")
    pending = rotation(old, valkey, pending=str(ROTATOR.propose(rotation(old))))
    refusal(ProviderRefused, "switched off", lambda: ROTATOR.apply(pending), old)


def test_an_administrator_who_is_refused_is_named(
    valkey: RunningServer, admin: redis.Redis, user: str
) -> None:
    """It is the admin secret that is wrong: its name is in the message."""
    old = made(admin, secret_of(valkey, user), "+ping")
    wrong = json.dumps(secret_of(valkey, valkey.user))
    pending = rotation(old, valkey, pending=old, read=lambda _: wrong)
    refusal(ProviderRefused, "gli/redis/admin", lambda: ROTATOR.apply(pending), old, wrong)


@pytest.mark.parametrize("missing", SELF_SERVICE[:3])
def test_a_missing_right_is_named(
    missing: str, valkey: RunningServer, admin: redis.Redis, user: str
) -> None:
    """Whoever must grant it reads which one; without the right to save, nothing is called done."""
    rights = [right for right in SELF_SERVICE if right != missing] + ["+config|get"]
    old = made(admin, secret_of(valkey, user), *rights)
    pending = rotation(old, pending=str(ROTATOR.propose(rotation(old))))
    error = refusal(ProviderRefused, "NOPERM", lambda: ROTATOR.apply(pending), old)
    assert missing in error.next_step


def test_no_accepted_version_is_a_lock_out(
    valkey: RunningServer, admin: redis.Redis, user: str
) -> None:
    """Somebody changed the password behind the store's back: repair is named."""
    old = made(admin, secret_of(valkey, user), *SELF_SERVICE)
    other, new = (str(ROTATOR.propose(rotation(old))) for _ in range(2))
    pending = rotation(other, pending=new)
    error = refusal(LockedOut, user, lambda: ROTATOR.apply(pending), old, other, new)
    assert "rotate repair" in error.next_step


def test_a_server_that_is_not_there_is_unreachable(valkey: RunningServer) -> None:
    """Never called a wrong password."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    value = json.dumps(secret_of(valkey, "app", port=port))
    refusal(Unreachable, f":{port}", lambda: ROTATOR.probe(rotation(value), value), value)


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """Serve one connection with one answer; give the port."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(answer)
            connection.recv(4096)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)


@pytest.mark.parametrize(
    "answer",
    [
        b"-LOADING Redis is loading\r\n",
        b"-ERR max number of clients reached\r\n",
        b"HTTP/1.1 400 \r\n",
    ],
)
def test_a_server_that_gives_no_verdict_is_unreachable(
    answer: bytes, valkey: RunningServer
) -> None:
    """Loading, full, or not Redis at all: whether the password is good is not known."""
    with answering(answer) as port:
        value = json.dumps(secret_of(valkey, "app", port=port))
        refusal(Unreachable, f":{port}", lambda: ROTATOR.probe(rotation(value), value), value)


def test_tls_is_never_dropped(valkey: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not speak TLS is unreachable for a secret that asks for it in any way."""
    monkeypatch.setattr(redis_endpoint, "_ANSWER_TIMEOUT", 0.2)  # Valkey waits for a line's end
    plain = secret_of(valkey, valkey.user, password=valkey.password)
    url = f"redis://{valkey.user}:{valkey.password}@{valkey.host}:{valkey.port}"
    assert accepted(json.dumps(plain))
    for asking in [
        plain | {"tls": True},
        plain | {"ssl": "true"},
        {"url": url, "tls": True},
        {"url": url.replace("redis:", "rediss:")},
    ]:
        value = json.dumps(asking)
        with pytest.raises(Unreachable, match="TLS"):
            ROTATOR.probe(rotation(value), value)


def test_a_certificate_is_checked(tmp_path: Path, valkey: RunningServer) -> None:
    """Over TLS the password goes to the server of the certificate alone."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    names = ["-subj", "/CN=cache", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "1", "-keyout", str(key), "-out", str(certificate), *names],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    sent = bytearray()
    with in_front(valkey, sent, context) as server:
        secret = secret_of(server, server.user, password=server.password, tls=True)
        unknown = json.dumps(secret)
        with pytest.raises(Unreachable):
            ROTATOR.probe(rotation(unknown), unknown)
        assert sent == b""
        assert accepted(json.dumps(secret | {"ssl_ca_certs": str(certificate)}))
    assert b"AUTH" in sent


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ("hunter2", "no JSON"),
        (b"hunter2", "binary"),
        ('{"password": "hunter2"}', "host"),
        ('{"host": "cache"}', "password"),
        ('{"host": "cache", "password": "hunter2", "port": "hunter2"}', "port"),
        ('{"host": "cache", "password": "hunter2", "tls": "hunter2"}', "tls"),
        ('{"url": "http://app:hunter2@cache"}', "url"),
        ('{"url": "redis://app:hunter2@[cache"}', "url"),
        ('{"url": "redis://app:hunter2@cache:x"}', "url"),
        ('{"url": "redis://cache"}', "password"),
    ],
)
def test_a_value_that_names_no_login_is_refused(value: str | bytes, match: str) -> None:
    """The message says what is missing, and what to store."""
    error = refusal(NotRotatable, match, lambda: ROTATOR.propose(rotation(value)))  # type: ignore[arg-type]
    assert "hunter2" not in str(error)


def test_what_no_client_could_use_needs_no_retiring(valkey: RunningServer) -> None:
    """A placeholder that was the secret's first value does not stop the sweep."""
    current = json.dumps(secret_of(valkey, "app"))
    for old in ("changeme", "{}", b"\xff"):
        ROTATOR.retire(rotation(current, valkey), old)
