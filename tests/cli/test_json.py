"""The JSON that commands print is what docs/cli.md says, key for key."""

from __future__ import annotations

import json
import re
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

if TYPE_CHECKING:
    from .conftest import Done, Project

DOCUMENT = Path(__file__).parents[2] / "docs" / "cli.md"


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    """The classes of the document, with no key beyond those that are told."""
    if not DOCUMENT.exists():
        pytest.skip("the documentation is not here")
    (code,) = (
        block
        for block in re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
        if "TypedDict" in block
    )
    closed = re.sub(r"^class ", "@closed\nclass ", code, flags=re.MULTILINE)
    names: dict[str, Any] = {
        "TypedDict": TypedDict,
        "Any": Any,
        "Literal": typing.Literal,
        "closed": with_config(ConfigDict(extra="forbid", strict=True)),
        "__name__": __name__,
    }
    exec(compile(closed, DOCUMENT, "exec", dont_inherit=True), names)
    return names


def check(schemas: dict[str, Any], name: str, text: str) -> None:
    """Hold a document against a class."""
    TypeAdapter(schemas[name]).validate_json(text)


COMMANDS: dict[str, list[str]] = {
    "Show": ["show"],
    "Explain": ["explain", "token"],
    "Check": ["check", "--deploy"],
    "StoreList": ["store", "list"],
    "StoreGet": ["store", "get", "gli/db/development"],
    "StoreHistory": ["store", "history", "gli/db/development", "--all"],
    "StoreRollback": ["store", "rollback", "gli/db/development", "--yes"],
    "StoreCopy": ["store", "copy", "gli/*", "copies/*"],
    "Init": ["init", "--force"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_json_is_as_documented(project: Project, schemas: dict[str, Any], name: str) -> None:
    """A program that reads the document's keys reads every run's."""
    project.store.put("gli/db/development", json.dumps({"username": "a", "password": "changed-1"}))
    done = project.call(*COMMANDS[name], "--format", "json")
    assert done.code in {0, 1}, done.err
    check(schemas, name, done.out)


def test_json_of_faults_is_as_documented(project: Project, schemas: dict[str, Any]) -> None:
    """So it is when things are wrong."""
    project.store.delete("gli/api/development")
    project.write(".env.development", "PORT=eight\nEXTRA='\n")
    for name in ("Show", "Explain", "Check"):
        done: Done = project.call("--format", "json", *COMMANDS[name])
        assert done.code == 1
        check(schemas, name, done.out)
    failed = project.process("run", "--format", "json", "--", "true")
    check(schemas, "Error", failed.err)
    assert len(json.loads(failed.err)["error"]["faults"]) > 1


@pytest.mark.parametrize(
    ("value", "kind"), [(b"\xff", "binary"), ("text", "text"), ('{"a": 1}', "JSON")]
)
def test_json_of_a_revealed_value_is_as_documented(
    project: Project, schemas: dict[str, Any], value: str | bytes, kind: str
) -> None:
    """Text as it is, binary as base64, each under its own key."""
    project.store.create("gli/x/development", value)
    arguments = ["store", "get", "gli/x/development", "--reveal", "--format", "json"]
    done = project.call(*arguments)
    check(schemas, "StoreGet", done.out)
    assert done.document["kind"] == kind
    shown = done.document["value" if isinstance(value, str) else "value_base64"]
    assert shown == (value if isinstance(value, str) else "/w==")


def test_json_of_put_and_long_list_is_as_documented(
    project: Project, schemas: dict[str, Any]
) -> None:
    """The rest of the store's documents."""
    given = b"a-value-for-this-test"
    done = project.process("store", "put", "gli/y/development", "--format", "json", given=given)
    check(schemas, "StorePut", done.out)
    done = project.call("store", "list", "--long", "--format", "json")
    check(schemas, "StoreList", done.out)


def test_json_of_files_under_data_keys_is_as_documented(
    project: Project, schemas: dict[str, Any]
) -> None:
    """What became of each file, and of the data keys."""
    project.write("dump", "text")
    files = ["dump", "nowhere"]
    field = ("--field", "backup/database")
    assert project.call("keys", "encrypt", files[0], *field, "-o", files[0], "--force").code == 0
    for renew in (["--renew"], []):
        done = project.call("keys", "reencrypt", *files, *field, *renew, "--format", "json")
        assert done.code == 2
        check(schemas, "KeysReencrypt", done.out)
    done = project.call("keys", "rewrap", "--format", "json")
    check(schemas, "KeysRewrap", done.out)
    old = done.document["rewrapped"][0]
    told = project.call("keys", "shred", old, "--yes", "--give-up", "--format", "json").out
    check(schemas, "KeysShred", told)


def test_every_document_is_tested(schemas: dict[str, Any]) -> None:
    """A document that is described is one that some test reads."""
    described = {
        name for name, thing in schemas.items() if "schema" in getattr(thing, "__annotations__", {})
    }
    keys = {"KeysReencrypt", "KeysRewrap", "KeysShred"}
    assert described == COMMANDS.keys() | {"StorePut", "Error"} | keys
