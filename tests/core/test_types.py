"""Types: text from any layer becomes what the field declares, or a fault that says why not."""

from __future__ import annotations

import base64
import json
import textwrap
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AnyHttpUrl, BaseModel, BeforeValidator, SecretBytes, SecretStr
from pydantic_settings import NoDecode

from glisecrets import PemKey, SecretPemKey, Settings, SettingsError, secret
from glisecrets.pem import normalise_pem

if TYPE_CHECKING:
    from collections.abc import Callable


class Level(StrEnum):
    INFO = "info"
    DEBUG = "debug"


class Nested(BaseModel):
    size: int
    name: str = "n"


def one(annotation: Any, text: str, default: Any = ...) -> Any:
    """Load a single field of a type from a variable."""
    namespace: dict[str, Any] = {"__annotations__": {"field": annotation}, "__module__": __name__}
    if default is not ...:
        namespace["field"] = default
    settings = type("One", (Settings,), namespace).load(
        environment="staging", environ={"FIELD": text, "GLISECRETS_STORE": "off"}
    )
    return settings.field


@pytest.mark.parametrize(
    ("annotation", "text", "expected"),
    [
        (int, "8000", 8000),
        (bool, "False", False),
        (bool, "on", True),
        (float, "1e5", 1e5),
        (str, "1e5", "1e5"),
        (str, "", ""),
        (list[str], "a, b,,c", ["a", "b", "c"]),
        (list[str], '["a", "b,c"]', ["a", "b,c"]),
        (list[int], "1,2", [1, 2]),
        (tuple[int, ...], "1,2", (1, 2)),
        (set[str], "a,b,a", {"a", "b"}),
        (frozenset[str] | None, "a", frozenset({"a"})),
        (dict[str, bool], '{"x": true}', {"x": True}),
        (Nested, '{"size": 3}', Nested(size=3)),
        (Nested | None, '{"size": 3}', Nested(size=3)),
        (Level, "debug", Level.DEBUG),
        (Literal["a", "b"], "b", "b"),
        (AnyHttpUrl, "https://glibiz.com", AnyHttpUrl("https://glibiz.com")),
        (timedelta, "P1D", timedelta(days=1)),
        (bytes, "abc", b"abc"),
        (SecretStr, "abcdef", SecretStr("abcdef")),
        (SecretBytes, "abcdef", SecretBytes(b"abcdef")),
        (
            Annotated[list[str], NoDecode, BeforeValidator(lambda v: v.split(";"))],
            "a;b",
            ["a", "b"],
        ),
    ],
)
def test_text_becomes_the_declared_type(annotation: Any, text: str, expected: Any) -> None:
    """Everything pydantic reads, and lists as JSON or between commas."""
    assert one(annotation, text) == expected


@pytest.mark.parametrize("annotation", [int, bool, list[str], dict[str, int], Level, SecretStr])
@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_text_counts_as_missing_but_for_a_string(annotation: Any, text: str) -> None:
    """`PORT=` in a file means "not set", and an empty secret is none."""
    assert one(annotation | None, text, None) is None
    with pytest.raises(SettingsError, match="no layer has a value"):
        one(annotation, text)


@pytest.mark.parametrize(
    ("annotation", "text", "complaint"),
    [
        (dict[str, int], "a=1", "no JSON, a JSON object is expected"),
        (Nested, "[1]", "JSON array, a JSON object is expected"),
        (Nested, '"x"', "JSON string, a JSON object is expected"),
        (Nested, "null", "JSON null, a JSON object is expected"),
        (list[str], "[oops", "starts like a JSON array"),
        (int, "12x", "valid integer"),
        (bool, "perhaps", "valid boolean"),
    ],
)
def test_a_mistyped_text_is_a_fault_that_names_the_variable(
    annotation: Any, text: str, complaint: str
) -> None:
    """The fault says what is expected and where to mend it, and not what was there."""
    with pytest.raises(SettingsError, match=complaint) as caught:
        one(annotation, text)
    (fault,) = caught.value.faults
    assert fault.field == "field"
    assert "variable FIELD" in fault.origin
    assert text == "null" or text not in str(caught.value)


private = ec.generate_private_key(ec.SECP384R1())
RAW = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PUBLIC = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
FORMS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "without its last line break": str.rstrip,
    "CRLF": lambda pem: pem.replace("\n", "\r\n"),
    "escaped": lambda pem: pem.replace("\n", "\\n"),
    "escaped CRLF": lambda pem: pem.replace("\n", "\\r\\n"),
    "base64": lambda pem: base64.b64encode(pem.encode()).decode(),
    "wrapped base64": lambda pem: textwrap.fill(base64.b64encode(pem.encode()).decode(), 76),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_pem_key_is_read_in_every_form_it_travels_in(form: str) -> None:
    """GitHub Secrets, .env and JSON each want another form of the same key."""
    assert one(SecretPemKey, FORMS[form](RAW)).get_secret_value() == RAW
    assert one(PemKey, FORMS[form](PUBLIC)) == PUBLIC


@pytest.mark.parametrize(
    "text", ["not a key", RAW[:60], base64.b64encode(b"x" * 40).decode(), RAW.replace("\n", " ")]
)
def test_a_broken_pem_key_is_a_fault(text: str) -> None:
    """A key that lost its line breaks fails at start, not at the first login."""
    with pytest.raises(SettingsError, match="PEM block") as caught:
        one(SecretPemKey, text)
    assert text[:30] not in str(caught.value)


@given(st.sampled_from(sorted(FORMS)), st.sampled_from(sorted(FORMS)))
def test_normalising_a_pem_twice_changes_nothing(first: str, second: str) -> None:
    """The raw form is the fixed point, whichever way the key came."""
    once = normalise_pem(FORMS[first](RAW))
    assert normalise_pem(FORMS[second](once)) == once == RAW


class Credentials(BaseModel):
    username: str
    password: SecretStr
    port: int = 5432


class FromStore(Settings):
    database: Credentials | None = secret("gli/db/{environment}", None)
    password: SecretStr | None = secret("gli/db/{environment}#password", None)
    port: str | None = secret("gli/db/{environment}#port", None)
    replica: SecretStr | None = secret("gli/db/{environment}#replica.password", None)
    hosts: list[str] | None = secret("gli/db/{environment}#hosts", None)
    blob: SecretBytes | None = secret("gli/blob/{environment}", None)


def load(store: Any) -> FromStore:
    return FromStore.load(environment="staging", environ={}, store=store)


def test_a_json_secret_feeds_fields_and_whole_models(store, value: Callable[[], str]) -> None:
    """One secret as RDS writes it: a key here, a nested key there, the whole as a model."""
    secrets = [value(), value()]
    document = {
        "username": "glidbadmin",
        "password": secrets[0],
        "port": 5433,
        "replica": {"password": secrets[1]},
        "hosts": ["a", "b"],
        "engine": "postgres",
    }
    store.create("gli/db/staging", json.dumps(document))
    store.create("gli/blob/staging", b"\x00\xff")
    settings = load(store)
    assert settings.database is not None
    assert settings.database.password.get_secret_value() == secrets[0]
    assert (settings.database.port, settings.port) == (5433, "5433")
    assert settings.replica is not None
    assert settings.replica.get_secret_value() == secrets[1]
    assert settings.hosts == ["a", "b"]
    assert settings.blob is not None
    assert settings.blob.get_secret_value() == b"\x00\xff"
    assert [len(call) for call in store.asked] == [2]


def test_a_missing_json_key_is_told_with_the_keys_that_exist(store, value) -> None:
    """A renamed key is found at a glance."""

    class Needs(Settings):
        password: SecretStr = secret("gli/db/{environment}#pasword")
        database: Credentials = secret("gli/db/{environment}")

    store.create("gli/db/staging", json.dumps({"password": (text := value()), "port": 1}))
    with pytest.raises(SettingsError) as caught:
        Needs.load(environment="staging", environ={}, store=store)
    told = str(caught.value)
    assert "no key 'pasword' (keys: password, port)" in told
    assert "no key 'username' (keys: password, port)" in told
    assert text not in told


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"\xff\x00\x01", "holds binary, a JSON object is expected"),
        ("plain text", "holds no JSON, a JSON object is expected"),
        ("[1, 2]", "holds JSON array, a JSON object is expected"),
    ],
)
def test_a_secret_that_is_no_json_object_is_a_fault(store, content: Any, complaint: str) -> None:
    """Binary, text or an array where a key is asked for."""
    store.create("gli/db/staging", content)
    with pytest.raises(SettingsError, match=complaint) as caught:
        load(store)
    assert {fault.kind for fault in caught.value.faults} == {"unreadable"}
    assert "plain text" not in str(caught.value)


def test_binary_where_text_is_expected_is_a_fault(store) -> None:
    """A SecretBinary in a text field says how to mend it."""

    class Text(Settings):
        token: SecretStr = secret("gli/blob/{environment}")

    store.create("gli/blob/staging", b"\xff\x00")
    with pytest.raises(SettingsError, match="holds binary, text is expected"):
        Text.load(environment="staging", environ={}, store=store)


def test_values_of_64_kib_and_a_thousand_secrets_load(store) -> None:
    """The largest secret and many of them; one call to the store."""
    names = [f"s{number}" for number in range(1000)]
    for name in names[:5]:
        store.create(f"gli/{name}/staging", "x" * 65_536)
    namespace: dict[str, Any] = {"__annotations__": {}, "__module__": __name__}
    for name in names:
        namespace["__annotations__"][name] = SecretStr | None
        namespace[name] = secret(f"gli/{name}/{{environment}}", None)
    many = type("Many", (Settings,), namespace)
    settings = many.load(environment="staging", environ={}, store=store)
    assert len(settings.s4.get_secret_value()) == 65_536
    assert settings.s999 is None
    assert [len(call) for call in store.asked] == [1000]
