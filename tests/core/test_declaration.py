"""`secret(…)`: one declaration that loader, rotation plan, manifests and audit read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from glisecrets import (
    ConfigurationError,
    DataClass,
    Environment,
    InvalidReference,
    Settings,
    secret,
)
from glisecrets.declaration import declaration_of


def test_a_declaration_is_kept_on_the_class() -> None:
    """What was declared can be read back without loading anything."""

    class Declared(Settings):
        key: SecretStr = secret(
            "gli/sendgrid/{environment}#api_key",
            rotate_every="180d",
            data_class="highly-confidential",
            kind="sendgrid",
            description="SendGrid",
        )

    declaration = declaration_of(Declared.model_fields["key"])
    assert declaration is not None
    assert str(declaration.reference(Environment.STAGING)) == "gli/sendgrid/staging#api_key"
    assert declaration.rotate_every == timedelta(days=180)
    assert declaration.data_class is DataClass.HIGHLY_CONFIDENTIAL
    assert declaration.kind == "sendgrid"
    assert Declared.model_fields["key"].description == "SendGrid"
    assert Declared.model_fields["key"].is_required()


def test_a_declaration_survives_inheritance() -> None:
    """A subclass may make a field its own and keeps the others' declarations."""

    class Base(Settings):
        one: SecretStr = secret("gli/one/{environment}")
        two: SecretStr = secret("gli/two/{environment}")

    class Child(Base):
        two: SecretStr = secret("gli/other/{environment}")

    templates = [
        declaration.template
        for info in Child.model_fields.values()
        if (declaration := declaration_of(info))
    ]
    assert templates == ["gli/one/{environment}", "gli/other/{environment}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90d", timedelta(days=90)), ("12h", timedelta(hours=12)), ("2w", timedelta(weeks=2))],
)
def test_durations_are_a_number_and_a_unit(text: str, expected: timedelta) -> None:
    """Written as the guides write them."""

    class Declared(Settings):
        key: SecretStr = secret("gli/x", rotate_every=text)

    declaration = declaration_of(Declared.model_fields["key"])
    assert declaration is not None
    assert declaration.rotate_every == expected


@pytest.mark.parametrize(
    ("arguments", "error", "complaint"),
    [
        ({"reference": "gli/{env}/x"}, InvalidReference, "the only placeholder"),
        ({"reference": "ftp:x"}, InvalidReference, "unknown reference scheme"),
        ({"reference": "gli/x", "rotate_every": "90"}, ConfigurationError, "not a duration"),
        ({"reference": "gli/x", "rotate_every": "0d"}, ConfigurationError, "not a duration"),
        ({"reference": "gli/x", "data_class": "secret"}, ConfigurationError, "not a data class"),
    ],
)
def test_a_wrong_declaration_fails_where_it_is_written(
    arguments: dict[str, Any], error: type[Exception], complaint: str
) -> None:
    """At import, with the class in sight: not at the first load in production."""
    with pytest.raises(error, match=complaint):
        secret(**arguments)
