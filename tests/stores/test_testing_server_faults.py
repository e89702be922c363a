"""The faults of our Secrets Manager server, and its account of calls."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
)

from glisecrets.testing import Faults, SecretsManagerServer

ONE_TRY = Config(retries={"total_max_attempts": 1})


@pytest.fixture(scope="module")
def shared_server():
    """One server for the module."""
    with SecretsManagerServer() as server:
        yield server


@pytest.fixture
def server(shared_server):
    """The server, healthy, with three secrets and nothing on its account."""
    shared_server.faults.clear()
    for name in shared_server.store.names():
        shared_server.store.delete(name)
    for name in "abc":
        shared_server.store.create(name, f"value of {name}")
    shared_server.calls.clear()
    return shared_server


@pytest.fixture(scope="module")
def client(shared_server):
    """A boto3 client of it, which does not retry."""
    client = shared_server.client(ONE_TRY)
    yield client
    client.close()


def refused(code: str):
    """Expect an error of Secrets Manager with this code."""
    return pytest.raises(ClientError, match=rf"\({code}\)")


def batch(client) -> tuple[list[str], dict[str, str]]:
    """Read all three secrets: what was read, and what failed with which code."""
    answer = client.batch_get_secret_value(SecretIdList=["a", "b", "c"])
    errors = {error["SecretId"]: error["ErrorCode"] for error in answer["Errors"]}
    return [entry["Name"] for entry in answer["SecretValues"]], errors


def test_a_denied_secret_is_denied_alone(server, client):
    """One secret that the caller has no right to spoils no other in a batch."""
    server.faults.denied.add("b")
    assert batch(client) == (["a", "c"], {"b": "AccessDeniedException"})
    for operation in (client.get_secret_value, client.describe_secret):
        with refused("AccessDeniedException"):
            operation(SecretId="b")
    with refused("AccessDeniedException"):
        client.put_secret_value(SecretId="b", SecretString="x")
    server.faults.denied.discard("b")
    assert batch(client) == (["a", "b", "c"], {})


def test_an_undecryptable_secret_fails_alone_and_can_be_described(server, client):
    """A disabled KMS key stops reading one secret's value and nothing else."""
    server.faults.undecryptable.add("b")
    assert batch(client) == (["a", "c"], {"b": "DecryptionFailure"})
    with refused("DecryptionFailure"):
        client.get_secret_value(SecretId="b")
    assert client.describe_secret(SecretId="b")["Name"] == "b"


def test_an_operation_can_be_denied(server, client):
    """Without BatchGetSecretValue one can read one by one; without GetSecretValue nothing."""
    server.faults.denied_operations.add("BatchGetSecretValue")
    with refused("AccessDeniedException"):
        batch(client)
    assert client.get_secret_value(SecretId="a")
    server.faults.denied_operations = {"GetSecretValue"}
    assert batch(client) == ([], dict.fromkeys("abc", "AccessDeniedException"))


def test_throttling_ends_after_a_number_of_calls(server, client):
    """The next calls are refused, and the one after them is not."""
    server.faults.throttle(calls=2)
    for _ in range(2):
        with refused("ThrottlingException"):
            client.get_secret_value(SecretId="a")
    assert client.get_secret_value(SecretId="a")


def test_throttling_ends_after_a_time(server):
    """A client with botocore's own retries gets through a short throttling."""
    patient = server.client(Config(retries={"total_max_attempts": 10, "mode": "standard"}))
    began = time.monotonic()
    server.faults.throttle(seconds=0.2)
    assert patient.get_secret_value(SecretId="a")["SecretString"]
    assert time.monotonic() - began >= 0.2
    assert [call.error for call in server.calls[:-1]] == ["ThrottlingException"] * (
        len(server.calls) - 1
    )
    patient.close()


def test_stale_reads_show_what_was_before_the_last_change(server, client):
    """Right after a change every read may still give the old state, as on the real service."""
    client.put_secret_value(SecretId="a", SecretString="new", VersionStages=["AWSPENDING"])
    server.faults.stale = True
    with refused("ResourceNotFoundException"):
        client.get_secret_value(SecretId="a", VersionStage="AWSPENDING")
    assert len(client.describe_secret(SecretId="a")["VersionIdsToStages"]) == 1
    client.put_secret_value(SecretId="a", SecretString="newer")
    assert client.get_secret_value(SecretId="a")["SecretString"] == "value of a"
    client.create_secret(Name="d", SecretString="x")
    with refused("ResourceNotFoundException"):
        client.get_secret_value(SecretId="d")
    server.faults.stale = False
    assert client.get_secret_value(SecretId="a")["SecretString"] == "newer"
    assert client.get_secret_value(SecretId="d")["SecretString"] == "x"


def test_down_hangs_up_on_old_and_new_connections(server, client):
    """A server that is down answers nobody, and afterwards everybody."""
    assert client.get_secret_value(SecretId="a")
    server.faults.down = True
    for _ in range(2):
        with pytest.raises(ConnectionClosedError):
            client.get_secret_value(SecretId="a")
    fresh = server.client(ONE_TRY)
    with pytest.raises(ConnectionClosedError):
        fresh.get_secret_value(SecretId="a")
    server.faults.down = False
    assert client.get_secret_value(SecretId="a")
    fresh.close()


def test_a_stopped_server_refuses_and_comes_back_where_it_was(server, client):
    """stop() and start() are an outage: same port, same secrets."""
    url = server.url
    assert client.get_secret_value(SecretId="a")
    server.stop()
    with pytest.raises((EndpointConnectionError, ConnectionClosedError)):
        client.get_secret_value(SecretId="a")
    with pytest.raises(EndpointConnectionError):
        client.get_secret_value(SecretId="a")
    server.start()
    assert server.url == url
    assert client.get_secret_value(SecretId="a")["SecretString"] == "value of a"


def test_expired_credentials_are_refused(server, client):
    """A session token that has run out is refused for every operation."""
    server.faults.expired_credentials = True
    for ask in (lambda: batch(client), client.list_secrets):
        with refused("ExpiredTokenException"):
            ask()


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_clock_that_is_off_is_refused_and_the_date_says_by_how_much(server, client, minutes):
    """Beyond five minutes a signature does not count; the answer's Date shows the true time."""
    server.faults.clock_skew = timedelta(minutes=minutes)
    with refused("InvalidSignatureException") as caught:
        client.get_secret_value(SecretId="a")
    headers = caught.value.response["ResponseMetadata"]["HTTPHeaders"]
    skew = parsedate_to_datetime(headers["date"]) - datetime.now(UTC)
    assert abs(skew - timedelta(minutes=minutes)) < timedelta(seconds=30)
    server.faults.clock_skew = timedelta(minutes=minutes / 2)
    assert client.get_secret_value(SecretId="a")


def test_all_faults_can_be_cleared_at_once(server, client):
    """After clear() the server is healthy, whatever was switched on."""
    faults = server.faults
    faults.latency, faults.down, faults.stale, faults.expired_credentials = 9.0, True, True, True
    faults.clock_skew = timedelta(days=1)
    faults.denied.add("a")
    faults.denied_operations.add("GetSecretValue")
    faults.undecryptable.add("a")
    faults.throttle(calls=9, seconds=9)
    faults.clear()
    assert faults == Faults()
    assert client.get_secret_value(SecretId="a")


def test_every_call_is_on_the_account_without_its_value(server, client):
    """Tests can count calls and see what they were about; no value is kept."""
    client.put_secret_value(SecretId="a", SecretString="hush")
    batch(client)
    with refused("ResourceNotFoundException"):
        client.get_secret_value(SecretId="no")
    assert [(call.operation, call.secrets, call.error) for call in server.calls] == [
        ("PutSecretValue", ("a",), None),
        ("BatchGetSecretValue", ("a", "b", "c"), None),
        ("GetSecretValue", ("no",), "ResourceNotFoundException"),
    ]
    assert "hush" not in repr(server.calls)
    assert not server.calls[0].overlaps(server.calls[1])


def test_latency_delays_answers_that_come_side_by_side(server, client):
    """Two calls at once take the time of one, and the account shows that they overlapped."""
    server.faults.latency = 0.1
    start = threading.Barrier(2)

    def read(name):
        start.wait()
        return client.get_secret_value(SecretId=name)["Name"]

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(read, "ab")) == ["a", "b"]
    one, two = server.calls
    assert one.overlaps(two)
    assert min(one.ended - one.started, two.ended - two.started) >= 0.1


def test_one_connection_serves_many_calls(server, client, monkeypatch):
    """Connections are kept open, so that a benchmark measures calls and not handshakes."""
    made = []
    process = server._listener.process_request

    def count(request, client_address):
        made.append(client_address)
        process(request, client_address)

    monkeypatch.setattr(server._listener, "process_request", count)
    for _ in range(5):
        client.get_secret_value(SecretId="a")
    assert len(made) <= 1
