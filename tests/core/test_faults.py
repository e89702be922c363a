"""Faults: all at once, each with origin and next step, and never a value or a part of one."""

from __future__ import annotations

import base64
import copy
import io
import json
import pickle
import pprint
import traceback
import urllib.parse
from typing import TYPE_CHECKING

import pytest
import rich.console
import rich.traceback
from pydantic import BaseModel, Field, PostgresDsn, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import SettingsConfigDict

from glisecrets import (
    AccessDenied,
    ConfigurationError,
    Settings,
    SettingsError,
    StoreUnavailable,
    Undecryptable,
    process_redactor,
    secret,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Credentials(BaseModel):
    username: str
    password: SecretStr


class Strict(Settings):
    """One field for each way to go wrong."""

    port: int
    debug: bool
    ratio: float
    missing: str
    token: SecretStr
    numbers: list[int]
    flags: dict[str, bool]
    tagged: str
    database: Credentials
    typed_secret: int = secret("gli/typed/{environment}")

    @field_validator("token")
    @classmethod
    def _leaky(cls, value: SecretStr) -> SecretStr:
        raise ValueError(f"refused: {value.get_secret_value()}")

    @field_validator("tagged")
    @classmethod
    def _partly_leaky(cls, value: str) -> str:
        raise ValueError(f"must not start with {value[:5]}")


def forms(text: str) -> Iterator[str]:
    """Give a value in the shapes in which it might slip out, whole and in part."""
    for part in (text, text[:8], text[-8:]):
        yield part
        yield urllib.parse.quote(part, safe="")
        yield base64.b64encode(part.encode()).decode().rstrip("=")
        yield json.dumps(part)[1:-1]


def everything_told(error: BaseException) -> str:
    """Write an error in every way that a program, a page or a report would."""
    console = rich.console.Console(file=io.StringIO(), width=200)
    console.print(
        rich.traceback.Traceback.from_exception(
            type(error), error, error.__traceback__, show_locals=True, locals_max_string=None
        )
    )
    with_locals = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = [frame.f_locals for frame, _ in traceback.walk_tb(error.__traceback__)]
    return "\n".join(
        [
            str(error),
            repr(error),
            "".join(with_locals.format()),
            console.file.getvalue(),  # type: ignore[attr-defined]
            *(pprint.pformat(local) for local in frames),
            repr(error.args),
            repr(error.__cause__),
            repr(error.__context__),
        ]
    )


def environ_of(value: Callable[[], str]) -> dict[str, str]:
    names = ("PORT", "DEBUG", "RATIO", "TOKEN", "NUMBERS", "FLAGS", "TAGGED", "DATABASE")
    return {name: f"p@ss/{value()} 한글+" for name in (*names, "TYPED_SECRET")}


class Opaque(dict[str, str]):
    """Variables whose own repr tells nothing: these tests' own frames are in the tracebacks."""

    def __repr__(self) -> str:
        return "<variables>"


def load_strict(variables: Opaque) -> SettingsError:
    try:
        Strict.load(environment="staging", environ=dict(variables), store="off")
    except SettingsError as error:
        return error
    raise AssertionError("nothing was wrong")


def test_all_faults_come_at_once_in_field_order(value: Callable[[], str]) -> None:
    """One deploy tells all that is wrong, not one fault per deploy."""
    error = load_strict(Opaque(environ_of(value)))
    assert [fault.field for fault in error.faults] == list(Strict.model_fields)
    kinds = {fault.field: fault.kind for fault in error.faults}
    assert kinds["missing"] == "missing"
    assert kinds["port"] == "mistyped"
    assert kinds["token"] == "rule"
    assert kinds["flags"] == "unreadable"
    assert all(fault.next_step and fault.looked_at for fault in error.faults)


def test_no_value_or_part_of_one_ever_appears(value: Callable[[], str]) -> None:
    """Not in str, repr, errors(), json(), tracebacks with locals; nor base64- or URL-encoded."""
    variables = Opaque(environ_of(value))
    error = load_strict(variables)
    told = everything_told(error) + json.dumps(error.errors()) + error.json()
    for text in variables.values():
        for form in forms(text.removeprefix("p@ss/")):
            assert form not in told
    assert "p@ss" not in told


def test_arguments_do_not_appear_either(value: Callable[[], str]) -> None:
    """A value given in code is as secret as one from a store."""
    given = Opaque({"token": value(), "port": value(), "typo": value()})
    try:
        Strict(**given)
    except SettingsError as caught:
        error = caught
    told = everything_told(error)
    assert not any(form in told for text in given.values() for form in forms(text))
    assert {"port", "typo"} <= {fault.field for fault in error.faults}


def test_a_model_given_as_an_argument_is_known_to_the_redactor(value: Callable[[], str]) -> None:
    """A password is masked in later output, however it came in."""

    class Service(Settings):
        database: Credentials = secret("gli/db/{environment}")

    given = Credentials(username="gli", password=SecretStr(text := value()))
    Service.load(environment="staging", environ={}, store="off", database=given)
    assert process_redactor().redact(f"x {text} y") == "x [redacted:database.password] y"


def test_the_error_survives_pickling_and_copying(value: Callable[[], str]) -> None:
    """A worker pool hands errors over; nothing is lost and nothing comes along."""
    variables = Opaque(environ_of(value))
    error = load_strict(variables)
    again = pickle.loads(pickle.dumps(error))
    assert again.faults == error.faults
    assert str(again) == str(copy.copy(error)) == str(error)
    data = pickle.dumps(error)
    assert not any(text.encode() in data for text in variables.values())


def test_our_own_rules_speak_plainly() -> None:
    """A PydanticCustomError of the glisecrets family has a constant message: it is shown."""

    class Ruled(Settings):
        hosts: list[str]

        @field_validator("hosts")
        @classmethod
        def _no_star(cls, value: list[str]) -> list[str]:
            if "*" in value:
                raise PydanticCustomError("glisecrets.hosts", "must not hold '*'")
            return value

    with pytest.raises(SettingsError, match=r"must not hold '\*'") as caught:
        Ruled.load(environment="staging", environ={"HOSTS": "*"})
    assert caught.value.faults[0].kind == "rule"


def test_a_default_that_breaks_a_rule_says_what_to_set() -> None:
    """There is no place to mend: the value has to be given."""

    class Ruled(Settings):
        hosts: list[str] = Field(default_factory=list)

        @field_validator("hosts")
        @classmethod
        def _some(cls, value: list[str]) -> list[str]:
            if not value:
                raise PydanticCustomError("glisecrets.hosts", "must name a host")
            return value

    with pytest.raises(SettingsError, match=r"next: set HOSTS in \.env\.staging or"):
        Ruled.load(environment="staging", environ={})


def test_a_validators_message_without_a_value_is_shown() -> None:
    """What the author wrote helps, as long as it holds no part of the value."""

    class Ruled(Settings):
        first: int
        last: int

        @model_validator(mode="after")
        def _ordered(self) -> Ruled:
            if self.first > self.last:
                raise ValueError("first must not be above last")
            return self

    with pytest.raises(SettingsError, match="first must not be above last") as caught:
        Ruled.load(environment="staging", environ={"FIRST": "20000", "LAST": "10000"})
    assert caught.value.faults[0].field == "(settings)"


def test_a_crashing_validator_is_a_fault_with_its_place(value: Callable[[], str]) -> None:
    """A bug in a validator must not print the values that it was given."""

    class Crashing(Settings):
        token: SecretStr

        @field_validator("token")
        @classmethod
        def _crash(cls, value: SecretStr) -> SecretStr:
            raise KeyError(value.get_secret_value())

    variables = Opaque(TOKEN=value())
    with pytest.raises(SettingsError, match=r"KeyError at test_faults\.py:\d+") as caught:
        Crashing.load(environment="staging", environ=dict(variables))
    told = everything_told(caught.value)
    assert not any(text in told for text in variables.values())


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (AccessDenied("no right to gli/a", store="aws", next_step="allow it"), "denied"),
        (Undecryptable("key is disabled", store="aws", next_step="enable it"), "unreadable"),
        (StoreUnavailable("no answer in 5 s", store="aws", next_step="wait"), "unavailable"),
    ],
)
def test_a_store_that_does_not_give_is_a_fault_of_each_field(store, failure, kind: str) -> None:
    """A stronger layer that fails is never silently replaced by a weaker one."""

    class Two(Settings):
        one: SecretStr = secret("gli/one/{environment}")
        two: SecretStr = secret("gli/two/{environment}", None)

    store.failure = failure
    with pytest.raises(SettingsError) as caught:
        Two.load(environment="staging", environ={"ONE": "from process"}, store=store)
    faults = caught.value.faults
    assert [(fault.field, fault.kind) for fault in faults] == [("one", kind), ("two", kind)]
    assert faults[0].origin == "store: gli/one/staging"
    assert faults[0].next_step == failure.next_step


@pytest.mark.parametrize("text", ["changeme", "<your-key>", "CHANGEME"])
def test_a_placeholder_is_no_secret_outside_development(text: str) -> None:
    """The template's text copied into .env.production must not become the production key."""

    class Keyed(Settings):
        key: SecretStr

    with pytest.raises(SettingsError, match="the value is a placeholder") as caught:
        Keyed.load(environment="staging", environ={"KEY": text})
    assert caught.value.faults[0].kind == "placeholder"
    assert Keyed.load(environment="development", environ={"KEY": text}).key


def test_settings_show_values_but_no_secret(value: Callable[[], str]) -> None:
    """repr, str and rich show what may be seen; a declared secret is masked whatever its type."""

    class Shown(Settings):
        region: str
        token: SecretStr
        number: int = secret("gli/n/{environment}")

    text = value()
    environ = {"REGION": "ap-northeast-2", "TOKEN": text, "NUMBER": "987654321"}
    settings = Shown.load(environment="staging", environ=environ, store="off")
    console = rich.console.Console(file=io.StringIO())
    console.print(settings)
    shown = f"{settings!r} {settings!s} {console.file.getvalue()}"  # type: ignore[attr-defined]
    assert "ap-northeast-2" in shown
    assert text not in shown
    assert "987654321" not in shown


class Fixed(Settings):
    """One field with a default."""

    region: str = "x"


def test_a_url_with_a_password_is_hidden_although_nobody_declared_it(
    value: Callable[[], str],
) -> None:
    """A broker's URL typed `str` is the usual slip; the password must not pay for it."""

    class Undeclared(Settings):
        broker: str
        database: PostgresDsn

    text = value()
    environ = {"BROKER": f"amqp://gli:{text}@mq:5672", "DATABASE": f"postgres://u:{text}@db/gli"}
    settings = Undeclared.load(environment="staging", environ=environ, store="off")
    assert text not in f"{settings!r} {settings}"
    assert text not in process_redactor().redact(f"cannot reach {settings.broker}: {text}")


def test_settings_do_not_change_and_are_not_pickled() -> None:
    """A value cannot be swapped behind its origin; secrets do not travel by accident."""
    settings = Fixed.load(environment="staging", environ={})
    with pytest.raises(Exception, match="frozen"):
        settings.region = "y"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(settings)
    assert copy.deepcopy(settings).origin("region").layer == "defaults"


def test_an_unknown_field_has_no_origin() -> None:
    """A typo in a name is an error, not an empty answer."""
    settings = Fixed.load(environment="staging", environ={})
    for ask in (settings.origin, settings.explain, settings.live):
        with pytest.raises(KeyError):
            ask("regoin")


@pytest.mark.filterwarnings("ignore:Field name:UserWarning")
def test_a_field_cannot_hide_a_method() -> None:
    """`settings.origin("debug")` must not become a call of somebody's text."""
    with pytest.raises(ConfigurationError, match="hides a method of that name"):

        class Hiding(Settings):
            origin: str = ""


def test_options_of_pydantic_settings_that_do_nothing_here_are_refused() -> None:
    """env_file on the class would be ignored silently; it says where its place is instead."""
    with pytest.raises(ConfigurationError, match="env_file"):

        class Old(Settings):
            model_config = SettingsConfigDict(env_file=".env")
