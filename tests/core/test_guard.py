"""The environment guard: another environment's things are refused before any call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from glisecrets import ConfigurationError, Environment, LoadOptions, Settings, SettingsError, secret
from glisecrets.environment import current_environment, environments_named_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ARN = "arn:aws:secretsmanager:ap-northeast-2:917891822317:secret:gli/shared-u1ubhz"


def fault_kinds(caught: pytest.ExceptionInfo[SettingsError]) -> dict[str, str]:
    return {fault.field: fault.kind for fault in caught.value.faults}


def test_an_unset_environment_is_production() -> None:
    """A forgotten DJANGO_ENV never loosens a rule."""
    assert current_environment({}) is Environment.PRODUCTION
    assert current_environment({"DJANGO_ENV": " "}) is Environment.PRODUCTION
    assert current_environment({"DJANGO_ENV": "stg"}) is Environment.STAGING


def test_an_unknown_environment_is_an_error_that_names_the_known_ones() -> None:
    """A typo must not fall back to anything."""
    with pytest.raises(ConfigurationError, match="development, staging, production"):
        current_environment({"DJANGO_ENV": "prodution"})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gli/db/production", {"production"}),
        ("gli-db-prod.cp4ems4wqez2.ap-northeast-2.rds.amazonaws.com", {"production"}),
        ("stg-api.glibiz.com", {"staging"}),
        ("gli/product/devices", set()),
        ("STAGING_DB", {"staging"}),
        ("dev/prod", {"development", "production"}),
    ],
)
def test_names_speak_of_environments_by_whole_words(name: str, expected: set[str]) -> None:
    """`product` is not production; case and punctuation do not matter."""
    assert environments_named_in(name) == expected


def test_a_foreign_reference_is_refused_before_any_call(store) -> None:
    """One typo must not hand production's password to staging."""

    class Typo(Settings):
        password: SecretStr = secret("gli/db/production#password")

    with pytest.raises(SettingsError) as caught:
        Typo.load(environment="staging", environ={}, store=store)
    assert fault_kinds(caught) == {"password": "wrong-environment"}
    assert "load_options.allow" in str(caught.value)
    assert store.asked == []


def test_the_allow_list_is_for_the_rare_exception(store, value: Callable[[], str]) -> None:
    """A name on the list passes, by name and not by pattern."""
    store.create("gli/licence/production", expected := value())

    class Shared(Settings):
        load_options = LoadOptions(allow=("gli/licence/production",))
        licence: SecretStr = secret("gli/licence/production")

    settings = Shared.load(environment="staging", environ={}, store=store)
    assert settings.licence.get_secret_value() == expected


def test_an_account_of_another_environment_is_refused(store) -> None:
    """An ARN says whose account it is."""

    class Accounts(Settings):
        load_options = LoadOptions(
            accounts={"production": ("917891822317",), "staging": ("111111111111",)}
        )
        shared: SecretStr = secret(ARN)

    with pytest.raises(SettingsError, match="account 917891822317 belongs to production"):
        Accounts.load(environment="staging", environ={}, store=store)
    assert store.asked == []


@pytest.mark.parametrize(
    "environ",
    [
        {"GLISECRETS_STORE": "aws", "AWS_PROFILE": "gli-production"},
        {"GLISECRETS_STORE": "aws:?profile=gli-production"},
        {"GLISECRETS_STORE": "vault", "VAULT_ADDR": "https://vault.prod.gli.example"},
        {"GLISECRETS_STORE": "vault", "VAULT_NAMESPACE": "gli/production"},
    ],
)
def test_a_store_of_another_environment_is_refused(environ: dict[str, str], project: Path) -> None:
    """A profile, an address or a namespace leads to the wrong secrets as surely as a name."""

    class Any(Settings):
        password: SecretStr = secret("gli/db/{environment}#password")

    with pytest.raises(SettingsError) as caught:
        Any.load(environment="staging", environ=environ, directory=project)
    assert fault_kinds(caught) == {"password": "wrong-environment"}


def test_a_refused_address_shows_no_password(project: Path, value: Callable[[], str]) -> None:
    """Somebody put a user and password into the store's address: the refusal must not tell them."""

    class Any(Settings):
        password: SecretStr = secret("gli/db/{environment}#password")

    text = value()
    address = f"https://user:{text}@vault.prod.gli.example"
    for environ in (
        {"GLISECRETS_STORE": "vault", "VAULT_ADDR": address},
        {"GLISECRETS_STORE": f"vault:{address}"},
        {"GLISECRETS_STORE": "aws", "AWS_ENDPOINT_URL": address},
    ):
        with pytest.raises(SettingsError) as caught:
            Any.load(environment="staging", environ=environ, directory=project)
        assert fault_kinds(caught) == {"password": "wrong-environment"}
        assert text not in str(caught.value) + caught.value.json()


@pytest.mark.parametrize("name", ["db_host", "db_hostname", "search_endpoint", "redis_server"])
def test_a_field_that_leads_somewhere_is_guarded_by_its_name(store, name: str) -> None:
    """Also without a secret in it."""
    annotations = {"__annotations__": {name: str}, "__module__": __name__}
    cls = type("Leading", (Settings,), annotations)
    with pytest.raises(SettingsError) as caught:
        cls.load(environment="staging", environ={name: "db.production.gli"}, store=store)
    assert fault_kinds(caught) == {name: "wrong-environment"}


def test_a_credential_that_leads_to_another_environments_host_is_refused(
    store, value: Callable[[], str]
) -> None:
    """Staging's secret may hold production's address: a copied value is the usual way."""
    host = "gli-db-production.cp4ems4wqez2.ap-northeast-2.rds.amazonaws.com"
    store.create("gli/db/staging", json.dumps({"host": host, "password": value()}))

    class Copied(Settings):
        database: dict[str, str] = secret("gli/db/{environment}")
        database_url: SecretStr
        injected: SecretStr
        redis_host: str

    environ = {
        "DATABASE_URL": f"postgresql://gli:{value()}@{host}:5432/gli",
        "INJECTED": json.dumps({"host": host, "password": value()}),
        "REDIS_HOST": "gli-prod-redis.xxxxx.ng.0001.apn2.cache.amazonaws.com",
    }
    with pytest.raises(SettingsError) as caught:
        Copied.load(environment="staging", environ=environ, store=store)
    kinds = fault_kinds(caught)
    assert kinds == dict.fromkeys(Copied.model_fields, "wrong-environment")
    assert host not in str(caught.value)


def test_a_list_of_public_hosts_may_name_other_environments(store) -> None:
    """ALLOWED_HOSTS of the guide holds api and stg-api side by side: no credential leads there."""

    class Hosts(Settings):
        allowed_hosts: list[str]

    environ = {"ALLOWED_HOSTS": "api.glibiz.com,stg-api.glibiz.com"}
    settings = Hosts.load(environment="production", environ=environ, store=store)
    assert settings.allowed_hosts == ["api.glibiz.com", "stg-api.glibiz.com"]
