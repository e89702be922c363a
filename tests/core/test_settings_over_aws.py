"""Settings over Secrets Manager's own protocol: real botocore, real HTTP, real failures."""

from __future__ import annotations

import json
import logging
import secrets
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel, SecretBytes, SecretStr

from glisecrets import LAYERS_INJECTED, LoadOptions, Settings, SettingsError, secret
from glisecrets.loading import LoadContext
from glisecrets.report import report_on
from glisecrets.testing import SecretsManagerServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ARN = "arn:aws:secretsmanager:{region}:{account}:secret:{name}"
HERE = {"region": "ap-northeast-2", "account": "123456789012"}


@pytest.fixture(scope="module")
def running() -> Iterator[SecretsManagerServer]:
    with SecretsManagerServer() as server:
        yield server


@pytest.fixture
def server(running: SecretsManagerServer) -> SecretsManagerServer:
    """A healthy server that counts calls from here."""
    running.faults.clear()
    running.calls.clear()
    return running


class Variables(dict[str, str]):
    """Variables whose repr tells nothing, for the locals of a failing test."""

    def __repr__(self) -> str:
        return "<variables>"


def environ_of(server: SecretsManagerServer, **more: str) -> Variables:
    return Variables(server.environ | {"GLISECRETS_STORE": "aws"} | more)


def load(cls: type[Settings], server: SecretsManagerServer, **more: str) -> Any:
    return cls.load(environment="staging", environ=environ_of(server, **more))


def faults_of(cls: type[Settings], server: SecretsManagerServer) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load(cls, server)
    return caught.value


def told(error: SettingsError) -> list[tuple[str, str]]:
    return [(fault.field, fault.kind) for fault in error.faults]


def service(references: dict[str, str], annotation: Any = SecretStr) -> type[Settings]:
    """Declare one secret field for each reference."""
    fields = {name: secret(reference) for name, reference in references.items()}
    members = {"__annotations__": dict.fromkeys(fields, annotation), "__module__": __name__}
    return type("Service", (Settings,), {**members, **fields})


@pytest.fixture
def prefix() -> str:
    """Where no other test's secrets are."""
    return f"gli-{secrets.token_hex(4)}/staging"


@pytest.fixture
def many(server: SecretsManagerServer, prefix: str) -> type[Settings]:
    """A service with 25 secrets, each holding its own field's name."""
    for number in range(25):
        server.store.create(f"{prefix}/{number}", f"value-of-{number}")
    return service({f"s{number}": f"{prefix}/{number}" for number in range(25)})


@pytest.fixture
def one(
    server: SecretsManagerServer, prefix: str, value: Callable[[], str]
) -> tuple[type[Settings], str, str]:
    """A service with one JSON secret: the class, the secret's name, the password."""
    document = json.dumps({"username": "gli", "password": (password := value())})
    server.store.create(name := f"{prefix}/db", document)
    return service({"password": f"{name}#password"}), name, password


# Few calls.


def test_25_secrets_are_two_calls_that_overlap(server, many) -> None:
    """A start costs one round trip, however many secrets there are; each origin is its own."""
    server.faults.latency = 0.2
    settings = load(many, server)
    first, second = server.calls
    assert {first.operation, second.operation} == {"BatchGetSecretValue"}
    assert first.overlaps(second)
    for number in range(25):
        assert getattr(settings, f"s{number}").get_secret_value() == f"value-of-{number}"
        origin = settings.origin(f"s{number}")
        [(version, labels)] = server.store.describe(str(origin.secret)).versions.items()
        assert (origin.version_id, origin.labels) == (version, tuple(labels))


def test_1000_secrets_are_50_calls(server, prefix) -> None:
    """Two hundred services' worth in one."""
    names = {f"s{number}": f"{prefix}/{number}" for number in range(1000)}
    settings = service(names, SecretStr | None)
    error = faults_of(settings, server)  # none of them exists, and each is asked for
    assert len(error.faults) == 1000
    assert len(server.calls) == 50
    assert sum(len(call.secrets) for call in server.calls) == 1000


def test_nothing_is_fetched_for_what_a_stronger_layer_gave(server, many) -> None:
    """A platform that injected 24 of 25 costs one call for one secret, or none for all."""

    class Injected(many):  # type: ignore[misc, valid-type]
        load_options = LoadOptions(layers=LAYERS_INJECTED)

    given = {f"S{number}": "injected" for number in range(25)}
    assert load(Injected, server, **given).s7.get_secret_value() == "injected"
    assert server.calls == []
    del given["S7"]
    assert load(Injected, server, **given).s7.get_secret_value() == "value-of-7"
    assert [len(call.secrets) for call in server.calls] == [1]


def test_without_the_right_to_batch_all_are_read_and_one_warning_says_so(
    server, many, caplog: pytest.LogCaptureFixture
) -> None:
    """It works at the price of one call each; the log names the right to add."""
    server.faults.denied_operations = {"BatchGetSecretValue"}
    with caplog.at_level(logging.WARNING):
        settings = load(many, server)
    assert settings.s24.get_secret_value() == "value-of-24"
    [warning] = caplog.records
    assert "allow secretsmanager:BatchGetSecretValue" in warning.getMessage()
    assert sum(call.operation == "GetSecretValue" for call in server.calls) == 25


# Every failure is its field's own.


def test_one_denied_and_one_undecryptable_among_25_are_two_faults(server, many, prefix) -> None:
    """Each names its field, its secret and the right that is missing; 23 are fine."""
    server.faults.denied = {f"{prefix}/3"}
    server.faults.undecryptable = {f"{prefix}/20"}
    error = faults_of(many, server)
    assert told(error) == [("s3", "denied"), ("s20", "unreadable")]
    denied, undecryptable = error.faults
    assert f"secretsmanager:GetSecretValue on {prefix}/3" in denied.next_step
    assert f"{prefix}/20" in undecryptable.message
    assert "kms:Decrypt" in undecryptable.next_step
    assert denied.origin == f"store: {prefix}/3"
    report = report_on(many, LoadContext(environ=environ_of(server), environment="staging"))
    fine = [field for field in report.fields if not field.faults]
    assert len(fine) == 23
    assert all(field.shown is not None for field in fine)
    assert "value-of-" not in f"{error}{error.json()}{report}"


def test_throttling_at_the_start_is_outlived(server, many) -> None:
    """Botocore's adaptive retries; the store's own tests prove a full five seconds."""
    server.faults.throttle(calls=2)
    assert load(many, server).s0.get_secret_value() == "value-of-0"
    assert sum(call.error == "ThrottlingException" for call in server.calls) == 2


def test_a_store_that_is_down_at_the_start_is_one_clear_error_in_time(server, many) -> None:
    """Not a hang until the platform's own timeout, and no try for each field."""
    server.faults.down = True
    started = time.monotonic()
    error = faults_of(many, server)
    assert time.monotonic() - started < 15
    assert {kind for _, kind in told(error)} == {"unavailable"}
    assert len(error.faults) == 25
    assert "AWS_ENDPOINT_URL" in error.faults[0].next_step


def test_a_store_that_goes_down_later_costs_a_warning(
    server, one, caplog: pytest.LogCaptureFixture
) -> None:
    """The last known good value is served, and the new one once the store is back."""
    cls, name, password = one

    class Quick(cls):  # type: ignore[misc, valid-type]
        load_options = LoadOptions(live=LoadOptions().live._replace(ttl=0))

    settings = load(Quick, server)
    server.faults.down = True
    assert settings.live("password").get_secret_value() == password
    assert "the last known good value is used" in caplog.text
    assert "cannot be reached" in caplog.text
    server.faults.down = False
    server.store.put(name, json.dumps({"password": "rotated-meanwhile"}))
    assert settings.live("password").get_secret_value() == "rotated-meanwhile"


@pytest.mark.parametrize(
    ("switch", "complaint"),
    [
        ({"expired_credentials": True}, "have expired"),
        ({"clock_skew": timedelta(minutes=10)}, "clock is wrong"),
        ({"clock_skew": timedelta(minutes=-10)}, "clock is wrong"),
    ],
)
def test_wrong_credentials_and_clocks_are_called_by_their_names(
    server, one, switch: dict[str, Any], complaint: str, caplog
) -> None:
    """At the start a fault; later an ERROR in the log, and the value is served on."""

    class Quick(one[0]):  # type: ignore[misc, name-defined]
        load_options = LoadOptions(live=LoadOptions().live._replace(ttl=0))

    settings = load(Quick, server)
    for attribute, setting in switch.items():
        setattr(server.faults, attribute, setting)
    error = faults_of(Quick, server)
    assert told(error) == [("password", "denied")]
    assert complaint in error.faults[0].message
    assert settings.live("password").get_secret_value() == one[2]
    [record] = [item for item in caplog.records if item.name == "glisecrets.live"]
    assert record.levelno == logging.ERROR
    assert complaint in record.getMessage()


def test_an_arn_of_another_region_or_account_is_refused(server, one) -> None:
    """Another region before any call; another account by the guard, or it is not there."""
    _, name, _ = one
    region = service({"x": ARN.format(**HERE | {"region": "us-east-1"}, name=name) + "#password"})
    error = faults_of(region, server)
    assert told(error) == [("x", "unreadable")]
    assert "aws:?region=us-east-1" in error.faults[0].next_step
    foreign = ARN.format(**HERE | {"account": "999999999999"}, name=name)

    class Guarded(service({"x": foreign})):  # type: ignore[misc]
        load_options = LoadOptions(
            accounts={"staging": ("123456789012",), "production": ("999999999999",)}
        )

    assert told(faults_of(Guarded, server)) == [("x", "wrong-environment")]
    assert server.calls == []
    assert told(faults_of(service({"x": foreign}), server)) == [("x", "missing")]


# Values.


class Database(BaseModel):
    username: str
    password: SecretStr
    port: int = 5432


def test_every_kind_of_reference_reads_its_version(server, prefix, value) -> None:
    """Labels, version ids, ARNs with and without suffix, and the ECS form, in one load."""
    name = f"{prefix}/db"
    old, new = ({"username": "gli", "password": value()} for _ in range(2))
    first = server.store.create(name, json.dumps(old)).version_id
    server.store.put(name, json.dumps(new))
    arn = ARN.format(**HERE, name=name)
    full = server.client().describe_secret(SecretId=name)["ARN"]
    cls = service(
        {
            "current": f"{name}#password",
            "previous": f"{name}@AWSPREVIOUS",
            "pinned": f"aws:{name}#password@{first}",
            "by_arn": f"{arn}#password",
            "by_full_arn": f"{full}#password",
            "by_ecs": f"{full}:password:AWSPREVIOUS:",
            "by_ecs_version": f"{full}:password::{first}",
        }
    )
    settings = load(cls, server)
    found = {name: getattr(settings, name).get_secret_value() for name in cls.model_fields}
    assert json.loads(found.pop("previous")) == old
    previous = {name for name, text in found.items() if text == old["password"]}
    assert previous == {"pinned", "by_ecs", "by_ecs_version"}
    assert {found[name] for name in found.keys() - previous} == {new["password"]}


def test_the_largest_values_arrive_whole(server, prefix) -> None:
    """64 KiB of text, of bytes, and of one JSON key."""
    text, data = "가" * 21_845 + "!", secrets.token_bytes(65_536)
    document = json.dumps({"a": "x" * (65_536 - 9)}, separators=(",", ":"))
    for name, content in {"text": text, "data": data, "json": document}.items():
        server.store.create(f"{prefix}/{name}", content)

    class Large(Settings):
        text: SecretStr = secret(f"{prefix}/text")
        data: SecretBytes = secret(f"{prefix}/data")
        key: SecretStr = secret(f"{prefix}/json#a")

    settings = load(Large, server)
    assert settings.text.get_secret_value() == text
    assert settings.data.get_secret_value() == data
    assert settings.key.get_secret_value() == "x" * (65_536 - 9)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"\xff\x00", "holds binary, a JSON object is expected"),
        ("[1]", "holds JSON array"),
        ("not json", "holds no JSON"),
        ('{"user": "gli"}', "no key 'username' (keys: user)"),
    ],
)
def test_what_does_not_fit_the_model_is_told_without_the_value(
    server, prefix, content: str | bytes, complaint: str
) -> None:
    """A SecretBinary, another shape, or another key."""
    server.store.create(f"{prefix}/db", content)
    error = faults_of(service({"database": f"{prefix}/db"}, Database), server)
    assert complaint in error.faults[0].message
    assert all(fault.field.startswith("database") for fault in error.faults)


# As any boto3 program.


def test_it_works_within_motos_mock_aws(monkeypatch: pytest.MonkeyPatch, project, value) -> None:
    """A service's own tests mock AWS as they always did."""
    import boto3
    from moto import mock_aws

    for name, setting in {"AWS_REGION": "ap-northeast-2", "GLISECRETS_STORE": "aws"}.items():
        monkeypatch.setenv(name, setting)
    monkeypatch.chdir(project)
    with mock_aws():
        client = boto3.client("secretsmanager", region_name="ap-northeast-2")
        document = json.dumps({"username": "gli", "password": (password := value())})
        client.create_secret(Name="gli/db/production", SecretString=document)
        client.create_secret(Name="gli/key/production", SecretString="key-of-moto")

        class Service(Settings):
            database: Database = secret("gli/db/{environment}")
            key: SecretStr = secret("gli/key/{environment}")

        settings = Service()
        assert settings.database.password.get_secret_value() == password
        client.put_secret_value(SecretId="gli/key/production", SecretString="key-of-moto-2")
        settings._loaded.live.refresh("key")
        assert settings.live("key").get_secret_value() == "key-of-moto-2"


def test_no_value_reaches_any_log_at_any_level(
    server, one, many, caplog: pytest.LogCaptureFixture
) -> None:
    """boto3, botocore and urllib3 at DEBUG, through a load, a live read and a failure."""
    cls, name, password = one
    with caplog.at_level(logging.DEBUG, logger=""):
        settings = load(cls, server, AWS_SESSION_TOKEN=(token := secrets.token_hex(16)))
        load(many, server)
        server.store.put(name, json.dumps({"password": (rotated := secrets.token_hex(16))}))
        settings._loaded.live.refresh("password")
        server.faults.denied = {name}
        faults_of(cls, server)
    assert settings.live("password").get_secret_value() == rotated
    assert caplog.records
    for text in (password, rotated, token, "value-of-"):
        assert text not in caplog.text


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"])
def test_a_credential_pasted_with_a_line_end_is_told_and_not_shown(server, one, name) -> None:
    """CI systems keep the line break of what was pasted; HTTP libraries quote the header."""
    environ = environ_of(server, **{name: f"{(pasted := secrets.token_hex(16))}\n"})
    with pytest.raises(SettingsError) as caught:
        one[0].load(environment="staging", environ=environ)
    assert "hold a line end" in caught.value.faults[0].message
    assert caught.value.faults[0].kind == "denied"
    error = caught.value
    assert pasted not in f"{error}{error!r}{error.__cause__}{error.__context__}"
