"""Access keys of IAM users: against moto's IAM, which keeps the quota of two, and a stub of STS.

moto's STS accepts any key, so that what STS rejects comes from a stub.
"""

from __future__ import annotations

import json
import logging
import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from glisecrets.references import Address
from glisecrets.rotation import Engine, run
from glisecrets.rotation.errors import (
    NotRotatable,
    ProviderRefused,
    RotationBusy,
    Unreachable,
)
from glisecrets.rotation.rotator import Rotation, Verdict
from glisecrets.rotation.rotators.iam_access_key import IamAccessKey
from glisecrets.rotation.subject import Clock
from glisecrets.stores.local import LocalStore

from .loopback import Asked, Reply, closed_port, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from glisecrets.stores.base import SecretValue


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def _aws(moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be somebody, and let no test reach AWS."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOFWHOEVERROTATES")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secrets.token_hex())
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")


@dataclass
class User:
    """A user of moto's IAM, with one key."""

    moto: str
    name: str = field(default_factory=lambda: f"gli-{secrets.token_hex(4)}")

    def __post_init__(self) -> None:
        self.iam = boto3.client("iam", region_name="us-east-1", endpoint_url=self.moto)
        self.iam.create_user(UserName=self.name)

    def add(self) -> dict[str, str]:
        key = self.iam.create_access_key(UserName=self.name)["AccessKey"]
        halves = ("AccessKeyId", "SecretAccessKey")
        return {half: key[half] for half in halves}

    def use(self, key: dict[str, str]) -> None:
        """Sign a request, which IAM takes note of."""
        boto3.client(
            "sts",
            region_name="ap-northeast-2",
            endpoint_url=self.moto,
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
        ).get_caller_identity()

    @property
    def keys(self) -> dict[str, str]:
        """The status of each key, by id."""
        listed = self.iam.list_access_keys(UserName=self.name)["AccessKeyMetadata"]
        return {key["AccessKeyId"]: key["Status"] for key in listed}

    def delete(self, key: dict[str, str]) -> None:
        self.iam.delete_access_key(UserName=self.name, AccessKeyId=key["AccessKeyId"])


@pytest.fixture
def user(moto: str) -> Iterator[User]:
    made = User(moto)
    yield made
    made.iam.close()


def rotation(current: object, /, **options: str) -> Rotation:
    """Give a rotation one hour after now, so that moto's keys are old."""
    waits: list[float] = []
    value = current if isinstance(current, str | bytes) else json.dumps(current)
    start = datetime.now(UTC) + timedelta(hours=1)
    return Rotation(
        secret="gli/ci",
        token=secrets.token_hex(16),
        current=value,
        options=options,
        held=lambda: [value],
        now=lambda: start + timedelta(seconds=sum(waits)),
        pause=waits.append,
    )


def at(of: Rotation, **since_now: float) -> Rotation:
    return replace(of, now=lambda: datetime.now(UTC) + timedelta(**since_now))


def propose(of: Rotation) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(IamAccessKey().propose(of))
    return found


# Minting --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key_id", "half"),
    [
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        ("aws_access_key_id", "aws_secret_access_key"),
        ("AccessKeyId", "SecretAccessKey"),
        ("access_key_id", "secret_access_key"),
    ],
)
def test_a_second_key_is_minted_and_everything_else_in_the_secret_stays(
    user: User, key_id: str, half: str
) -> None:
    """Names that programs read today are the names they read tomorrow."""
    first = user.add()
    current = {key_id: first["AccessKeyId"], half: first["SecretAccessKey"], "region": "서울"}
    new = propose(rotation(current))
    assert set(user.keys) == {first["AccessKeyId"], new[key_id]}
    assert new.keys() == current.keys()
    assert new["region"] == "서울"
    assert new[half] != current[half]


def test_the_user_is_found_by_the_key_or_named(user: User) -> None:
    """No option is needed while the key exists; after a leak it may have been deleted by hand."""
    gone = user.add()
    user.delete(gone)
    with pytest.raises(NotRotatable, match="glisecrets:user"):
        propose(rotation(gone))
    assert len(propose(rotation(gone, user=user.name))) == 2
    assert len(user.keys) == 1


def test_a_user_with_two_keys_gets_no_third_and_the_person_on_call_learns_why(
    user: User,
) -> None:
    """AWS allows two, inactive ones counted: ids, ages, uses and what to do are told."""
    first, other = user.add(), user.add()
    user.use(other)
    user.iam.update_access_key(
        UserName=user.name, AccessKeyId=other["AccessKeyId"], Status="Inactive"
    )
    full = at(rotation(first), days=3)
    IamAccessKey().reap(full)
    with pytest.raises(ProviderRefused) as caught:
        propose(full)
    assert f"{first['AccessKeyId']} (active, 3 days old, never used)" in caught.value.message
    assert f"{other['AccessKeyId']} (inactive, 3 days old, last used" in caught.value.message
    assert "by sts in ap-northeast-2" in caught.value.message
    assert f"--access-key-id {other['AccessKeyId']}" in caught.value.next_step
    assert first["SecretAccessKey"] not in f"{caught.value!r}"
    assert len(user.keys) == 2


def test_two_keys_that_versions_hold_mean_that_the_older_is_to_be_retired_first(
    user: User,
) -> None:
    """The next step is the command that does it."""
    first, second = user.add(), user.add()
    full = replace(rotation(second), previous=json.dumps(first))
    with pytest.raises(ProviderRefused) as caught:
        propose(full)
    assert caught.value.next_step == "glisecrets rotate retire gli/ci"


@pytest.mark.parametrize(
    "value", [b"\x00", "text", "[]", "{}", '{"AWS_ACCESS_KEY_ID": "AKIA"}', '{"AccessKeyId": 1}']
)
def test_a_value_that_holds_no_key_is_told(value: SecretValue) -> None:
    """The names that are looked for are in the message."""
    with pytest.raises(NotRotatable, match="AWS_SECRET_ACCESS_KEY"):
        propose(rotation(value))


# What a crash leaves behind -------------------------------------------------------------------


def test_a_key_that_a_crash_left_behind_is_deleted_and_another_minted(user: User) -> None:
    """A run that died between minting and storing does not block the next one."""
    first = user.add()
    lost = propose(rotation(first))
    again = rotation(first)
    IamAccessKey().reap(again)
    assert list(user.keys) == [first["AccessKeyId"]]
    assert propose(again)["AccessKeyId"] != lost["AccessKeyId"]


def test_a_key_that_was_minted_just_now_may_be_another_runs(user: User) -> None:
    """Two runs at once never delete each other's key: the later one waits some minutes."""
    first = user.add()
    propose(rotation(first))
    at_once = at(rotation(first), minutes=4)
    IamAccessKey().reap(at_once)
    with pytest.raises(RotationBusy, match="two keys"):
        propose(at_once)
    assert len(user.keys) == 2


def test_keys_that_are_held_or_used_are_never_reaped(user: User) -> None:
    """A key that an old version holds, or that somebody uses, is nobody's leftover."""
    first, second = user.add(), user.add()
    held = rotation(first)
    for spared in (
        replace(held, held=lambda: [json.dumps(second), b"", "by hand"]),
        replace(held, previous=json.dumps(second)),
        replace(held, pending=json.dumps(second)),
    ):
        IamAccessKey().reap(spared)
        assert len(user.keys) == 2
    user.use(second)
    IamAccessKey().reap(held)
    assert len(user.keys) == 2


# Retiring -------------------------------------------------------------------------------------


def test_the_old_key_is_deleted_once_unused_for_a_day_and_again_does_no_harm(
    user: User,
) -> None:
    """After the overlap the old key is worth nothing."""
    old, new = user.add(), user.add()
    user.use(old)
    retiring = at(rotation(new), days=1, minutes=1)
    for _ in range(2):
        IamAccessKey().retire(retiring, json.dumps(old))
        assert user.keys == {new["AccessKeyId"]: "Active"}


def test_a_key_that_is_still_in_use_stays_and_the_user_of_it_is_told(user: User) -> None:
    """No service is cut off: the report says which service and region still sees the key."""
    old, new = user.add(), user.add()
    user.use(old)
    with pytest.raises(ProviderRefused, match="by sts in ap-northeast-2") as caught:
        IamAccessKey().retire(at(rotation(new), hours=23), json.dumps(old))
    assert "--now" in caught.value.next_step
    assert user.keys[old["AccessKeyId"]] == "Active"


def test_in_an_emergency_a_key_goes_though_it_is_in_use(user: User) -> None:
    """After a leak, whoever uses the key may be the thief."""
    old, new = user.add(), user.add()
    user.use(old)
    IamAccessKey().retire(replace(rotation(new), urgent=True), json.dumps(old))
    assert list(user.keys) == [new["AccessKeyId"]]


def test_a_key_that_is_used_while_it_is_being_retired_comes_back(user: User) -> None:
    """Whoever used it in that moment goes on."""
    old, new = user.add(), user.add()
    times = iter([timedelta(days=2), timedelta(hours=1)])
    user.use(old)
    racing = replace(rotation(new), now=lambda: datetime.now(UTC) + next(times))
    with pytest.raises(ProviderRefused, match="still in use"):
        IamAccessKey().retire(racing, json.dumps(old))
    assert user.keys[old["AccessKeyId"]] == "Active"


def test_the_key_that_stays_is_never_retired(user: User) -> None:
    """A value that was written again by hand still holds the same key."""
    key = user.add()
    for unlike in (json.dumps({**key, "note": "again"}), "by hand", b"\xff"):
        IamAccessKey().retire(rotation(key), unlike)
    assert list(user.keys) == [key["AccessKeyId"]]


# Probing --------------------------------------------------------------------------------------


@dataclass
class Sts:
    """STS, which knows some keys and may say something else first."""

    known: set[str] = field(default_factory=set)
    first: list[Reply] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        if self.first:
            return self.first.pop(0)
        if not any(f"Credential={key}/" in asked.token for key in self.known):
            return error(403, "InvalidClientTokenId")
        namespace = "https://sts.amazonaws.com/doc/2011-06-15/"
        return Reply(
            200,
            f'<GetCallerIdentityResponse xmlns="{namespace}"><GetCallerIdentityResult>'
            "<Arn>arn:aws:iam::1:user/u</Arn></GetCallerIdentityResult>"
            "</GetCallerIdentityResponse>",
        )


def error(status: int, code: str) -> Reply:
    body = f"<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
    return Reply(status, body)


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sts]:
    stub = Sts()
    with serving(stub.answer) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        yield stub


def key_pair() -> dict[str, str]:
    half = secrets.token_urlsafe(30)
    return {"AccessKeyId": f"AKIA{secrets.token_hex(8).upper()}", "SecretAccessKey": half}


def test_a_key_is_probed_as_itself(sts: Sts) -> None:
    """STS tells any key whose it is; no right is needed."""
    key = key_pair()
    sts.known = {key["AccessKeyId"]}
    assert IamAccessKey().probe(rotation(key_pair()), json.dumps(key)) is Verdict.ACCEPTED


@pytest.mark.parametrize("code", ["InvalidClientTokenId", "SignatureDoesNotMatch"])
def test_a_key_that_is_gone_or_wrong_is_rejected_at_once(sts: Sts, code: str) -> None:
    """Only a key that is being made is worth waiting for."""
    sts.first = [error(403, code)]
    probing = rotation(key_pair())
    before = probing.now()
    assert IamAccessKey().probe(probing, json.dumps(key_pair())) is Verdict.REJECTED
    assert probing.now() == before
    assert len(sts.asked) == 1


def test_a_new_key_that_is_not_known_everywhere_yet_is_waited_for(sts: Sts) -> None:
    """It takes AWS some 15 seconds to spread a key."""
    key = key_pair()
    sts.known = {key["AccessKeyId"]}
    sts.first = [error(403, "InvalidClientTokenId")] * 5
    pending = replace(rotation(key_pair()), pending=json.dumps(key))
    before = pending.now()
    assert IamAccessKey().probe(pending, json.dumps(key)) is Verdict.ACCEPTED
    assert pending.now() - before == timedelta(seconds=15)


def test_a_new_key_is_waited_for_no_longer_than_a_minute(sts: Sts) -> None:
    """A Lambda does not wait for ever."""
    key = json.dumps(key_pair())
    pending = replace(rotation(key_pair()), pending=key)
    before = pending.now()
    assert IamAccessKey().probe(pending, key) is Verdict.REJECTED
    assert pending.now() - before == timedelta(minutes=1)


def test_no_network_is_unreachable_not_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """A subnet without a route to STS never looks like a wrong key."""
    with closed_port() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        with pytest.raises(Unreachable, match="sts") as caught:
            IamAccessKey().probe(rotation(key_pair()), json.dumps(key_pair()))
    assert caught.value.passing


@pytest.mark.parametrize(("status", "code"), [(400, "Throttling"), (503, "ServiceUnavailable")])
def test_a_busy_sts_is_unreachable_not_wrong(sts: Sts, status: int, code: str) -> None:
    """Throttling says nothing of the key."""
    sts.first = [error(status, code)] * 9
    with pytest.raises(Unreachable):
        IamAccessKey().probe(rotation(key_pair()), json.dumps(key_pair()))


def test_a_policy_that_keeps_us_from_sts_is_no_verdict(sts: Sts) -> None:
    """An endpoint's policy may refuse a good key: a person has to look."""
    sts.first = [error(403, "AccessDenied")]
    with pytest.raises(ProviderRefused, match="sts:GetCallerIdentity"):
        IamAccessKey().probe(rotation(key_pair()), json.dumps(key_pair()))


# Leaks and set-up -----------------------------------------------------------------------------


def test_no_log_and_no_error_has_a_secret_half_in_it(
    user: User, sts: Sts, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither ours nor botocore's, whatever the level: its DEBUG prints answers' bodies."""
    key = user.add()
    caplog.clear()
    caplog.set_level(logging.DEBUG)
    new = propose(rotation(key))
    IamAccessKey().probe(rotation(key), json.dumps(new))
    assert caplog.records
    assert key["SecretAccessKey"] not in caplog.text
    assert new["SecretAccessKey"] not in caplog.text


def test_no_credentials_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever rotates learns that it has none."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(ProviderRefused, match="NoCredentialsError"):
        propose(rotation(key_pair(), user="somebody"))


def test_a_profile_that_does_not_exist_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slip in AWS_PROFILE is said so, before anything is asked."""
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(ProviderRefused, match="ProfileNotFound"):
        propose(rotation(key_pair(), user="somebody"))


# The whole life of a key ----------------------------------------------------------------------


def test_a_key_is_rotated_and_the_old_one_deleted_by_the_engine(user: User, tmp_path: Path) -> None:
    """From minting to deleting, on the local store; a third key waits for the second to go."""
    store = LocalStore(tmp_path)
    first = user.add()
    store.create("gli/ci", json.dumps(first), tags={"glisecrets:rotator": "iam-access-key"})
    moments = [datetime.now(UTC)]
    engine = Engine(store, clock=Clock(lambda: moments[-1], lambda _: None))
    run(engine, "gli/ci")
    second = json.loads(store.get(Address("gli/ci")).value)
    assert user.keys.keys() == {first["AccessKeyId"], second["AccessKeyId"]}
    moments.append(moments[-1] + timedelta(days=180))
    run(engine, "gli/ci")
    third = json.loads(store.get(Address("gli/ci")).value)
    assert user.keys.keys() == {second["AccessKeyId"], third["AccessKeyId"]}
    store.close()
