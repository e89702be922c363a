"""What leaks: values must not, by whatever way a program tells of a failed load."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote

import pytest
import sentry_sdk.serializer
import sentry_sdk.utils
import structlog
from pydantic import (
    AliasChoices,
    BaseModel,
    Field,
    Json,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from glisecrets import Settings, SettingsError, secret

from .one_field import faults_of, settings_class
from .test_faults import everything_told, forms


class Given:
    """What a load is given. An object, since reporters open mappings in a frame's locals."""

    def __init__(self, environ: dict[str, str], arguments: dict[str, Any]) -> None:
        self.environ = environ
        self.arguments = arguments


def told_by_every_reporter(error: BaseException) -> str:
    """Write an error as tracebacks with locals, Sentry and structlog do."""
    exc_info = (type(error), error, error.__traceback__)
    frames = structlog.tracebacks.ExceptionDictTransformer(locals_max_string=10**6)(exc_info)
    event, _ = sentry_sdk.utils.event_from_exception(exc_info)
    sent = sentry_sdk.serializer.serialize(event)
    return "\n".join([everything_told(error), repr(frames), json.dumps(sent)])


def told_of_failing(cls: type[Settings], given: Given) -> str:
    """Load what must not load; give everything that is told of it."""
    try:
        cls.load(environment="staging", environ=given.environ, store="off", **given.arguments)
    except (SettingsError, SystemExit) as error:
        return told_by_every_reporter(error)
    pytest.fail("nothing was wrong")


class AfterValidator(Settings):
    token: SecretStr
    plain: str

    @model_validator(mode="after")
    def _refuse(self) -> Self:
        raise ValueError("refused")


class PostInit(Settings):
    token: SecretStr
    plain: str

    def model_post_init(self, context: object) -> None:
        raise KeyError(self.plain)


class Exiting(Settings):
    plain: str
    token: SecretStr

    @field_validator("token", mode="after")
    @classmethod
    def _exit(cls, token: SecretStr) -> SecretStr:
        raise SystemExit(2)


class Encoding(Settings):
    token: SecretStr
    plain: str

    @field_validator("plain")
    @classmethod
    def _tell(cls, plain: str) -> str:
        data = plain[2:-2].encode()
        raise ValueError(f"{base64.b64encode(data)!r} {quote(plain)} {plain[:4]} {plain!a}")


class Disguised(Settings):
    token: SecretStr
    plain: str

    @field_validator("token", "plain")
    @classmethod
    def _tell(cls, value: Any) -> Any:
        shown = value if isinstance(value, str) else value.get_secret_value()
        raise PydanticCustomError("string_type", "not {shown}", {"shown": shown})


class Aliased(Settings):
    token: SecretStr = Field(validation_alias="TOKEN")
    plain: int = Field(validation_alias=AliasChoices("OTHER", "PLAIN"))

    @field_validator("token")
    @classmethod
    def _tell(cls, token: SecretStr) -> SecretStr:
        raise ValueError(token.get_secret_value()[::-1])


class WholeModel(Settings):
    token: SecretStr
    plain: str

    @model_validator(mode="before")
    @classmethod
    def _tell(cls, values: Any) -> Any:
        raise ValueError(f"refused: {values}")


@pytest.mark.parametrize(
    "cls", [AfterValidator, PostInit, Exiting, Encoding, Disguised, Aliased, WholeModel]
)
def test_no_validator_can_make_an_error_show_a_value(cls: type[Settings], value) -> None:
    """Not the author's message, not a bug in a hook, not the locals of our own frames."""
    variables = {"TOKEN": value(), "PLAIN": f"한글 '{value()}%\n"}
    arguments = {name.lower(): text for name, text in variables.items()}
    told = told_of_failing(cls, Given(variables, {})) + told_of_failing(cls, Given({}, arguments))
    for text in variables.values():
        for form in {*forms(text), text[::-1], quote(text), ascii(text)[1:-1]}:
            assert form not in told


class Inner(BaseModel):
    host: str
    password: SecretStr


class A(BaseModel):
    kind: Literal["a"]


class B(BaseModel):
    kind: Literal["b"]


class Colour(Enum):
    RED = "red"


class Nesting(Settings):
    by_name: dict[str, Inner] | None = None
    replicas: list[Inner] | None = None
    both: Json[list[int]] | None = None
    tagged: Annotated[A | B, Field(discriminator="kind")] | None = None


def test_a_part_that_is_missing_deep_in_a_json_is_named_without_the_way_to_it(value) -> None:
    """The keys of a mapping are a part of the value; the model's own are not."""
    variables = {
        "BY_NAME": json.dumps({(name := value()): {"host": "x"}}),
        "REPLICAS": '[{"password": "x"}]',
    }
    error = faults_of(Nesting, environ=variables)
    assert [(fault.field, fault.kind) for fault in error.faults] == [
        ("by_name", "missing"),
        ("replicas", "missing"),
    ]
    assert "no key 'password' (keys: host)" in error.faults[0].message
    assert "no key 'host' (keys: password)" in error.faults[1].message
    assert name not in str(error)


def test_a_wrong_tag_is_not_repeated(value) -> None:
    """Pydantic quotes the tag that fits no member of a union."""
    error = faults_of(Nesting, environ={"TAGGED": json.dumps({"kind": (tag := value())})})
    assert tag not in str(error)
    assert error.faults[0].field == "tagged"


@pytest.mark.parametrize("depth", [100, 600, 950, 5000])
def test_a_json_that_is_nested_deeply_is_a_fault_at_most(depth: int, value) -> None:
    """No stack overflows with the document in its frames."""
    text = '{"a":' * depth + json.dumps(value()) + "}" * depth
    for annotation in (dict[str, Any], SecretStr):
        cls = settings_class(annotation, secret("gli/x/{environment}"))
        try:
            cls.load(environment="staging", environ={"FIELD": text}, store="off")
        except SettingsError as error:
            assert error.faults[0].kind == "unreadable"  # noqa: PT017 - either end is right


def test_pydantics_own_messages_stay_readable() -> None:
    """What tells nothing of the value is not hidden with the rest."""

    class Plain(Settings):
        number: int
        small: Annotated[int, Field(lt=5)]
        word: Literal["one", "two"]
        short: Annotated[list[int], Field(max_length=1)]
        when: datetime
        colour: Colour

    variables = {name.upper(): "99" for name in Plain.model_fields} | {
        "NUMBER": "x",
        "SHORT": "1,2",
        "WHEN": "tomorrow",
    }
    error = faults_of(Plain, environ=variables)
    assert len(error.faults) == 6
    assert "refused" not in str(error)
