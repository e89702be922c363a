"""``glisecrets store``: reading and changing the secrets of a store, behind the guard."""

from __future__ import annotations

import io
import json
import os
import pty
import secrets
import subprocess
from typing import TYPE_CHECKING

import pytest

from glisecrets import Address
from glisecrets.stores.local import LocalStore

if TYPE_CHECKING:
    from .conftest import Project


def current(store: LocalStore, name: str) -> str | bytes:
    """Give the value that AWSCURRENT has."""
    return store.get(Address(name)).value


def value() -> str:
    """Make a secret."""
    return secrets.token_urlsafe(24)


def test_list_gives_names(project: Project) -> None:
    """All of them, or those with a prefix in which the environment is filled in."""
    names = ["gli/api/development", "gli/db/development", "gli/key/development"]
    assert project.call("store", "list").out.split() == ["NAME", *names]
    assert project.call("store", "list", "gli/db/{environment}").out.split()[1:] == names[1:2]
    done = project.call("store", "list", "none")
    assert (done.code, done.out) == (0, "")
    assert "starts with none" in done.err


def test_list_long_tells_version_and_dates(project: Project) -> None:
    """Which secret changed last night."""
    rows = project.call("store", "list", "--long", "--format", "json").document["secrets"]
    version = project.store.get(Address("gli/db/development")).version_id
    assert rows[1]["version_id"] == version
    assert rows[1]["changed"].endswith("Z")


def test_get_tells_about_a_secret_and_not_its_value(project: Project) -> None:
    """Version, labels, kind and the keys of a JSON secret are enough to work with."""
    done = project.call("store", "get", "gli/db/{environment}")
    assert done.code == 0
    assert "AWSCURRENT" in done.out
    assert "keys        password, username" in done.out
    assert "PEM" in project.call("store", "get", "gli/key/development").out
    assert project.values["password"] not in done.out


def test_reveal_prints_the_value_and_nothing_else(project: Project) -> None:
    """A key goes through a pipe byte for byte, one JSON key as its text."""
    project.store.create("gli/raw/development", bytes(range(256)))
    done = project.process("store", "get", "gli/key/development", "--reveal")
    assert (done.code, done.out, done.err) == (0, project.values["key"], "")
    done = project.process("store", "get", "gli/db/development#password", "--reveal")
    assert done.out == project.values["password"]
    raw = subprocess.run(
        project.command("store", "get", "gli/raw/development", "--reveal"),
        cwd=project.root,
        capture_output=True,
        check=True,
    )
    assert raw.stdout == bytes(range(256))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("gli/none/here", "no secret"),
        ("gli/db/development#port", "no key 'port' (keys: password, username)"),
        ("gli/db/development@AWSPENDING", "AWSPENDING"),
        ("gli/key/development#x", "a JSON object is expected"),
    ],
)
def test_what_is_not_there_is_exit_code_1(project: Project, name: str, told: str) -> None:
    """A script can tell "not there" from "store down"."""
    done = project.call("store", "get", name)
    assert done.code == 1
    assert told in done.err


def test_a_store_that_fails_is_exit_code_3(project: Project) -> None:
    """And the message is one of ours."""
    (project.root / ".secrets" / "store.db").write_bytes(b"not a database" * 1000)
    for arguments in (["list"], ["get", "a"], ["history", "a"]):
        assert project.call("store", *arguments).code == 3


def test_the_guard_refuses_another_environments_store_and_does_not_repeat_its_address(
    project: Project,
) -> None:
    """An address may hold a password."""
    done = project.process("store", "list", "--store", "vault:https://vault.production.example")
    assert done.code == 2
    assert "the store's address belongs to production" in done.err
    assert "vault.production.example" not in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["get", "gli/db/production"],
        ["history", "gli/db/staging"],
        ["rollback", "gli/db/production", "--yes"],
        ["put", "gli/db/production"],
    ],
)
def test_the_guard_refuses_other_environments(project: Project, arguments: list[str]) -> None:
    """One typo away from production is not close enough; the next step names the option."""
    done = project.process("store", *arguments, given=b"a-value-that-is-not-written")
    assert done.code == 2
    assert (
        f"pass --environment {'staging' if 'staging' in arguments[1] else 'production'}" in done.err
    )


def test_the_store_can_be_named(project: Project) -> None:
    """By option, by variable and in front of the reference; unknown ones are wrong use."""
    other = LocalStore(project.root / "other")
    other.create("there/only", value())
    there = f"local:{project.root / 'other'}"
    assert project.call("store", "list", "--store", there).out.split() == ["NAME", "there/only"]
    assert project.process("store", "list", GLISECRETS_STORE=there).out.split()[1:] == [
        "there/only"
    ]
    assert project.call("store", "get", "local:there/only", "--store", there).code == 0
    assert project.call("store", "list", "--store", "off").code == 2


# put ----------------------------------------------------------------------------------------


def test_put_reads_standard_input(project: Project) -> None:
    """It writes AWSCURRENT, makes a secret that is not there, and drops one line break."""
    one, two = value(), value()
    assert (
        project.process("store", "put", "gli/new/development", given=f"{one}\n".encode()).code == 0
    )
    assert current(project.store, "gli/new/development") == one
    arguments = ["store", "put", "gli/new/{environment}", "--exact", "--format", "json"]
    done = project.process(*arguments, given=f"{two}\n".encode())
    assert current(project.store, "gli/new/development") == f"{two}\n"
    version = project.store.get(Address("gli/new/development")).version_id
    assert done.document["version_id"] == version
    assert one not in done.out + done.err
    assert two not in done.out + done.err


def test_put_keeps_bytes(project: Project) -> None:
    """What is no text is stored as binary."""
    project.process("store", "put", "gli/new/development", given=b"\xff\x00\xfe\n")
    assert current(project.store, "gli/new/development") == b"\xff\x00\xfe"


@pytest.mark.parametrize("how", [["--key", "password"], []])
def test_put_sets_one_key_and_leaves_the_others(project: Project, how: list[str]) -> None:
    """A new password does not need the whole JSON."""
    new = value()
    name = "gli/db/development" + ("" if how else "#password")
    assert project.process("store", "put", name, *how, given=new.encode()).code == 0
    assert json.loads(current(project.store, "gli/db/development")) == {
        "username": "api",
        "password": new,
    }
    described = project.store.describe("gli/db/development")
    assert sorted(map(sorted, described.versions.values())) == [["AWSCURRENT"], ["AWSPREVIOUS"]]


def test_put_makes_a_json_secret_for_a_first_key(project: Project) -> None:
    """The next step that a missing setting names works as it stands."""
    project.store.delete("gli/api/development")
    assert project.call("show").code == 1
    new = value()
    project.process("store", "put", "gli/api/development#token", given=new.encode())
    assert project.call("show").code == 0
    project.process("store", "put", "gli/api/development#a.b", given=new.encode())
    assert json.loads(current(project.store, "gli/api/development")) == {
        "token": new,
        "a": {"b": new},
    }


def test_put_of_a_key_never_loses_what_another_wrote(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reading and writing somebody else wrote: that one stays, and ours is refused."""
    theirs = json.dumps({"password": value()})
    put = LocalStore.put

    def disturbed(store: LocalStore, secret: str, new: str, **options: object) -> object:
        put(project.store, secret, theirs)
        return put(store, secret, new, **options)

    monkeypatch.setattr(LocalStore, "put", disturbed)
    monkeypatch.setattr("sys.stdin", open_bytes(b"another-password-1"))
    done = project.call("store", "put", "gli/db/development#password")
    assert done.code == 3
    assert current(project.store, "gli/db/development") == theirs
    described = project.store.describe("gli/db/development")
    assert {label for labels in described.versions.values() for label in labels} == {
        "AWSCURRENT",
        "AWSPREVIOUS",
    }


def open_bytes(data: bytes) -> io.TextIOWrapper:
    """Make a standard input with these bytes."""
    return io.TextIOWrapper(io.BytesIO(data))


@pytest.mark.parametrize("start", ["", "-", "--", "-x="])
def test_a_value_as_an_argument_is_refused_and_not_repeated(project: Project, start: str) -> None:
    """It would stand in the shell's history and in the process list."""
    given = start + value()
    done = project.call("store", "put", "gli/new/development", given)
    assert done.code == 2
    assert given.lstrip("-x=")[:8] not in done.out + done.err
    assert "never an argument" in done.err
    assert "this value is burnt: choose a new one" in done.err


def test_put_needs_a_value(project: Project) -> None:
    """An empty pipe does not overwrite a secret with nothing."""
    assert project.process("store", "put", "gli/db/development", given=b"").code == 2
    assert project.process("store", "put", "gli/db/development@AWSPREVIOUS", given=b"x").code == 2


def test_at_a_terminal_put_asks_without_echo(project: Project) -> None:
    """What is typed is not shown, and typed twice."""
    new = value()
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        project.command("store", "put", "gli/new/development"),
        cwd=project.root,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        seen = b""
        # The blank after the colon is written when the echo is off, and what came earlier dropped.
        for prompt in (b"Value of gli/new/development: ", b"Repeat for confirmation: "):
            while prompt not in seen:
                seen += os.read(ours, 1024)
            os.write(ours, new.encode() + b"\n")
        while b"version_id" not in seen:
            seen += os.read(ours, 1024)
        assert process.wait(20) == 0
    os.close(ours)
    assert new.encode() not in seen
    assert current(project.store, "gli/new/development") == new


# history and rollback -----------------------------------------------------------------------


def test_history_lists_versions_newest_first(project: Project) -> None:
    """Version ids, labels and dates; no value."""
    project.store.put("gli/db/development", value())
    rows = project.call("store", "history", "gli/db/development", "--format", "json").document
    assert [row["labels"] for row in rows["versions"]] == [["AWSCURRENT"], ["AWSPREVIOUS"]]
    project.store.put("gli/db/development", value())
    arguments = ["store", "history", "gli/db/development"]
    assert len(project.call(*arguments).out.splitlines()) == 3
    assert len(project.call(*arguments, "--all").out.splitlines()) == 4


def test_rollback_moves_current_to_previous(project: Project) -> None:
    """The bad value of tonight is gone with one command, and that one can be undone."""
    good = current(project.store, "gli/db/development")
    project.store.put("gli/db/development", value())
    assert project.call("store", "rollback", "gli/db/development", "--yes").code == 0
    assert current(project.store, "gli/db/development") == good
    project.call("store", "rollback", "gli/db/development", "-y")
    assert current(project.store, "gli/db/development") != good


def test_rollback_to_a_version_takes_the_start_of_its_id(project: Project) -> None:
    """Eight characters, as ``show`` prints them, are enough."""
    first = project.store.get(Address("gli/db/development")).version_id
    for _ in range(2):
        project.store.put("gli/db/development", value())
    arguments = ["store", "rollback", "gli/db/development", "--yes", "--to"]
    assert project.call(*arguments, first[:8]).code == 0
    assert project.store.get(Address("gli/db/development")).version_id == first
    assert project.call(*arguments, "zzzz").code == 2


def test_rollback_asks_first(project: Project) -> None:
    """Without a terminal and without --yes nothing happens."""
    project.store.put("gli/db/development", value())
    before = current(project.store, "gli/db/development")
    done = project.process("store", "rollback", "gli/db/development")
    assert done.code == 2
    assert "--yes" in done.err
    assert current(project.store, "gli/db/development") == before


def test_rollback_without_a_previous_version_is_told(project: Project) -> None:
    """There is nothing to go back to."""
    done = project.call("store", "rollback", "gli/db/development", "--yes")
    assert done.code == 2
    assert "no version is AWSPREVIOUS" in done.err


# copy ---------------------------------------------------------------------------------------


def test_copy_between_stores(project: Project) -> None:
    """All secrets of a prefix, and a second run changes nothing."""
    there = f"local:{project.root / 'other'}"
    arguments = ["store", "copy", "gli/*", "--to", there, "--format", "json"]
    outcomes = [row["outcome"] for row in project.call(*arguments).document["copied"]]
    assert outcomes == ["created"] * 3
    project.store.put("gli/db/development", value())
    outcomes = [row["outcome"] for row in project.call(*arguments).document["copied"]]
    assert outcomes == ["unchanged", "updated", "unchanged"]
    other = LocalStore(project.root / "other")
    assert current(other, "gli/db/development") == current(project.store, "gli/db/development")


def test_copy_to_another_name(project: Project) -> None:
    """Names of a prefix move along; a version can be named."""
    old = current(project.store, "gli/db/development")
    project.store.put("gli/db/development", value())
    assert project.call("store", "copy", "gli/db/{environment}@AWSPREVIOUS", "old/db").code == 0
    assert current(project.store, "old/db") == old
    project.call("store", "copy", "gli/*", "copies/*")
    assert list(project.store.names("copies/")) == [
        "copies/api/development",
        "copies/db/development",
        "copies/key/development",
    ]


def test_copy_from_another_environment_needs_its_name(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From production to staging is refused, unless that is named; the way back always."""
    monkeypatch.setenv("GLISECRETS_STORE", "local")
    project.store.create("gli/db/production", value())
    copy = ["store", "copy", "gli/db/production", "gli/db/staging", "--environment", "staging"]
    done = project.call(*copy)
    assert done.code == 2
    assert "--allow-environment production" in done.err
    assert project.call(*copy, "--allow-environment", "production").code == 0
    assert current(project.store, "gli/db/staging") == current(project.store, "gli/db/production")
    back = ["store", "copy", "gli/db/staging", "gli/db/production", "--environment", "staging"]
    assert project.call(*back, "--allow-environment", "production").code == 2


def test_copy_of_a_prefix_holds_every_name_against_the_guard(project: Project) -> None:
    """A broad prefix does not take production along unseen, and copies nothing then."""
    project.store.create("gli/zz/production", value())
    there = project.root / "other"
    assert project.call("store", "copy", "gli/*", "--to", f"local:{there}").code == 2
    assert list(LocalStore(there).names()) == []


@pytest.mark.parametrize(
    "arguments", [["gli/db/development"], ["gli/db/development#password", "x"], ["gli/*", "gli/*"]]
)
def test_copy_onto_itself_or_of_a_part_is_wrong_use(project: Project, arguments: list[str]) -> None:
    """Nothing is half copied."""
    assert project.call("store", "copy", *arguments).code == 2
