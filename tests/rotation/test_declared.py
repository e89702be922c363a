"""From a settings class to the secrets that are rotated."""

from __future__ import annotations

from typing import Any

import pytest

from glisecrets import Settings, secret
from glisecrets.environment import Environment
from glisecrets.errors import ConfigurationError
from glisecrets.rotation.policy.declared import declared_secrets, secrets_read, with_those_read


def declared(fields: dict[str, Any]) -> Any:
    """Declare fields, and give what is read of them in staging."""
    body = {"__annotations__": dict.fromkeys(fields, str), **fields}
    return declared_secrets(type("Api", (Settings,), body), Environment.STAGING)


def test_a_declaration_becomes_the_tags_that_the_lambda_reads() -> None:
    """Kind, period and options stand in the settings class once, for every environment."""
    admin = {"admin": "gli/db-admin/{environment}"}
    password = secret(
        "gli/db/{environment}#password",
        kind="postgresql-alternating",
        rotate_every="90d",
        rotation=admin,
    )
    [found] = declared({"password": password})
    assert found.secret == "gli/db/staging"
    assert found.tags == {
        "glisecrets:rotator": "postgresql-alternating",
        "glisecrets:rotate-every": "90d",
        "glisecrets:admin": "gli/db-admin/staging",
    }


def test_the_fields_of_one_secret_are_one_rotation() -> None:
    """User and password live in one secret; it is enough that one field says how it rotates."""
    user, password = "gli/db/{environment}#username", "gli/db/{environment}#password"
    [found] = declared({"user": secret(user), "password": secret(password, kind="postgresql")})
    assert (found.fields, found.kind) == (("user", "password"), "postgresql")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"kind": "postgresql"}, {"kind": "generated"}),
        ({"rotate_every": "90d"}, {"rotate_every": "30d"}),
        ({"rotation": {"overlap": "7d"}}, {"rotation": {"overlap": "1d"}}),
    ],
)
def test_fields_that_contradict_each_other_are_refused(one: Any, other: Any) -> None:
    """Which of two periods counts is nothing to guess; the message names both fields."""
    name = "gli/db/{environment}"
    with pytest.raises(ConfigurationError, match="first and second declare different values"):
        declared({"first": secret(name, **one), "second": secret(f"{name}#x", **other)})


def test_periods_of_one_length_do_not_contradict() -> None:
    """A quarter of a day is six hours, however it is written."""
    name = "gli/db/{environment}"
    fields = {
        "first": secret(name, rotate_every="1d"),
        "second": secret(f"{name}#x", rotate_every="24h"),
        "third": secret("gli/x/{environment}", rotate_every="36h"),
        "fourth": secret("gli/y/{environment}", rotate_every="90s"),
    }
    assert [each.options["rotate-every"] for each in declared(fields)] == ["1d", "36h", "90s"]


def test_a_secret_without_a_kind_is_not_guessed_at() -> None:
    """Nothing is rotated because its name looks like a database's."""
    [found] = declared({"database": secret("gli/db/{environment}")})
    assert found.kind is None
    assert found.tags == {}


def test_an_option_must_be_text() -> None:
    """It becomes a tag; a number is a slip that shows at import."""
    with pytest.raises(ConfigurationError, match="'length' is no text"):
        secret("gli/x", kind="generated", rotation={"length": 40})  # type: ignore[dict-item]


def test_administrators_are_rotated_too_though_no_setting_reads_them() -> None:
    """In an emergency the strongest credential of all must not be left out."""
    rotation = {"admin": "gli/db-admin/{environment}#password"}
    found = declared({"database": secret("gli/db/{environment}", rotation=rotation)})
    assert with_those_read(found) == ["gli/db/staging", "gli/db-admin/staging"]


def test_what_cannot_be_a_name_is_no_secret_that_is_read() -> None:
    """Options hold URLs and patterns too."""
    options = {"probe-url": "https://api.gli.example/me", "admin": "gli/admin#x", "length": "40"}
    assert secrets_read(options) == {"gli/admin", "40"}
