"""``glisecrets keys encrypt | decrypt | rewrap``: files and pipes, whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from glisecrets.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

BACKUP = ("--field", "backup/database")


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty project in development: the wrapping key is the local store's."""
    for name in ("GLISECRETS_WRAPPING_KEY", "GLISECRETS_LOCAL_KEY", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DJANGO_ENV", "development")
    monkeypatch.chdir(tmp_path)


def piped(*arguments: str, given: bytes) -> subprocess.CompletedProcess[bytes]:
    command = (sys.executable, "-P", "-m", "glisecrets", "keys", *arguments)
    return subprocess.run(command, input=given, capture_output=True, check=False, timeout=60)


def test_a_file_is_encrypted_and_comes_back(tmp_path: Path) -> None:
    """Two commands, no key to carry: it is made, wrapped and kept beside the files."""
    plain = secrets.token_bytes(200_000)
    (tmp_path / "dump").write_bytes(plain)
    assert main(["keys", "encrypt", "dump", *BACKUP]) == 0
    assert (tmp_path / "dump.gs1").stat().st_mode & 0o777 == 0o600
    (tmp_path / "dump").unlink()
    assert main(["keys", "decrypt", "dump.gs1", *BACKUP]) == 0
    assert (tmp_path / "dump").read_bytes() == plain
    assert plain[:100] not in (tmp_path / "dump.gs1").read_bytes()


def test_a_pipe_is_encrypted_and_comes_back() -> None:
    """``pg_dump | glisecrets keys encrypt - … | aws s3 cp - …`` writes no plain file."""
    plain = secrets.token_bytes(100_000)
    encrypted = piped("encrypt", "-", *BACKUP, given=plain)
    assert (encrypted.returncode, encrypted.stderr) == (0, b"")
    back = piped("decrypt", "-", *BACKUP, given=encrypted.stdout)
    assert (back.returncode, back.stdout) == (0, plain)
    broken = piped("decrypt", "-", *BACKUP, given=encrypted.stdout[:-1])
    assert broken.returncode == 2
    assert broken.stdout == plain[:65_536]
    assert b"cut off" in broken.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("--field", "backup/other"),
        (*BACKUP, "--data-class", "internal"),
        (*BACKUP, "--data-keys", "other.json"),
    ],
)
def test_a_file_that_does_not_open_leaves_no_file(
    tmp_path: Path, options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Another field, class or set of data keys: an error, and nothing half written."""
    (tmp_path / "dump").write_bytes(b"value")
    assert main(["keys", "encrypt", "dump", *BACKUP, "-o", "sealed.gs1"]) == 0
    before = set(tmp_path.iterdir())
    assert main(["keys", "decrypt", "sealed.gs1", *options]) == 2
    assert set(tmp_path.iterdir()) == before
    assert "next" in capsys.readouterr().err


def test_a_damaged_file_leaves_no_file(tmp_path: Path) -> None:
    """The end of a file is damaged: what came before it is not taken for the whole."""
    (tmp_path / "dump").write_bytes(bytes(200_000))
    assert main(["keys", "encrypt", "dump", *BACKUP, "-o", "sealed.gs1"]) == 0
    with (tmp_path / "sealed.gs1").open("r+b") as file:
        file.truncate(150_000)
    assert main(["keys", "decrypt", "sealed.gs1", *BACKUP]) == 2
    assert not (tmp_path / "sealed").exists()


def test_a_file_of_another_environment_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was encrypted in development does not open as production's."""
    (tmp_path / "dump").write_bytes(b"value")
    assert main(["keys", "encrypt", "dump", *BACKUP]) == 0
    monkeypatch.setenv("DJANGO_ENV", "production")
    arguments = ["keys", "decrypt", "dump.gs1", *BACKUP, "-o", "out"]
    assert main(arguments) == 2  # no wrapping key is named
    assert main([*arguments, "--key", "local"]) == 2
    assert not (tmp_path / "out").exists()


#: Wrapping keys that are production's by their name, or lead there.
PRODUCTIONS = {
    "alias": "aws:alias/gli-production?region=ap-northeast-2",
    "escaped": "aws:alias/gli%2Dproduction?region=ap-northeast-2",
    "profile": "aws:alias/gli?profile=gli-prod&region=ap-northeast-2",
    "vault": "vault:https://vault.example.com?key=gli-production",
    "variable": "aws:alias/gli?region=ap-northeast-2",
}


@pytest.mark.parametrize("by", ["option", "variable"])
@pytest.mark.parametrize("command", ["encrypt", "decrypt", "rewrap"])
@pytest.mark.parametrize("name", PRODUCTIONS)
def test_a_wrapping_key_of_another_environment_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    command: str,
    by: str,
) -> None:
    """Production's key is not asked from development, whoever names it; the address stays hid."""
    (tmp_path / "dump.gs1").write_bytes(b"value")
    arguments = [] if command == "rewrap" else ["dump.gs1", *BACKUP, "-o", "out"]
    if name == "variable":
        monkeypatch.setenv("AWS_PROFILE", "gli-prod")
    if by == "option":
        arguments += ["--key", PRODUCTIONS[name]]
    else:
        monkeypatch.setenv("GLISECRETS_WRAPPING_KEY", PRODUCTIONS[name])
    assert main(["keys", command, *arguments]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "belongs to production, and this is development" in told
    assert "pass --environment production if that is what you mean" in told
    assert "alias" not in told
    assert [path.name for path in tmp_path.iterdir()] == ["dump.gs1"]


def test_a_wrapping_key_of_another_account_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each environment's accounts are named once, in the settings class, and count here too."""
    (tmp_path / "pyproject.toml").write_text('[tool.glisecrets]\nsettings = "own_accounts:Own"\n')
    (tmp_path / "own_accounts.py").write_text(
        "from glisecrets import LoadOptions, Settings\n"
        "class Own(Settings):\n"
        "    load_options = LoadOptions(\n"
        "        accounts={'production': ('111122223333',), 'development': ('444455556666',)},\n"
        "        allow=('aws:alias/gli-production-copy',),\n"
        "    )\n"
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    (tmp_path / "dump").write_bytes(b"value")

    def told(key: str) -> str:
        assert main(["keys", "encrypt", "dump", *BACKUP, "--key", key]) != 0
        return " ".join(capsys.readouterr().err.split())

    assert "account 111122223333 belongs to production" in told(
        "aws:arn:aws:kms:ap-northeast-2:111122223333:key/0b5e4f6e-0000-4000-8000-00000000aaaa"
    )
    # Both pass the guard, and fail for want of KMS.
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-2")
    assert "belongs to" not in told("aws:alias/gli-production-copy")
    assert "belongs to" not in told(
        "aws:arn:aws:kms:ap-northeast-2:444455556666:key/0b5e4f6e-0000-4000-8000-00000000aaaa"
    )


def test_no_file_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only ``--force`` does that."""
    (tmp_path / "dump").write_bytes(b"value")
    (tmp_path / "dump.gs1").write_bytes(b"kept")
    assert main(["keys", "encrypt", "dump", *BACKUP]) == 2
    assert "--force" in capsys.readouterr().err
    assert (tmp_path / "dump.gs1").read_bytes() == b"kept"
    assert main(["keys", "encrypt", "dump", *BACKUP, "--force"]) == 0
    assert main(["keys", "decrypt", "dump", *BACKUP]) == 2  # where to?
    assert main(["keys", "encrypt", "nothing", *BACKUP]) == 2
    assert main(["keys", "encrypt", "dump", *BACKUP, "-o", "no/where"]) == 2


def test_bytes_are_kept_off_a_terminal(tmp_path: Path) -> None:
    """A terminal would show the plain text, or take the encrypted one for commands."""
    (tmp_path / "dump").write_bytes(b"value")
    ours, theirs = os.openpty()
    command = (sys.executable, "-P", "-m", "glisecrets", "keys", "encrypt", "dump", *BACKUP)
    done = subprocess.run(
        (*command, "-o", "-"), stdout=theirs, stderr=subprocess.PIPE, check=False, timeout=60
    )
    os.close(theirs)
    os.close(ours)
    assert done.returncode == 2
    assert b"terminal" in done.stderr


def test_data_keys_are_rewrapped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The data keys change, the files do not, and open as before."""
    (tmp_path / "dump").write_bytes(b"value")
    assert main(["keys", "encrypt", "dump", *BACKUP]) == 0
    rows, file = (tmp_path / name for name in ("data-keys.json", "dump.gs1"))
    before, sealed = rows.read_bytes(), file.read_bytes()
    capsys.readouterr()
    assert main(["--format", "json", "keys", "rewrap"]) == 0
    assert json.loads(capsys.readouterr().out)["rewrapped"] == [sealed[2:34].hex()]
    assert rows.read_bytes() != before
    assert file.read_bytes() == sealed
    assert main(["keys", "decrypt", "dump.gs1", *BACKUP, "--force"]) == 0
    assert (tmp_path / "dump").read_bytes() == b"value"
    assert main(["keys", "rewrap"]) == 0
    assert capsys.readouterr().out.endswith(": 1\n")
