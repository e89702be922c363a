"""Types: secrets wherever in them they stand, and what pydantic reads of itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from pydantic import (
    BaseModel,
    Field,
    Json,
    RootModel,
    Secret,
    SecretStr,
)
from typing_extensions import TypeAliasType, TypedDict

from glisecrets import process_redactor

from .one_field import settings_class

if TYPE_CHECKING:
    from pathlib import Path


class A(BaseModel):
    kind: Literal["a"]


class B(BaseModel):
    kind: Literal["b"]


class Colour(Enum):
    RED = "red"


@dataclass
class Login:
    user: str
    password: SecretStr


class Token(TypedDict):
    token: SecretStr


class Tree(BaseModel):
    name: str = ""
    children: list[Tree] = []
    tokens: list[Token] = []


Alias = TypeAliasType("Alias", list[SecretStr])


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (list[SecretStr], '["{}"]'),
        (tuple[SecretStr, ...], "{},other-token"),
        (Alias, "{}"),
        (Secret[str], "{}"),
        (dict[str, SecretStr], '{{"key": "{}"}}'),
        (Login, '{{"user": "gli", "password": "{}"}}'),
        (Login | str, '{{"user": "gli", "password": "{}"}}'),
        (list[Token], '[{{"token": "{}"}}]'),
        (Tree, '{{"children": [{{"tokens": [{{"token": "{}"}}]}}]}}'),
        (RootModel[list[SecretStr]], '["{}"]'),
    ],
)
def test_a_secret_is_masked_however_deep_its_type_hides_it(
    project: Path, annotation: Any, text: str, value
) -> None:
    """The redactor knows it, repr masks it, and the template in git never gives it."""
    cls = settings_class(annotation | None, None)
    written = text.format(hidden := value())
    settings = cls.load(environment="staging", environ={"FIELD": written}, store="off")
    assert hidden in str(reveal(settings.field))  # type: ignore[attr-defined]
    assert hidden not in repr(settings)
    assert hidden not in process_redactor().redact(f"x {hidden} y")
    (project / ".env.example").write_text(f"FIELD='{written}'\n")
    settings = cls.load(environment="staging", environ={}, directory=project, store="off")
    assert settings.field is None  # type: ignore[attr-defined]


def reveal(value: Any) -> Any:
    """Open what pydantic hides, at any depth."""
    if isinstance(value, Secret | SecretStr):
        return value.get_secret_value()
    if isinstance(value, RootModel):
        return reveal(value.root)
    if isinstance(value, BaseModel | Login):
        value = vars(value)
    if isinstance(value, dict):
        return {name: reveal(item) for name, item in value.items()}
    return [reveal(item) for item in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize(
    ("annotation", "text", "expected"),
    [
        (Json[list[int]], "[1, 2]", [1, 2]),
        (Json[dict[str, int]] | None, '{"a": 1}', {"a": 1}),
        (RootModel[list[int]], "1,2", RootModel[list[int]]([1, 2])),
        (str | dict[str, int], "plain", "plain"),
        (str | dict[str, int], '{"a": 1}', {"a": 1}),
        (str | dict[str, int], "{no json", "{no json"),
        (int | dict[str, int], "5", 5),
        (dict[str, int] | list[int], "[1]", [1]),
        (Annotated[A | B, Field(discriminator="kind")], '{"kind": "b"}', B(kind="b")),
        (list[A], '[{"kind": "a"}]', [A(kind="a")]),
        (set[Colour], "red", {Colour.RED}),
    ],
)
def test_unions_and_json_are_read_as_pydantic_reads_them(annotation, text, expected) -> None:
    """A union takes what fits any of its members; `Json` parses its own text."""
    cls = settings_class(annotation)
    settings = cls.load(environment="staging", environ={"FIELD": text}, store="off")
    assert settings.field == expected  # type: ignore[attr-defined]
