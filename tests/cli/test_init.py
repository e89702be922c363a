"""``glisecrets init``: from a project that reads its environment to one that declares it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from glisecrets.cli.main import main

CODE = """\
import os
import environ
env = environ.Env()
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = os.environ["SECRET_KEY"]
HOSTS = env.list("ALLOWED_HOSTS", default=["localhost"])
WORKERS = int(os.getenv("WORKERS", "4"))
raise SystemExit("never run")
"""


@pytest.fixture
def existing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that reads its variables here and there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DJANGO_ENV", "development")
    for name in ("GLISECRETS_STORE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "app.py").write_text(CODE, encoding="utf-8")
    return tmp_path


def run(folder: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run the command line as a process."""
    command = [sys.executable, "-P", "-m", "glisecrets", *arguments]
    # Not left out: pytest imports readline, which puts COLUMNS where only children see it.
    variables = dict(os.environ)
    return subprocess.run(
        command, cwd=folder, input=given, capture_output=True, check=False, env=variables
    )


def test_the_ten_minutes_of_a_newcomer(existing: Path) -> None:
    """From init over the missing secret that show names to a program that runs with it."""
    assert run(existing, "init").returncode == 0
    shown = run(existing, "show")
    assert shown.returncode == 1
    assert b"secret_key  missing" in shown.stdout  # the fault below the table
    line = next(line for line in shown.stdout.decode().splitlines() if "store put" in line)
    reference = line.split("'")[1]
    assert run(existing, "store", "put", reference, given=b"made-up-in-a-test").returncode == 0
    assert run(existing, "show").returncode == 0
    done = run(existing, "run", "--", "printenv", "SECRET_KEY", "WORKERS", "DEBUG")
    assert done.stdout == b"[redacted:secret_key]\n4\nfalse\n"


def test_nothing_is_overwritten_without_force(
    existing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second run, or a file that was there, costs nobody's work."""
    (existing / ".env.example").write_text("MINE=1\n", encoding="utf-8")
    assert main(["init"]) == 2
    told = capsys.readouterr().err
    assert "nothing has changed" in told
    assert "--module" not in told  # which would not help: the template's name is fixed
    assert (existing / ".env.example").read_text("utf-8") == "MINE=1\n"
    assert not (existing / "project_settings.py").exists()
    assert main(["init", "--force"]) == 0
    assert "MINE" not in (existing / ".env.example").read_text("utf-8")


def test_another_module_is_proposed_where_that_helps(
    existing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the module is in the way."""
    (existing / "project_settings.py").write_text("", encoding="utf-8")
    assert main(["init"]) == 2
    assert "name another --module, move it away, or pass --force" in capsys.readouterr().err


@pytest.mark.parametrize("refused", ["project_settings.py", ".env.example", "pyproject.toml"])
def test_a_folder_that_cannot_be_written_is_an_ordinary_error(
    existing: Path,
    refused: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A read-only checkout is no bug to report; to root, who may run this, none is read-only."""
    write = Path.write_text

    def refuse(path: Path, *arguments: str, **options: str) -> int:
        if path.name == refused:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return write(path, *arguments, **options)

    monkeypatch.setattr(Path, "write_text", refuse)
    assert main(["init"]) == 2
    told = capsys.readouterr().err
    assert "Permission denied" in told
    assert "a folder that you can write in" in told


def test_pyproject_is_kept_and_the_class_named_in_it(existing: Path) -> None:
    """What stands in pyproject.toml stays; a table of ours that is there is left alone."""
    file = existing / "pyproject.toml"
    file.write_text('[project]\nname = "api"  # a comment\n', encoding="utf-8")
    assert main(["init", "--module", "config/values.py"]) == 0
    assert file.read_text("utf-8") == (
        '[project]\nname = "api"  # a comment\n\n'
        '[tool.glisecrets]\nsettings = "config.values:ProjectSettings"\n'
    )
    before = file.read_text("utf-8")
    assert main(["init", "--force"]) == 0
    assert file.read_text("utf-8") == before


def test_a_django_project_gets_django_settings(existing: Path) -> None:
    """Its class has only the fields that DjangoSettings has not."""
    (existing / "manage.py").write_text("", encoding="utf-8")
    assert main(["init"]) == 0
    text = (existing / "project_settings.py").read_text("utf-8")
    assert "(DjangoSettings)" in text
    assert "workers: int = 4" in text
    assert "allowed_hosts" not in text


def test_an_empty_folder_is_a_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Init, then show: a class without fields is fine."""
    monkeypatch.chdir(tmp_path)
    assert main(["init", "--module", "empty_start.py"]) == 0
    assert main(["show"]) == 0
