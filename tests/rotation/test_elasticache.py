"""``elasticache-user`` and ``elasticache-token``: botocore, a stub of the API, a real Valkey."""

from __future__ import annotations

import dataclasses
import json
import logging
import secrets
import sys
from typing import TYPE_CHECKING, Any

import pytest
import redis

from glisecrets.rotation.errors import (
    NotRotatable,
    ProviderRefused,
    RotationError,
    StaleRotation,
    Unreachable,
)
from glisecrets.rotation.rotator import Rotation, Verdict
from glisecrets.rotation.rotators.elasticache import ElastiCacheToken, ElastiCacheUser

from .elasticache_stub import GROUP_ID, USER_ID, ElastiCacheStub
from .loopback import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glisecrets.testing.servers import RunningServer

USER, TOKEN = ElastiCacheUser(), ElastiCacheToken()
BOTH = pytest.mark.parametrize("rotator", [USER, TOKEN], ids=["user", "token"])
OPTIONS = {"user-id": USER_ID, "replication-group": GROUP_ID}
MODIFY = {USER: "ModifyUser", TOKEN: "ModifyReplicationGroup"}


@pytest.fixture
def stub(valkey: RunningServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[ElastiCacheStub]:
    name = f"ec-{secrets.token_hex(4)}"
    with redis.Redis.from_url(valkey.url, decode_responses=True) as admin:
        admin.execute_command("ACL", "SETUSER", name, "on", "+ping")
        stub = ElastiCacheStub(admin, name)
        with serving(stub.answer) as address:
            monkeypatch.setenv("AWS_ENDPOINT_URL_ELASTICACHE", address)
            monkeypatch.setenv("AWS_REGION", "ap-northeast-2")
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
            monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
            yield stub
        admin.execute_command("ACL", "DELUSER", name)


@pytest.fixture
def current(stub: ElastiCacheStub, valkey: RunningServer) -> str:
    """A secret whose password is in force."""
    password = secrets.token_hex(16)
    stub.passwords = [password]
    stub.make()
    return json.dumps(
        {"username": stub.user, "password": password, "host": valkey.host, "port": valkey.port}
    )


def rotation(current: str, **more: Any) -> Rotation:
    more = {"options": OPTIONS, "pause": lambda _: None, **more}
    return Rotation("gli/redis/test", secrets.token_hex(16), current, **more)


def accepted(value: str) -> bool:
    return USER.probe(rotation(value), value) is Verdict.ACCEPTED


def password(value: str) -> str:
    return str(json.loads(value)["password"])


@BOTH
@pytest.mark.parametrize("looks", [0, 1, 5])
def test_both_passwords_are_good_until_the_old_one_is_retired(
    looks: int, rotator: ElastiCacheUser, stub: ElastiCacheStub, current: str
) -> None:
    """However long the service takes, and whatever is repeated, no client is refused."""
    stub.looks = looks
    new = str(rotator.propose(rotation(current)))
    for _ in range(2):
        rotator.apply(rotation(current, pending=new))
        assert (accepted(current), accepted(new)) == (True, True)
    for _ in range(2):
        rotator.retire(rotation(new, previous=current), current)
        assert (accepted(current), accepted(new)) == (False, True)


@BOTH
def test_a_crash_while_the_change_is_made_is_resumed(
    rotator: ElastiCacheUser, stub: ElastiCacheStub, current: str
) -> None:
    """The next try waits for the change that was begun, and keeps the current password."""

    class Crash(BaseException):
        pass

    def crash(_: float) -> None:
        raise Crash

    new = str(rotator.propose(rotation(current)))
    with pytest.raises(Crash):
        rotator.apply(rotation(current, pending=new, pause=crash))
    rotator.apply(rotation(current, pending=new))
    assert (accepted(current), accepted(new)) == (True, True)


def test_a_token_is_rotated_to_once(stub: ElastiCacheStub, current: str) -> None:
    """Another ROTATE would drop the current token, so it is asked first whether it is needed."""
    new = str(TOKEN.propose(rotation(current)))
    for _ in range(3):
        TOKEN.apply(rotation(current, pending=new))
    TOKEN.retire(rotation(new), current)
    TOKEN.retire(rotation(new), current)
    assert stub.log == ["ModifyReplicationGroup ROTATE", "ModifyReplicationGroup SET"]


def test_retiring_spares_a_password_that_is_pending(stub: ElastiCacheStub, current: str) -> None:
    """A sweep beside a rotation revokes the old password alone."""
    newer = str(USER.propose(rotation(current)))
    USER.retire(rotation(current, pending=newer), "changeme")
    assert set(stub.passwords) == {password(current), password(newer)}


@BOTH
def test_what_is_current_again_is_not_retired(
    rotator: ElastiCacheUser, stub: ElastiCacheStub, current: str
) -> None:
    """After a rollback, or with an old value that no client could use, the current one stays."""
    rotator.retire(rotation(current), current)
    rotator.retire(rotation(current), "changeme")
    assert accepted(current)


@BOTH
def test_a_stale_rotation_changes_nothing(
    rotator: ElastiCacheUser, stub: ElastiCacheStub, current: str
) -> None:
    """A run that has been overtaken stops before the change, also where it has to wait."""

    def stale() -> None:
        raise StaleRotation("another token is rotating")

    new = str(rotator.propose(rotation(current)))
    with pytest.raises(StaleRotation):
        rotator.apply(rotation(current, pending=new, confirm=stale))
    assert stub.log == []


@BOTH
def test_a_change_that_is_never_made_is_waited_for_five_minutes(
    rotator: ElastiCacheUser, stub: ElastiCacheStub, current: str
) -> None:
    """Then the rotation says so, and may be tried again: nothing is lost."""
    waited: list[float] = []
    stub.looks = sys.maxsize
    new = str(rotator.propose(rotation(current)))
    with pytest.raises(Unreachable, match="still changing"):
        rotator.apply(rotation(current, pending=new, pause=waited.append))
    assert sum(waited) == 300


@BOTH
@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "Throttling", Unreachable),
        (503, "ServiceUnavailable", Unreachable),
        (500, "InternalFailure", Unreachable),
        (403, "AccessDenied", ProviderRefused),
        (403, "ExpiredToken", ProviderRefused),
        (400, "InvalidParameterValue", ProviderRefused),
    ],
)
def test_what_the_service_refuses_is_told_apart_and_never_quoted(
    status: int,
    code: str,
    expected: type[RotationError],
    rotator: ElastiCacheUser,
    stub: ElastiCacheStub,
    current: str,
) -> None:
    """Busy is tried again, a missing right needs somebody; what the service repeats, we do not."""
    new = str(rotator.propose(rotation(current)))
    stub.failures = [(MODIFY[rotator], status, code)]
    with pytest.raises(expected, match=code) as caught:
        rotator.apply(rotation(current, pending=new))
    error = caught.value
    assert error.passing == (expected is Unreachable)
    assert (error.__cause__, error.__context__) == (None, None)
    assert not any(password(value) in str(vars(error)) for value in (current, new))
    assert code != "AccessDenied" or f"elasticache:{MODIFY[rotator]}" in error.next_step


@BOTH
def test_a_service_that_is_not_there_is_unreachable(
    rotator: ElastiCacheUser, stub: ElastiCacheStub, current: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No route and no VPC endpoint: try again, and look at the network."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_ELASTICACHE", "http://127.0.0.1:1")
    new = str(rotator.propose(rotation(current)))
    with pytest.raises(Unreachable, match="EndpointConnectionError"):
        rotator.apply(rotation(current, pending=new))


@BOTH
def test_a_wrong_or_missing_id_is_said(
    rotator: ElastiCacheUser, stub: ElastiCacheStub, current: str
) -> None:
    """The tag is named before anything is chosen; a wrong id is what the service says."""
    with pytest.raises(NotRotatable) as caught:
        rotator.propose(rotation(current, options={}))
    assert f"glisecrets:{rotator.target}" in caught.value.next_step
    wrong = rotation(current, pending=current, options={rotator.target: "other"})
    new = str(rotator.propose(wrong))
    with pytest.raises(ProviderRefused, match=r"other: .*NotFound"):
        rotator.apply(dataclasses.replace(wrong, pending=new))


@BOTH
def test_no_log_has_a_password_in_it(
    rotator: ElastiCacheUser,
    stub: ElastiCacheStub,
    current: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither ours nor botocore's, whatever the level: its DEBUG prints requests' bodies."""
    caplog.set_level(logging.DEBUG)
    new = str(rotator.propose(rotation(current)))
    rotator.apply(rotation(current, pending=new))
    rotator.retire(rotation(new), current)
    assert caplog.records
    assert not any(password(value) in caplog.text for value in (current, new))


def test_no_region_is_a_fault_of_the_set_up(
    stub: ElastiCacheStub, current: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without AWS_REGION the rotation says which variable is missing."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(ProviderRefused, match="NoRegion") as caught:
        USER.apply(rotation(current, pending=current))
    assert "AWS_REGION" in caught.value.next_step
