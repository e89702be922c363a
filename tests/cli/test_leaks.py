"""No command prints a secret that nobody asked to see, however it ends."""

from __future__ import annotations

import json
import secrets
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest

if TYPE_CHECKING:
    from .conftest import Project


def forms(value: str) -> set[str]:
    """Give what must not be seen of a value: as it is, encoded, and line by line."""
    lines = [line for line in value.splitlines() if len(line) > 30 and "-----" not in line]
    encoded = b64encode(value.encode()).decode().rstrip("=")[:-2]
    plain = {value, encoded, quote(value), quote(value, ""), quote_plus(value)}
    return plain | {json.dumps(value)[1:-1], repr(value)[1:-1]} | set(lines)


def leaks(text: str, values: list[str]) -> list[str]:
    """Name the places where a form of a value is seen, without the value."""
    return [f"value {n}" for n, value in enumerate(values) for form in forms(value) if form in text]


COMMANDS = [
    ["show"],
    ["explain", "token"],
    ["explain", "database"],
    ["check", "--deploy"],
    ["store", "list", "--long"],
    ["store", "get", "gli/db/development"],
    ["store", "get", "gli/db/development#password"],
    ["store", "get", "gli/db/development#nothing"],
    ["store", "history", "gli/key/development", "--all"],
    ["store", "copy", "gli/*", "copies/*"],
    ["store", "rollback", "gli/db/development", "--yes"],
    ["run", "--", "no-such-program"],
    ["init"],
]


@pytest.mark.parametrize("way", ["table", "json", "debug", "narrow"])
def test_no_command_shows_a_value(
    project: Project, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """With all well, and with faults in other fields, in every format."""
    shared = {"json": ["--format", "json"], "debug": ["--debug"]}.get(way, [])
    if way == "narrow":  # where a value would be wrapped, or cut
        monkeypatch.setenv("COLUMNS", "40")
    old = secrets.token_urlsafe(30)
    project.store.put("gli/db/development", json.dumps({"username": "api", "password": old}))
    values = [*project.values.values(), old, "in-the-code-1"]
    text = ""
    for broken in (False, True):
        if broken:
            project.write(".env.development", "PORT=eight\nALLOWED_HOSTS='\n")
        for command in COMMANDS:
            done = project.call(*shared, *command)
            text += done.out + done.err
    assert "ApiSettings" in text or way == "json"
    assert leaks(text, values) == []


@pytest.mark.parametrize("layer", ["dotenv", "process", "store"])
def test_a_value_of_the_wrong_type_is_not_shown(
    project: Project, monkeypatch: pytest.MonkeyPatch, layer: str
) -> None:
    """A secret that does not fit its field is told without a part of it."""
    value = secrets.token_urlsafe(30)
    if layer == "store":
        project.store.put("gli/key/development", value)
        project.store.put("gli/db/development", json.dumps([value]))
    elif layer == "process":
        project.store.delete("gli/key/development")
        project.store.delete("gli/db/development")
        monkeypatch.setenv("KEY", value)
        monkeypatch.setenv("DATABASE", value)
    else:
        project.store.delete("gli/key/development")
        project.write(".env.development", f"KEY={value}\nPORT={value}\n")
    for command in (["show"], ["explain", "key"], ["check"], ["run", "--", "true"]):
        for format_ in ("table", "json"):
            done = project.call(*command, "--format", format_)
            assert done.code in {1, 2}
            assert leaks(done.out + done.err, [value]) == []


def test_a_value_that_a_test_shows_is_found() -> None:
    """The search itself sees every form."""
    value = secrets.token_urlsafe(30) + "/+ é"
    for form in (value, quote(value, ""), b64encode(value.encode()).decode(), json.dumps(value)):
        assert leaks(f"x {form} y", [value])


def test_reveal_is_the_only_way_to_a_value(project: Project) -> None:
    """And it works in both formats."""
    for shared in ([], ["--format", "json"]):
        done = project.call("store", "get", "gli/api/development#token", "--reveal", *shared)
        assert leaks(done.out, [project.values["token"]])
