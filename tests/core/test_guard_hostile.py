"""Hosts and places of another environment, in whatever disguise they come."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import (
    PostgresDsn,
    SecretStr,
)

from glisecrets import LoadOptions, Settings, SettingsError, secret
from glisecrets.stores.vault import VaultStore

from .one_field import faults_of, settings_class

if TYPE_CHECKING:
    from collections.abc import Callable


FOREIGN_TEXTS = [
    "postgres://u:{}@db.production:5432/gli",
    "postgres://u:{}@db.staging:5432,db.production:5432/gli",
    "postgres://u:a/{}@db.production/gli",
    "postgres://u:a@{}@db.production/gli",
    "postgres:///gli?user=u&password={}&host=db.production",
    "postgres://u:{}@%2Fcloudsql%2Fgli-production%3Aseoul%3Adb/gli",
    "host=db.production port=5432 user=u password={}",
    "jdbc:postgresql://db.production/gli?password={}",
    "Server=tcp:gli.production.example,1433;Password={}",
    "redis://:{}@redis.PROD/0",
    "rediss://a.staging:6379,rediss://:{}@b.production:6379",
    "redis+sentinel://:{}@s1.staging:26379,s2.production:26379/main/0",
    "amqp://u:{0}@a.staging//;amqp://u:{0}@b.production//",
    "mongodb+srv://u:{}@prod2.mongodb.example/gli",
]


@pytest.mark.parametrize("text", FOREIGN_TEXTS)
def test_a_credential_is_refused_wherever_in_it_the_foreign_host_stands(text, value) -> None:
    """Several hosts, lists of URLs, keyword DSNs, JDBC: each leads somewhere."""
    password = value()
    error = faults_of(settings_class(SecretStr), environ={"FIELD": text.format(password)})
    assert [fault.kind for fault in error.faults] == ["wrong-environment"]
    assert password not in str(error)
    assert "db.production" not in str(error)


@pytest.mark.parametrize("annotation", [str, PostgresDsn])
def test_a_url_with_a_password_is_a_credential_whatever_its_field(annotation, value) -> None:
    """A field that nobody declared secret leads to the database all the same."""
    url = f"postgres://u:{value()}@db.production/gli"
    error = faults_of(settings_class(annotation), environ={"FIELD": url})
    assert error.faults[0].kind == "wrong-environment"
    public = settings_class(str).load(
        environment="staging", environ={"FIELD": "https://api.production.example/"}, store="off"
    )
    assert public.field == "https://api.production.example/"  # type: ignore[attr-defined]


FOREIGN_DOCUMENTS: list[dict[str, Any]] = [
    {"HOST": "db.production"},
    {"hostname": "db.production"},
    {"readerEndpoint": "db.production:5432"},
    {"address": "db.production"},
    {"url": "postgres://u:p@db.production/gli"},
    {"replica": {"host": "db.production"}},
    {"hosts": ["a.staging", "b.production"]},
    {"brokers": [{"host": "db.production"}]},
]


@pytest.mark.parametrize("document", FOREIGN_DOCUMENTS)
@pytest.mark.parametrize("annotation", [SecretStr, dict[str, Any]])
def test_a_json_secret_is_refused_by_whatever_name_it_calls_its_host(
    store, document: dict[str, Any], annotation: Any
) -> None:
    """The RDS console writes `host`; people write `endpoint`, `HOST`, or a list."""
    store.create("gli/db/staging", json.dumps(document))
    cls = settings_class(annotation, secret("gli/db/{environment}"))
    error = faults_of(cls, store=store)
    assert [fault.kind for fault in error.faults] == ["wrong-environment"]


@pytest.mark.parametrize("name", ["host", "db_host"])
def test_a_host_of_its_own_is_refused_declared_secret_or_not(store, name: str) -> None:
    """One key of the JSON secret is one field; and a plain variable may hold the host."""
    store.create("gli/db/staging", '{"host": "db.production"}')
    declared = settings_class(str, secret("gli/db/{environment}#host"), name=name)
    assert faults_of(declared, store=store).faults[0].kind == "wrong-environment"
    plain = settings_class(str, name=name)
    error = faults_of(plain, environ={name.upper(): "db.production"})
    assert error.faults[0].kind == "wrong-environment"


def test_a_host_may_be_allowed_by_name_within_a_list(value: Callable[[], str]) -> None:
    """The rare exception is one host, without its port."""

    class Allowing(Settings):
        load_options = LoadOptions(allow=("licence.production",))
        brokers: SecretStr

    text = f"amqp://u:{value()}@a.staging:5672,licence.production:5672/"
    settings = Allowing.load(environment="staging", environ={"BROKERS": text}, store="off")
    assert settings.brokers.get_secret_value() == text


@pytest.mark.parametrize(
    "environ",
    [
        {"GLISECRETS_STORE": "aws:?profile=gli-pr%6Fduction"},
        {"GLISECRETS_STORE": "aws", "AWS_DEFAULT_PROFILE": "gli-production"},
        {"GLISECRETS_STORE": "aws", "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/gli-prod-api"},
        {"GLISECRETS_STORE": "aws:?endpoint_url=https://prod1.example"},
    ],
)
def test_a_place_of_another_environment_is_refused_however_it_is_written(
    environ: dict[str, str],
) -> None:
    """Escapes, the older variable, a web identity's role, a number after the word."""
    cls = settings_class(SecretStr, secret("gli/x/{environment}"))
    with pytest.raises(SettingsError) as caught:
        cls.load(environment="staging", environ=environ)
    assert [fault.kind for fault in caught.value.faults] == ["wrong-environment"]


def test_a_store_object_of_another_environment_is_refused_too() -> None:
    """A program that opens the store itself may have opened production's."""
    token = {"VAULT_TOKEN": secrets.token_hex(8)}
    store = VaultStore.from_options("http://vault.production.example:8200", {}, environ=token)
    cls = settings_class(SecretStr, secret("vault:secret/gli/{environment}#x"))
    error = faults_of(cls, store=store)
    assert [fault.kind for fault in error.faults] == ["wrong-environment"]
