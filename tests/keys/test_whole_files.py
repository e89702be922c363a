"""Files of ``glisecrets keys``: whole or untouched, whatever they are and whatever goes wrong."""

from __future__ import annotations

import json
import os
import resource
import secrets
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from glisecrets.cli.main import main
from glisecrets.keys.envelope import FileDataKeys
from glisecrets.keys.envelope.replacement import replacement

if TYPE_CHECKING:
    from collections.abc import Iterator

BACKUP = ("--field", "backup/database")
PLAIN = secrets.token_bytes(300_000)
COMMAND = (sys.executable, "-P", "-m", "glisecrets", "keys")
#: Runs a command that kills itself when its file is written and not yet in its place.
KILLED = (
    "import os, signal, sys\n"
    "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
    "from glisecrets.cli.main import main\n"
    "main(sys.argv[1:])\n"
)


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file and its encrypted form, in development, under the local store's key."""
    for name in ("GLISECRETS_WRAPPING_KEY", "GLISECRETS_LOCAL_KEY", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DJANGO_ENV", "development")
    monkeypatch.chdir(tmp_path)
    Path("dump").write_bytes(PLAIN)
    assert main(["keys", "encrypt", "dump", *BACKUP]) == 0


@contextmanager
def no_room(size: int) -> Iterator[None]:
    """Let no file become longer: what a full disk does, of this process alone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def kill(program: str, *command: str) -> None:
    """Run a command in a program that kills itself."""
    killed = subprocess.run(
        (sys.executable, "-P", "-c", program, "keys", *command, *BACKUP),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr


def names() -> set[str]:
    return {path.name for path in Path().iterdir()}


def key_of(file: str) -> str:
    return Path(file).read_bytes()[2:34].hex()


def keeps_no_nameless_file() -> bool:
    """Tell whether this file system has no files without a name."""
    try:
        os.close(os.open(".", os.O_TMPFILE | os.O_WRONLY))
    except (AttributeError, OSError):
        return True
    return False


# What is written over -----------------------------------------------------------------------


@pytest.fixture
def device() -> Iterator[str]:
    """A device that no mistake can replace: /dev/null could be, and others need it."""
    ours, theirs = os.openpty()
    yield os.ttyname(theirs)
    os.close(theirs)
    os.close(ours)


@pytest.mark.parametrize("options", [(), ("--force",)])
@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "link to a device", "loop"])
def test_only_a_file_is_written_over(
    kind: str, options: tuple[str, ...], device: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody's pipe, device or folder becomes a file with what was encrypted in it."""
    target = Path("target")
    if kind == "pipe":
        os.mkfifo(target)
    elif kind == "folder":
        target.mkdir()
    elif kind == "device":
        target = Path(device)
    else:
        target.symlink_to(device if kind == "link to a device" else target)
    before = target.lstat()
    for command in ("encrypt", "dump"), ("decrypt", "dump.gs1"):
        assert main(["keys", *command, *BACKUP, "-o", str(target), *options]) == 2
        told = " ".join(capsys.readouterr().err.split())
        assert "is no regular file" in told
        assert "write to -" in told
    assert target.lstat().st_ino == before.st_ino


def test_a_link_is_a_file_that_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    """Also one that leads nowhere. With ``--force`` it stays a link, and its file is written."""
    Path("whole").write_bytes(b"kept")
    Path("link").symlink_to("whole")
    Path("dangling").symlink_to("folder-less")
    for link in ("link", "dangling"):
        assert main(["keys", "decrypt", "dump.gs1", *BACKUP, "-o", link]) == 2
        assert "--force" in capsys.readouterr().err
        assert not Path("folder-less").exists()
        assert Path("whole").read_bytes() == b"kept"
    for link in ("link", "dangling"):
        assert main(["keys", "decrypt", "dump.gs1", *BACKUP, "-o", link, "--force"]) == 0
        assert Path(link).is_symlink()
    assert Path("whole").read_bytes() == Path("folder-less").read_bytes() == PLAIN


def test_only_files_are_reencrypted(capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe, which would be waited for, or a folder is told, and stops no other."""
    os.mkfifo("pipe")
    command = ["--format", "json", "keys", "reencrypt", "pipe", ".", "dump.gs1", "--renew"]
    assert main([*command, *BACKUP]) == 2
    pipe, folder, whole = json.loads(capsys.readouterr().out)["files"]
    assert "no regular file" in pipe["error"]["message"]
    assert "no regular file" in folder["error"]["message"]
    assert whole["outcome"] == "re-encrypted"
    assert stat.S_ISFIFO(Path("pipe").stat().st_mode)


# What goes wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize("nameless", [True, False])
def test_a_full_disk_is_told_and_leaves_nothing(
    nameless: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is the user's to mend: which file, why and what next, and no half of a file."""
    if not nameless:
        monkeypatch.setattr("glisecrets.keys.envelope.replacement._NAMELESS", 0)
    before = names()
    for command in ("encrypt", "dump"), ("decrypt", "dump.gs1"):
        with no_room(100_000):
            assert main(["keys", *command, *BACKUP, "-o", "out"]) == 2
        told = " ".join(capsys.readouterr().err.split())
        assert "out cannot be written: File too large" in told
        assert "free space" in told
        assert names() == before


def test_a_full_disk_fails_one_file_and_stops_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    """The long file stays as it is, and the short one moves to the new data key."""
    Path("short").write_bytes(b"short")
    assert main(["keys", "encrypt", "short", *BACKUP]) == 0
    before, there = Path("dump.gs1").read_bytes(), names()
    command = ["--format", "json", "keys", "reencrypt", "dump.gs1", "short.gs1", "--renew"]
    with no_room(100_000):
        assert main([*command, *BACKUP]) == 2
    told = json.loads(capsys.readouterr().out)
    assert [each["outcome"] for each in told["files"]] == ["failed", "re-encrypted"]
    assert "File too large" in told["files"][0]["error"]["message"]
    assert key_of("short.gs1") == told["made"]
    assert Path("dump.gs1").read_bytes() == before
    assert names() == there


def test_no_room_for_a_data_key_keeps_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    """The file of data keys stays whole when a new one cannot be added."""
    before, there = Path("data-keys.json").read_bytes(), names()
    with no_room(10):
        assert main(["keys", "encrypt", "dump", "--field", "backup/other", "-o", "out"]) == 2
    assert "data-keys.json cannot be written: File too large" in capsys.readouterr().err
    assert Path("data-keys.json").read_bytes() == before
    assert names() == there


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full device")
def test_a_full_disk_behind_a_pipe_is_told() -> None:
    """``… --output - > file`` on a full disk: not a bug, and not taken for success."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            (*COMMAND, "decrypt", "dump.gs1", *BACKUP, "-o", "-"),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    assert done.returncode == 2
    assert b"standard output cannot be written: No space left" in done.stderr


COMMANDS = [("reencrypt", "dump.gs1"), ("decrypt", "dump.gs1", "-o", "x[1]")]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_kill_leaves_nothing(command: tuple[str, ...]) -> None:
    """``kill -9`` at the worst moment: no draft, above all none with plain text in it."""
    if keeps_no_nameless_file():
        pytest.skip("this file system has no files without a name")
    assert main(["keys", "reencrypt", "--renew", "nowhere", *BACKUP]) == 2
    before, there = Path("dump.gs1").read_bytes(), names()
    kill(KILLED, *command)
    assert names() == there
    assert Path("dump.gs1").read_bytes() == before
    assert main(["keys", *command, *BACKUP]) == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_kill_leaves_goes_with_the_next_run(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a draft needs a name: it is its owner's alone, and no other file is taken for one."""
    assert main(["keys", "reencrypt", "--renew", "nowhere", *BACKUP]) == 2
    before, there = Path("dump.gs1").read_bytes(), names()
    kill(f"import glisecrets.keys.envelope.replacement as r\nr._NAMELESS = 0\n{KILLED}", *command)
    (left,) = names() - there
    assert left.startswith(".")
    assert Path(left).stat().st_mode & 0o777 == 0o600
    assert Path("dump.gs1").read_bytes() == before
    bystanders = {".dump.gs1.0123456789abcdef", ".x[1].glisecrets.bak", ".x1.0.glisecrets"}
    for name in bystanders:
        Path(name).write_bytes(b"kept")
    monkeypatch.setattr("glisecrets.keys.envelope.replacement._NAMELESS", 0)
    assert main(["keys", *command, *BACKUP]) == 0
    assert names() - {"x[1]"} == there | bystanders


def test_no_run_deletes_the_draft_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two programs write the same file at once: both finish, and the file is one of theirs."""
    monkeypatch.setattr("glisecrets.keys.envelope.replacement._NAMELESS", 0)
    target, before = Path("both").resolve(), names()
    with replacement(target) as first:
        first.write(b"first")
        with replacement(target) as second:
            second.write(b"second")
        assert target.read_bytes() == b"second"
    assert target.read_bytes() == b"first"
    assert names() == before | {"both"}


def test_without_nameless_files_it_works_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS and some file systems: by a hidden file beside it, which goes."""
    monkeypatch.setattr("glisecrets.keys.envelope.replacement._NAMELESS", 0)
    before = names()
    assert main(["keys", "reencrypt", "dump.gs1", "--renew", *BACKUP]) == 0
    assert names() == before
    assert main(["keys", "decrypt", "dump.gs1", *BACKUP, "-o", "out"]) == 0
    assert Path("out").read_bytes() == PLAIN


# Whose they are -----------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_root_takes_no_file_from_its_owner() -> None:
    """A nightly ``reencrypt`` or a new data key leaves both files to the service's account."""
    for name, mode in (("dump.gs1", 0o640), ("data-keys.json", 0o660)):
        os.chown(name, 1234, 1235)
        Path(name).chmod(mode)
    assert main(["keys", "reencrypt", "dump.gs1", "--renew", *BACKUP]) == 0
    found = [Path(name).stat() for name in ("dump.gs1", "data-keys.json")]
    assert [(each.st_uid, each.st_gid) for each in found] == [(1234, 1235)] * 2
    assert [stat.S_IMODE(each.st_mode) for each in found] == [0o640, 0o660]


# The file of data keys behind a link --------------------------------------------------------


def test_data_keys_behind_a_link_stay_there() -> None:
    """Two projects share a file of data keys: what one adds the other has, under one lock."""
    for project in ("one", "two"):
        Path(project).mkdir()
        Path(project, "data-keys.json").symlink_to("../data-keys.json")
        Path(project, "plain").write_bytes(PLAIN)
    label = ("--field", "backup/shared")
    one, two = ("--data-keys", "one/data-keys.json"), ("--data-keys", "two/data-keys.json")
    assert main(["keys", "encrypt", "one/plain", *label, *one]) == 0
    assert main(["keys", "decrypt", "one/plain.gs1", *label, *two, "-o", "two/back"]) == 0
    assert Path("two/back").read_bytes() == PLAIN
    assert Path("one/data-keys.json").is_symlink()
    assert {path.name for path in Path("one").iterdir()} == {
        "data-keys.json",
        "plain",
        "plain.gs1",
    }


def test_a_data_key_is_shredded_behind_a_link() -> None:
    """What was said to be deleted is not still there, in the file that others share."""
    Path("link.json").symlink_to("data-keys.json")
    assert FileDataKeys(Path("link.json")).delete(key_of("dump.gs1"))
    assert list(FileDataKeys(Path("data-keys.json"))) == []
    assert main(["keys", "decrypt", "dump.gs1", *BACKUP, "-o", "out"]) == 2


def test_a_new_data_key_outlives_a_power_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is under it may be far away by then: the folder is written out, not the file alone."""
    synced: list[bool] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    assert main(["keys", "reencrypt", "nowhere", "--renew", *BACKUP]) == 2
    assert synced == [False, True]
