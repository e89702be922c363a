"""A rotated value passes the validation of its field, as the value at the start did."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, Self

import pytest
from pydantic import (
    BaseModel,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic_settings import SettingsConfigDict

from glisecrets import GlisecretsError, Settings, secret

from .test_leaks import told_by_every_reporter
from .test_live import clock  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Callable

    from .test_live import Clock

# The fixture is that of test_live.
# ruff: noqa: F811


class Small(BaseModel):
    size: Literal["small"]


class Large(BaseModel):
    size: Literal["large"]


class Validated(Settings):
    """Has every kind of validation that pydantic knows for one field."""

    model_config = SettingsConfigDict(str_strip_whitespace=True)

    bucket: str = "gli-uploads"
    split: list[str] = secret("gli/api/{environment}#split")
    after: str = secret("gli/api/{environment}#after")
    wrapped: str = secret("gli/api/{environment}#wrapped")
    plain: str = secret("gli/api/{environment}#plain")
    stripped: str = secret("gli/api/{environment}#stripped", max_length=3, frozen=True, alias="X")
    beside: str = secret("gli/api/{environment}#beside")
    either: Small | Large = secret("gli/api/{environment}#either", discriminator="size")
    later: str = "a validator sees the fields before its own"

    @field_validator("split", mode="before")
    @classmethod
    def _split(cls, items: list[str]) -> list[str]:
        return items[0].split("|")

    @field_validator("after")
    @classmethod
    def _upper(cls, text: str, info: ValidationInfo) -> str:
        return f"{info.field_name}:{info.context['environment']}:{text.upper()}"

    @field_validator("wrapped", mode="wrap")
    @classmethod
    def _wrap(cls, text: str, handler: ValidatorFunctionWrapHandler) -> str:
        return f"<{handler(text)}>"

    @field_validator("plain", mode="plain")
    @classmethod
    def _replace(cls, text: str) -> list[str]:
        return [text]

    @field_validator("beside")
    @classmethod
    def _look_beside(cls, text: str, info: ValidationInfo) -> str:
        return f"{info.data['bucket']}/{text}/{sorted(info.data)}"

    @model_validator(mode="wrap")
    @classmethod
    def _around(cls, values: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        return handler(values)

    @model_validator(mode="before")
    @classmethod
    def _before(cls, values: Any) -> Any:
        return values

    @model_validator(mode="after")
    def _together(self) -> Self:
        return self


def document(text: str) -> str:
    """Give a JSON secret that feeds every field of ``Validated``."""
    texts = dict.fromkeys(("after", "wrapped", "plain", "beside"), text)
    odd = {"split": f"{text}|{text}", "stripped": f"  {text} ", "either": {"size": "large"}}
    return json.dumps(texts | odd)


def test_a_rotated_value_is_validated_as_the_first_one(store, clock: Clock) -> None:
    """A live value equals what a restart would load: pydantic at the start is the oracle."""
    store.create("gli/api/staging", document("one"))
    settings = Validated.load(environment="staging", environ={}, store=store)
    for name in Validated.model_fields:
        assert settings.live(name) == getattr(settings, name)
    store.put("gli/api/staging", document("two"))
    clock.now += 361
    restarted = Validated.load(environment="staging", environ={}, store=store)
    for name in Validated.model_fields:
        assert settings.live(name) == getattr(restarted, name), name
    assert settings.live("after") == "after:staging:TWO"
    assert settings.live("stripped") == "two"


class Refusing(Settings):
    """Refuses every value that begins with ``bad``, each field in another way."""

    raising: str = secret("gli/api/{environment}#raising")
    crashing: str = secret("gli/api/{environment}#crashing")
    exiting: str = secret("gli/api/{environment}#exiting")
    lacking: str = secret("gli/api/{environment}#lacking")

    @field_validator("raising")
    @classmethod
    def _raise(cls, text: str) -> str:
        if text.startswith("bad"):
            raise ValueError(text)
        return text

    @field_validator("crashing")
    @classmethod
    def _crash(cls, text: str) -> str:
        return {True: ""}[text] if text.startswith("bad") else text

    @field_validator("exiting")
    @classmethod
    def _exit(cls, text: str) -> str:
        if not text.startswith("bad"):
            return text
        del text  # from its own frame
        raise SystemExit(2)


class Rotated:
    """Settings whose secret has rotated to what they refuse. Plain, so that no repr shows it."""

    def __init__(self, settings: Refusing, bad: dict[str, str]) -> None:
        self.settings = settings
        self.live = settings._loaded.live
        self.hidden = [*bad.values(), *(getattr(settings, name) for name in bad)]


@pytest.fixture
def rotated(store, clock: Clock, value: Callable[[], str]) -> Rotated:
    good, bad = ({n: mark + value() for n in Refusing.model_fields} for mark in ("good", "bad"))
    store.create("gli/api/staging", json.dumps(good))
    settings = Refusing.load(environment="staging", environ={}, store=store)
    del bad["lacking"]
    store.put("gli/api/staging", json.dumps(bad))
    clock.now += 361
    return Rotated(settings, bad)


@pytest.mark.parametrize("name", ["raising", "crashing", "lacking"])
def test_a_refused_rotation_keeps_the_good_value(rotated: Rotated, name: str, caplog) -> None:
    """Whatever a validator raises: the log tells of it, and shows nothing of the new value."""
    assert rotated.settings.live(name) == getattr(rotated.settings, name)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert not any(text in caplog.text for text in rotated.hidden)


@pytest.mark.parametrize("name", Refusing.model_fields)
def test_no_part_of_a_refusal_shows_a_value(rotated: Rotated, name: str) -> None:
    """Not the message, a cause, nor the locals of our frames; not another field's value either."""
    with pytest.raises((GlisecretsError, SystemExit)) as caught:
        rotated.live.refresh(name)
    told = told_by_every_reporter(caught.value)
    assert not any(text in told for text in rotated.hidden)
