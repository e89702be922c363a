"""``glisecrets keys reencrypt | shred``: files move to a new data key, and the old one can go."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

import pytest

from glisecrets.cli.main import main

BACKUP = ("--field", "backup/database")
PLAIN = {"one": b"one", "two": secrets.token_bytes(200_000), "empty": b""}
FILES = [f"{name}.gs1" for name in PLAIN]


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three encrypted files in development, under the local store's key."""
    for name in ("GLISECRETS_WRAPPING_KEY", "GLISECRETS_LOCAL_KEY", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DJANGO_ENV", "development")
    monkeypatch.chdir(tmp_path)
    for name, plain in PLAIN.items():
        Path(name).write_bytes(plain)
        assert main(["keys", "encrypt", name, *BACKUP]) == 0
        Path(name).unlink()


def rows() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(Path("data-keys.json").read_bytes())["data-keys"]
    return found


def key_of(file: str) -> str:
    return Path(file).read_bytes()[2:34].hex()


def reencrypted(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = main(["--format", "json", "keys", "reencrypt", *arguments, *BACKUP])
    return code, json.loads(capsys.readouterr().out)


def opens(file: str) -> bool:
    """Tell whether a file gives its plain text."""
    name = file.removesuffix(".gs1")
    if main(["keys", "decrypt", file, *BACKUP, "--force", "-o", "out"]):
        return False
    return Path("out").read_bytes() == PLAIN[name]


def test_files_move_to_a_new_data_key(capsys: pytest.CaptureFixture[str]) -> None:
    """After a leak: one command, and every file is under a key that nobody else has."""
    (old,) = rows()
    Path(FILES[0]).chmod(0o640)
    code, told = reencrypted(capsys, *FILES, "--renew")
    assert code == 0
    assert [row["retired"] is None for row in rows()] == [False, True]
    made = rows()[1]["id"]
    assert told["made"] == made != old["id"]
    assert [each["outcome"] for each in told["files"]] == ["re-encrypted"] * 3
    assert {key_of(file) for file in FILES} == {made}
    assert all(map(opens, FILES))
    assert Path(FILES[0]).stat().st_mode & 0o777 == 0o640
    assert {path.name for path in Path().iterdir()} >= {*FILES, "data-keys.json"}
    assert not [path for path in Path().iterdir() if path.name.startswith(".one")]


def test_files_under_the_active_data_key_are_left_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """So that a run that was interrupted goes on where it was."""
    assert reencrypted(capsys, FILES[0], "--renew")[0] == 0
    before = Path(FILES[0]).read_bytes()
    code, told = reencrypted(capsys, *FILES)
    assert code == 0
    assert told["made"] is None
    unchanged, *moved = (each["outcome"] for each in told["files"])
    assert unchanged == "unchanged"
    assert moved == ["re-encrypted"] * 2
    assert Path(FILES[0]).read_bytes() == before
    assert all(map(opens, FILES))


def test_one_file_that_does_not_open_stops_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    """It stays byte for byte as it is, and is told with the next step."""
    with Path(FILES[1]).open("r+b") as file:
        file.truncate(150_000)
    broken = Path(FILES[1]).read_bytes()
    Path("text").write_bytes(b"plain text")
    code, told = reencrypted(capsys, FILES[1], "text", "nowhere", FILES[0], "--renew")
    assert code == 2
    cut, plain, nowhere, whole = told["files"]
    assert [cut["error"]["kind"], plain["error"]["kind"]] == ["InvalidMessage"] * 2
    assert "restore it" in cut["error"]["next_step"]
    assert "cannot be read" in nowhere["error"]["message"]
    assert [cut["outcome"], whole["outcome"]] == ["failed", "re-encrypted"]
    assert whole["error"] is None
    assert Path(FILES[1]).read_bytes() == broken
    assert Path("text").read_bytes() == b"plain text"
    assert opens(FILES[0])
    assert not [path for path in Path().iterdir() if path.name.startswith(".two")]


def test_people_read_what_became_of_each_file(capsys: pytest.CaptureFixture[str]) -> None:
    """And how to go on later, where a new data key was made."""
    Path("text").write_bytes(b"plain text")
    assert main(["keys", "reencrypt", FILES[0], "text", *BACKUP, "--renew"]) == 2
    shown = capsys.readouterr()
    assert main(["keys", "reencrypt", FILES[0], *BACKUP]) == 0
    assert "unchanged: under the active data key" in capsys.readouterr().out
    assert "one.gs1" in shown.out
    assert "re-encrypted" in shown.out
    assert "no gs1 message" in shown.out
    assert "leave out --renew" in shown.err


def test_a_file_is_replaced_whole_or_not_at_all(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C at the worst moment leaves the old file, and nothing beside it."""
    before = [Path(file).read_bytes() for file in FILES]

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupted)
        assert main(["keys", "reencrypt", *FILES, *BACKUP]) == 0  # there is nothing to do
        assert main(["keys", "encrypt", FILES[0], *BACKUP, "-o", "x"]) == 130
    assert not Path("x").exists()
    made = reencrypted(capsys, "--renew", "nowhere")[1]["made"]
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupted)
        assert main(["keys", "reencrypt", *FILES, *BACKUP]) == 130
    assert [Path(file).read_bytes() for file in FILES] == before
    assert not [path for path in Path().iterdir() if path.name.startswith((".one", ".x"))]
    assert reencrypted(capsys, *FILES)[0] == 0
    assert {key_of(file) for file in FILES} == {made}


def test_a_link_stays_a_link(capsys: pytest.CaptureFixture[str]) -> None:
    """What it leads to is replaced."""
    Path("latest").symlink_to(FILES[0])
    assert reencrypted(capsys, "latest", "--renew")[0] == 0
    assert Path("latest").is_symlink()
    assert key_of(FILES[0]) == rows()[1]["id"]


def test_a_file_of_another_field_is_refused_and_makes_no_data_key() -> None:
    """A mistyped label leaves nothing behind."""
    assert main(["keys", "reencrypt", FILES[0], "--field", "backup/other"]) == 2
    assert len(rows()) == 1


def test_a_retired_data_key_can_be_shredded(capsys: pytest.CaptureFixture[str]) -> None:
    """Files that moved open; a copy that did not is lost for ever."""
    Path("forgotten.gs1").write_bytes(Path(FILES[0]).read_bytes())
    (old,) = rows()
    assert reencrypted(capsys, *FILES, "--renew")[0] == 0
    assert main(["keys", "shred", old["id"], "--yes"]) == 2
    assert "may encrypt under data key" in " ".join(capsys.readouterr().err.split())
    retire_long_ago()
    assert main(["--format", "json", "keys", "shred", old["id"], "--yes"]) == 0
    assert json.loads(capsys.readouterr().out) == {"schema": 1, "shredded": old["id"]}
    assert [row["retired"] for row in rows()] == [None]
    assert all(map(opens, FILES))
    assert main(["keys", "decrypt", "forgotten.gs1", *BACKUP]) == 2
    assert old["id"] in capsys.readouterr().err


def retire_long_ago() -> None:
    """Let the time pass after which nobody encrypts under a retired data key."""
    document = json.loads(Path("data-keys.json").read_bytes())
    for row in document["data-keys"]:
        row["retired"] = row["retired"] and "2026-01-01T00:00:00+00:00"
    Path("data-keys.json").write_text(json.dumps(document), "utf-8")


def test_an_active_data_key_is_shredded_where_its_files_are_given_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Not by a yes alone: new files are encrypted under it."""
    (row,) = rows()
    assert main(["keys", "shred", row["id"], "--yes"]) == 2
    assert "--give-up" in capsys.readouterr().err
    assert rows() == [row]


def test_shredding_is_confirmed(capsys: pytest.CaptureFixture[str]) -> None:
    """The question says which data key, whose, and that nothing brings it back."""
    (row,) = rows()
    assert main(["keys", "shred", row["id"], "--give-up"]) == 2
    asked = " ".join(capsys.readouterr().err.split())
    for told in (row["id"], "active", "backup/database", "never", "--yes"):
        assert told in asked
    assert rows() == [row]
    assert main(["keys", "shred", row["id"], "--yes", "--give-up"]) == 0
    assert "backups too" in capsys.readouterr().out
    assert not opens(FILES[0])


def test_only_a_data_key_of_this_environment_is_shredded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A production data key goes only where production is meant."""
    (row,) = rows()
    assert main(["--environment", "production", "keys", "shred", row["id"], "--yes"]) == 2
    assert "--environment development" in " ".join(capsys.readouterr().err.split())
    assert main(["--environment", "development", "keys", "shred", "00" * 32, "--yes"]) == 2
    assert "no data key" in capsys.readouterr().err
    assert rows() == [row]
