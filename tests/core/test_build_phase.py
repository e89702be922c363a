"""The build phase: images are built without secrets, and placeholders never serve a request."""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated
from uuid import UUID

import pytest
from pydantic import (
    AnyHttpUrl,
    BaseModel,
    Field,
    SecretBytes,
    SecretStr,
    TypeAdapter,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import NoDecode

from glisecrets import PemKey, SecretPemKey, Settings, SettingsError, secret
from glisecrets.placeholders import BUILD_MARK, is_placeholder

BUILD = {"GLISECRETS_BUILD": "1"}


class Level(StrEnum):
    INFO = "info"


class Credentials(BaseModel):
    username: str
    password: SecretStr
    port: int = 5432


class Everything(Settings):
    secret_key: SecretStr = secret("gli/django/{environment}#secret_key")
    database: Credentials = secret("gli/db/{environment}")
    maybe: Credentials | None = secret("gli/maybe/{environment}")
    token: SecretBytes
    private: SecretPemKey
    public: PemKey
    hosts: list[str]
    flags: dict[str, bool]
    port: int
    workers: Annotated[int, Field(ge=1)]
    ratio: float
    debug: bool
    site: AnyHttpUrl
    address: IPv4Address
    day: date
    pause: timedelta
    ident: UUID
    folder: Path
    level: Level
    name: str = "default"


def test_every_usual_type_gets_a_placeholder_of_its_type() -> None:
    """`collectstatic` imports the whole settings module: each field must be there."""
    settings = Everything.load(environment="production", environ=BUILD)
    for name, info in Everything.model_fields.items():
        TypeAdapter(info.rebuild_annotation()).validate_python(getattr(settings, name))
    assert BUILD_MARK in settings.secret_key.get_secret_value()
    assert BUILD_MARK in settings.database.password.get_secret_value()
    assert settings.origin("database").layer == "build"
    assert settings.build_phase


def test_real_values_still_count_in_the_build_phase() -> None:
    """What the build gives, it gets: only missing fields are stood in for."""
    environ = {**BUILD, "PORT": "9000"}
    settings = Everything.load(environment="production", environ=environ)
    assert settings.port == 9000
    assert settings.name == "default"
    with pytest.raises(SettingsError, match="valid integer"):
        Everything.load(environment="production", environ={**BUILD, "PORT": "x"})


class Split(Settings):
    """A given value that only its own validator can read, beside a placeholder that is refused."""

    licence: str
    prefix: str = "gli"
    hosts: Annotated[list[str], NoDecode]

    @field_validator("licence")
    @classmethod
    def _check(cls, text: str) -> str:
        return {"GLI-7": text}[text]

    @field_validator("hosts", mode="before")
    @classmethod
    def _split(cls, text: str, info: ValidationInfo) -> list[str]:
        return [f"{info.data['prefix']}-{item}-{len(info.data)}" for item in text.split("|")]


def test_a_given_value_passes_its_own_validators_in_the_build_phase() -> None:
    """A placeholder that is forgiven changes nothing for the fields that have a value."""
    environ = {**BUILD, "HOSTS": "api|admin"}
    built = Split.load(environment="production", environ=environ)
    assert built.hosts == ["gli-api-2", "gli-admin-2"]
    assert BUILD_MARK in built.licence
    assert built.model_fields_set == {"hosts", "licence"}


def test_no_store_is_asked_in_the_build_phase(store) -> None:
    """A build has neither credentials nor network."""
    store.create("gli/django/production", '{"secret_key": "never read"}')
    environ = {**BUILD, "GLISECRETS_STORE": f"local:{store.location}"}
    settings = Everything.load(environment="production", environ=environ)
    assert settings.origin("secret_key").layer == "build"


@pytest.mark.parametrize("environment", ["staging", "production", "development"])
def test_a_build_placeholder_is_refused_at_run_time(environment: str) -> None:
    """One that was baked into an image or written into a store must not become a key."""
    built = Everything.load(environment="production", environ=BUILD)

    class Service(Settings):
        secret_key: SecretStr
        site: str
        flags: dict[str, str]

    environ = {
        "SECRET_KEY": built.secret_key.get_secret_value(),
        "SITE": str(built.site),
        "FLAGS": f'{{"x": "{BUILD_MARK}"}}',
    }
    with pytest.raises(SettingsError) as caught:
        Service.load(environment=environment, environ=environ)
    assert {fault.field for fault in caught.value.faults} >= {"secret_key", "site"}
    assert {fault.kind for fault in caught.value.faults} == {"placeholder"}
    assert "unset GLISECRETS_BUILD" in str(caught.value)


@pytest.mark.parametrize("text", [None, "", "  ", "<secret>", "<your key>", "changeme", "ChangeMe"])
def test_placeholders_are_few_and_known(text: str | None) -> None:
    """Absent, blank, `<…>` and changeme."""
    assert is_placeholder(text)


@pytest.mark.parametrize("text", ["changeme1", "<a> and <b>", "your-key-here", "xxx", "0"])
def test_nothing_else_is_a_placeholder(text: str) -> None:
    """A value taken for a placeholder by mistake would vanish."""
    assert not is_placeholder(text)
