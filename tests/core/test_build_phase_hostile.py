"""The build phase: rules that no placeholder can know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import (
    Field,
    Json,
    PostgresDsn,
    SecretStr,
    field_validator,
    model_validator,
)

from glisecrets import Settings
from glisecrets.placeholders import BUILD_MARK

from .one_field import faults_of, settings_class

if TYPE_CHECKING:
    from pathlib import Path


class Demanding(Settings):
    plain: str = "default"
    pattern: str = Field(pattern=r"^sk_[a-z0-9]{32}$")
    exact: SecretStr = Field(min_length=32, max_length=32)
    hexadecimal: str
    large: int = Field(gt=1000)
    pair: tuple[int, int]
    some: list[str] = Field(min_length=2)
    parsed: Json[list[int]]
    database: PostgresDsn
    given: int

    @field_validator("hexadecimal")
    @classmethod
    def _check(cls, text: str) -> str:
        return {"00": text}[text]  # a bug rather than a refusal, for all but one text

    @model_validator(mode="after")
    def _together(self) -> Self:
        raise ValueError("the two do not go together")


def test_a_build_needs_no_value_whatever_its_rules(project: Path) -> None:
    """`collectstatic` runs in a Dockerfile; every field is of its type, and known again later."""
    environ = {"GLISECRETS_BUILD": "1", "GIVEN": "7"}
    built = Demanding.load(environment="production", environ=environ, directory=project)
    assert (built.plain, built.given, built.large) == ("default", 7, 0)
    assert BUILD_MARK in built.exact.get_secret_value()
    assert BUILD_MARK in built.hexadecimal
    assert BUILD_MARK in built.pattern
    assert (built.pair, built.some, built.parsed) == ((), [], [])
    assert built.database.scheme == "postgresql"
    assert (built.origin("given").layer, built.origin("large").layer) == ("process", "build")
    environ["GIVEN"] = "seven"  # what the build was given is never forgiven
    assert faults_of(Demanding, environment="production", environ=environ, directory=project)
    error = faults_of(settings_class(int), environ=environ | {"FIELD": "seven"})
    assert [fault.field for fault in error.faults] == ["field"]
    run = {"HEXADECIMAL": built.hexadecimal, "DATABASE": str(built.database)}
    error = faults_of(Demanding, environment="production", environ=run, directory=project)
    kinds = {fault.field: fault.kind for fault in error.faults}
    assert kinds["hexadecimal"] == kinds["database"] == "placeholder"
