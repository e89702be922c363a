"""Reading from Secrets Manager: few calls, every failure told for the secret it concerns."""

from __future__ import annotations

import logging
import secrets
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from botocore.stub import Stubber

from glisecrets.errors import (
    AccessDenied,
    InvalidRequest,
    SecretNotFound,
    StoreError,
    StoreUnavailable,
    Undecryptable,
)
from glisecrets.references import Address
from glisecrets.stores.aws import AwsStore
from glisecrets.stores.base import SecretVersion
from glisecrets.testing import SecretsManagerServer

ARN = "arn:aws:secretsmanager:ap-northeast-2:123456789012:secret:"


@pytest.fixture(scope="module")
def running():
    with SecretsManagerServer() as server:
        yield server


@pytest.fixture
def server(running):
    """A healthy server that counts calls from here."""
    running.faults.clear()
    running.calls.clear()
    return running


@pytest.fixture
def store(server):
    store = AwsStore.from_options("", {}, environ=server.environ)
    yield store
    store.close()


@pytest.fixture
def names(server):
    """25 secrets, made behind the protocol."""
    prefix = secrets.token_hex(4)
    for number in range(25):
        server.store.create(f"gli/{prefix}/{number}", f"{number}")
    return [f"gli/{prefix}/{number}" for number in range(25)]


@pytest.fixture
def stubbed(server):
    """A store on a stubbed client, and the stub."""
    client = server.client()
    with Stubber(client) as stub:
        yield AwsStore(client=client), stub
        stub.assert_no_pending_responses()
    client.close()


def entry(name: str, value: str = "x") -> dict[str, object]:
    """One secret in an answer."""
    return {
        "ARN": f"{ARN}{name}-AbCdEf",
        "Name": name,
        "VersionId": "1" * 32,
        "SecretString": value,
        "VersionStages": ["AWSCURRENT"],
        "CreatedDate": datetime.now(UTC),
    }


def values(found: dict[Address, SecretVersion | StoreError]) -> list[object]:
    """The values in order of asking; an error as its class."""
    return [v.value if isinstance(v, SecretVersion) else type(v) for v in found.values()]


def operations(server: SecretsManagerServer) -> list[str]:
    """What was called, in order."""
    return [call.operation for call in server.calls]


def test_25_secrets_are_read_in_two_calls_at_once(server, store, names):
    """The second batch does not wait for the first."""
    server.faults.latency = 0.2
    found = store.get_many(map(Address, names))
    assert values(found) == [str(number) for number in range(25)]
    first, second = server.calls
    assert first.operation == second.operation == "BatchGetSecretValue"
    assert first.overlaps(second)


def test_1000_secrets_are_read_in_50_calls_and_never_more_than_8_at_once(server, store):
    """Many secrets neither flood the service nor a process's sockets."""
    prefix = secrets.token_hex(4)
    server.faults.latency = 0.02
    asked = [Address(f"gli/{prefix}/{number}") for number in range(1000)]
    found = store.get_many(asked)
    assert set(values(found)) == {SecretNotFound}
    assert list(found) == asked
    assert operations(server) == ["BatchGetSecretValue"] * 50
    at_once = [sum(other.overlaps(call) for other in server.calls) for call in server.calls]
    starts = [sum(o.started <= c.started < o.ended for o in server.calls) for c in server.calls]
    assert max(at_once) > 1
    assert max(starts) <= 8


def test_nothing_asked_is_nothing_called(store):
    """No client is made for it either."""
    assert store.get_many([]) == {}
    assert store.connection._clients == {}


def test_versions_and_labels_are_read_as_they_are_named(server, store):
    """Current, previous and by version id, of one secret in one go."""
    name = f"gli/{secrets.token_hex(4)}"
    server.store.create(name, "old", token="a" * 32)
    server.store.put(name, "new", token="b" * 32)
    asked = [
        Address(name),
        Address(name, None, "AWSPREVIOUS"),
        Address(name, "a" * 32),
        Address(name, None, "AWSCURRENT"),
    ]
    found = store.get_many(asked)
    assert values(found) == ["new", "old", "old", "new"]
    assert found[asked[1]].labels == {"AWSPREVIOUS"}
    assert operations(server).count("GetSecretValue") == 3


def test_the_same_secret_by_name_and_by_arn_answers_both(server, store, names):
    """Whichever way the references name it."""
    arn = store.describe(names[0]).arn
    found = store.get_many([Address(names[0]), Address(arn), Address(names[1])])
    assert values(found) == ["0", "0", "1"]
    assert found[Address(arn)].secret == arn


def test_one_denied_and_one_undecryptable_leave_the_other_23_readable(server, store, names):
    """Each error names its secret and the right that is missing."""
    server.faults.denied = {names[3]}
    server.faults.undecryptable = {names[20]}
    found = store.get_many(map(Address, names))
    denied, undecryptable = found[Address(names[3])], found[Address(names[20])]
    assert isinstance(denied, AccessDenied)
    assert isinstance(undecryptable, Undecryptable)
    assert f"secretsmanager:GetSecretValue on {names[3]}" in denied.next_step
    assert "kms:Decrypt" in undecryptable.next_step
    assert undecryptable.secret == names[20]
    assert sum(isinstance(version, SecretVersion) for version in found.values()) == 23


def test_without_the_right_to_batch_secrets_are_read_one_by_one_and_it_is_said_once(
    server, store, names, caplog
):
    """The warning names the right; later reads do not try again."""
    server.faults.denied_operations = {"BatchGetSecretValue"}
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert values(store.get_many(map(Address, names))) == [str(n) for n in range(25)]
    [warning] = caplog.records
    assert "secretsmanager:BatchGetSecretValue" in warning.getMessage()
    assert operations(server).count("BatchGetSecretValue") == 2
    assert operations(server).count("GetSecretValue") == 50


def test_throttling_that_lasts_5_seconds_is_outlived(server, store, names):
    """No secret fails for it."""
    server.faults.throttle(seconds=5)
    assert values(store.get_many(map(Address, names))) == [str(number) for number in range(25)]


def test_a_store_that_is_down_is_told_in_time_a_web_process_can_live_with(server, names):
    """Nothing listens: one clear error per secret, and no try for each of 1,000."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    store = AwsStore.from_options("", {"endpoint_url": url}, environ=server.environ)
    started = time.monotonic()
    found = store.get_many(Address(f"gli/{number}") for number in range(1000))
    assert time.monotonic() - started < 20
    assert set(values(found)) == {StoreUnavailable}
    error = found[Address("gli/7")]
    assert error.secret == "gli/7"
    assert "AWS_ENDPOINT_URL" in error.next_step


def test_a_store_that_comes_back_is_read_again(server, store, names):
    """A failure leaves nothing behind."""
    server.faults.down = True
    assert set(values(store.get_many(map(Address, names)))) == {StoreUnavailable}
    server.faults.down = False
    assert values(store.get_many(map(Address, names))) == [str(number) for number in range(25)]


def test_expired_credentials_are_told_as_such(server, store, names):
    """The next step is to log in, not to ask for a right."""
    server.faults.expired_credentials = True
    with pytest.raises(AccessDenied, match="have expired"):
        store.get(Address(names[0]))
    assert set(values(store.get_many(map(Address, names)))) == {AccessDenied}


@pytest.mark.parametrize("skew", [timedelta(minutes=10), timedelta(minutes=-10)])
def test_a_wrong_clock_is_told_as_such(server, store, names, skew):
    """AWS speaks of signatures; the cause is the clock."""
    server.faults.clock_skew = skew
    with pytest.raises(AccessDenied, match="clock is wrong"):
        store.get(Address(names[0]))


def test_no_credentials_are_told_as_such(server, monkeypatch, tmp_path):
    """With the usual ways to have some."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    store = AwsStore(region="ap-northeast-2", endpoint_url=server.url)
    with pytest.raises(AccessDenied, match="no AWS credentials"):
        store.get(Address("gli/db"))


def test_pages_of_a_batch_are_followed_also_through_an_empty_one(stubbed):
    """NextToken leads on until it is gone."""
    store, stub = stubbed
    ids = {"SecretIdList": ["a", "b"]}
    stub.add_response(
        "batch_get_secret_value", {"SecretValues": [entry("a")], "NextToken": "1"}, ids
    )
    stub.add_response(
        "batch_get_secret_value", {"SecretValues": [], "NextToken": "2"}, ids | {"NextToken": "1"}
    )
    stub.add_response(
        "batch_get_secret_value", {"SecretValues": [entry("b")]}, ids | {"NextToken": "2"}
    )
    assert values(store.get_many([Address("a"), Address("b")])) == ["x", "x"]


def test_what_a_batch_leaves_out_or_fails_for_a_moment_is_asked_again_by_itself(stubbed):
    """A passing fault of one secret in a batch is no fault of the settings."""
    store, stub = stubbed
    errors = [{"SecretId": "b", "ErrorCode": "InternalServiceError", "Message": "try again"}]
    answer = {"SecretValues": [entry("a")], "Errors": errors}
    stub.add_response("batch_get_secret_value", answer, {"SecretIdList": ["a", "b"]})
    stub.add_response("get_secret_value", entry("b"), {"SecretId": "b"})
    assert values(store.get_many([Address("a"), Address("b")])) == ["x", "x"]


def test_a_name_that_aws_refuses_does_not_spoil_its_whole_batch(server, store, names):
    """Only that one fails."""
    found = store.get_many([Address(names[0]), Address(""), Address(names[1])])
    assert values(found) == ["0", InvalidRequest, "1"]


def test_a_version_that_has_no_value_yet_is_not_found(stubbed):
    """RotateSecret makes such a version before its first step."""
    store, stub = stubbed
    empty = {"ARN": f"{ARN}a-AbCdEf", "Name": "a", "VersionId": "2" * 32}
    stub.add_response("get_secret_value", empty)
    with pytest.raises(SecretNotFound, match="no value yet"):
        store.get(Address("a", None, "AWSPENDING"))


def test_many_threads_share_one_store(store, names):
    """Each gets its own answer."""
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda name: store.get(Address(name)).value, names * 4))
    assert found == [str(number) for number in range(25)] * 4


def test_no_value_and_no_token_reaches_a_log_at_any_level(server, store, caplog):
    """Botocore's DEBUG log prints bodies; those of the store's own requests are dropped."""
    value, name = secrets.token_urlsafe(24), f"gli/{secrets.token_hex(4)}"
    with caplog.at_level(logging.DEBUG):
        store.create(name, value)
        store.put(name, value + "2")
        store.get_many([Address(name), Address(name, None, "AWSPREVIOUS")])
        ours = caplog.text
        caplog.clear()
        client = server.client()
        client.describe_secret(SecretId=name)
        client.close()
    assert "botocore" in ours, "nothing was logged at all: the test proves nothing"
    assert value not in ours
    assert "Authorization" not in ours
    assert "Response body" in caplog.text, "another client's records are not ours to drop"
