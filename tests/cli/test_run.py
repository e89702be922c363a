"""``glisecrets run``: a program with the settings in its environment and its output masked."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
from base64 import b64encode
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Project

PYTHON = sys.executable


@contextmanager
def started(project: Project, *arguments: str, **streams: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command line in a session of its own, so that no keyboard is ours."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(
        project.command(*arguments), cwd=project.root, start_new_session=True, **(pipes | streams)
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def line_of(stream: IO[bytes] | None) -> bytes:
    """Read one line."""
    assert stream is not None
    return stream.readline()


def test_the_program_has_every_setting_as_a_variable(project: Project) -> None:
    """A program that knows nothing of glisecrets reads the values: text, JSON, true and false."""
    code = "import json, os; json.dump(dict(os.environ), open('seen.json', 'w'))"
    assert project.process("run", "--", PYTHON, "-c", code).code == 0
    seen = json.loads((project.root / "seen.json").read_text("utf-8"))
    assert seen["DJANGO_ENV"] == "development"
    assert seen["PORT"] == "8000"
    assert seen["DEBUG"] == "false"
    assert json.loads(seen["ALLOWED_HOSTS"]) == ["localhost", "127.0.0.1"]
    assert seen["TOKEN"] == project.values["token"]
    assert seen["KEY"] == project.values["key"]
    assert json.loads(seen["DATABASE"]) == {
        "username": "api",
        "password": project.values["password"],
        "port": 5432,
    }
    assert seen["PATH"] == os.environ["PATH"]


def test_a_program_with_the_same_settings_reads_them_back(project: Project) -> None:
    """What is injected is what the class itself would have read."""
    (module,) = project.root.glob("settings_*.py")
    code = (
        f"import {module.stem} as m; s = m.settings; "
        f"assert str(s.origin('token')) == 'process: variable TOKEN', s.origin('token'); "
        f"assert s.database.port == 5432 and s.allowed_hosts == ['localhost', '127.0.0.1']"
    )
    done = project.process("run", PYTHON, "-c", code, GLISECRETS_STORE="local")
    assert done.code == 1  # the store is the stronger layer there
    assert "store: gli/api/development#token" in done.err


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_output_is_masked_in_every_form(project: Project, stream: str) -> None:
    """A program that prints what it has been given leaks nothing into the log."""
    code = (
        "import base64, os, sys, urllib.parse\n"
        f"out = sys.{stream}\n"
        "t, k = os.environ['TOKEN'], os.environ['KEY']\n"
        "print('t', t, 'b', base64.b64encode(t.encode()).decode(), 'u',"
        " urllib.parse.quote(t, ''), file=out)\n"
        "print(k, os.environ['DATABASE'], file=out)\n"
    )
    done = project.process("run", "--", PYTHON, "-c", code)
    text = done.out + done.err
    assert text.count("[redacted:token]") == 3
    token, password = project.values["token"], project.values["password"]
    hidden = [
        token,
        b64encode(token.encode()).decode(),
        quote(token, ""),
        password,
        json.dumps(password)[1:-1],
        *project.values["key"].splitlines()[1:-1],
    ]
    assert not any(form in text for form in hidden)


@pytest.mark.parametrize("cut", [1, 20])
def test_a_secret_written_in_two_pieces_is_masked(project: Project, cut: int) -> None:
    """Buffers end anywhere; the first piece is kept back however long the second one takes."""
    code = (
        "import os, time\n"
        "t = ('<' + os.environ['TOKEN'] + '>').encode()\n"
        f"os.write(1, t[:{cut}])\n"
        "time.sleep(0.3)\n"  # makes two chunks of it; with one the test passes as well
        f"os.write(1, t[{cut}:])\n"
    )
    assert project.process("run", "--", PYTHON, "-c", code).out == "<[redacted:token]>"


def test_fifty_megabytes_pass_unchanged(project: Project) -> None:
    """A dump through a pipe: nothing is lost, buffered whole or stuck, on both streams at once."""
    code = (
        "import os, threading\n"
        "line = bytes(range(256)) * 256\n"
        "def write(fd):\n"
        "    for _ in range(400):\n"
        "        view = memoryview(line)\n"
        "        while view: view = view[os.write(fd, view):]\n"
        "threads = [threading.Thread(target=write, args=(fd,)) for fd in (1, 2)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
    )
    done = subprocess.run(
        project.command("run", "--", PYTHON, "-c", code),
        cwd=project.root,
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert len(done.stdout) == len(done.stderr) == 26_214_400
    assert done.stdout == bytes(range(256)) * 102_400


def test_a_program_that_waits_shows_what_it_has_written(project: Project) -> None:
    """Output streams: a line is there while the program still runs."""
    with started(project, "run", "--", "sh", "-c", "echo ready; exec sleep 30") as process:
        assert line_of(process.stdout) == b"ready\n"
        assert process.poll() is None


def test_standard_input_is_the_programs_own(project: Project) -> None:
    """``glisecrets run -- psql < dump.sql`` works, binary too."""
    given = bytes(range(256)) * 1000
    code = "import sys, hashlib; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())"
    done = project.process("run", "--", PYTHON, "-c", code, given=given)
    assert done.out.strip() == hashlib.sha256(given).hexdigest()


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["true"], 0),
        (["sh", "-c", "exit 7"], 7),
        (["sh", "-c", "kill -KILL $$"], 128 + signal.SIGKILL),
        (["no-such-program"], 127),
        (["./data.txt"], 126),
        (["/"], 126),
    ],
)
def test_the_exit_code_is_passed_on(project: Project, command: list[str], code: int) -> None:
    """A supervisor sees what it would see without us."""
    project.write("data.txt", "no program")
    done = project.process("run", "--", *command)
    assert done.code == code
    if code in (126, 127):
        assert command[0] in done.err
        assert ("it is a folder" in done.err) == (command == ["/"])


@pytest.mark.parametrize(
    ("name", "mask"),
    [
        ("SIGINT", "--mask"),
        ("SIGTERM", "--mask"),
        ("SIGHUP", "--mask"),
        ("SIGUSR1", "--mask"),
        ("SIGTERM", "--no-mask"),
    ],
)
def test_signals_reach_the_program(project: Project, name: str, mask: str) -> None:
    """A container that is stopped lets the program finish its work."""
    code = (
        "import signal, sys\n"
        f"awaited = {{signal.{name}}}\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, awaited)\n"  # none is lost before sigwait
        "print('ready', flush=True)\n"
        "print('got', signal.Signals(signal.sigwait(awaited)).name, flush=True)\n"
        "sys.exit(40)\n"
    )
    with started(project, "run", mask, "--", PYTHON, "-c", code) as process:
        assert line_of(process.stdout) == b"ready\n"
        process.send_signal(getattr(signal, name))
        assert line_of(process.stdout) == f"got {name}\n".encode()
        assert process.wait(10) == 40


def test_a_program_that_a_signal_ends_gives_128_and_its_number(project: Project) -> None:
    """As in every shell."""
    with started(project, "run", "--", "sh", "-c", "echo ready; exec sleep 30") as process:
        line_of(process.stdout)
        process.terminate()
        assert process.wait(10) == 128 + signal.SIGTERM


def test_what_a_program_leaves_behind_holds_nobody_up(project: Project) -> None:
    """A daemon that keeps the output open does not keep the command line open."""
    done = project.process("run", "--", "sh", "-c", "sleep 300 & echo $!")
    os.kill(int(done.out), signal.SIGKILL)
    assert done.code == 0


def test_a_reader_that_goes_away_ends_the_program(project: Project) -> None:
    """``glisecrets run -- yes | head`` ends, as it does without us."""
    with started(project, "run", "--", "yes") as process:
        assert line_of(process.stdout) == b"y\n"
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(10) == 128 + signal.SIGPIPE


def test_no_mask_leaves_the_output_alone(project: Project) -> None:
    """For binary output, and for whoever wants to see."""
    done = project.process("run", "--no-mask", "--", "sh", "-c", "printenv TOKEN; exit 9")
    assert (done.code, done.out) == (9, project.values["token"] + "\n")


def test_nothing_is_started_with_faulty_settings(project: Project) -> None:
    """A program never runs with half its settings."""
    project.store.delete("gli/api/development")
    done = project.process("run", "--", "touch", "started")
    assert done.code == 1
    assert "token  missing" in done.err
    assert not (project.root / "started").exists()


# On a terminal ------------------------------------------------------------------------------


@contextmanager
def at_terminal(project: Project, code: str) -> Iterator[tuple[subprocess.Popen[bytes], int, int]]:
    """Run Python code under ``glisecrets run`` at a terminal; give process, our end, its end."""
    ours, theirs = pty.openpty()
    streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    try:
        with started(project, "run", "--", PYTHON, "-c", code, **streams) as process:
            yield process, ours, theirs
    finally:
        os.close(ours)
        os.close(theirs)


def until(ours: int, expected: bytes) -> bytes:
    """Read from a terminal until a text has come."""
    seen = b""
    while expected not in seen:
        assert select.select([ours], [], [], 20)[0], seen
        seen += os.read(ours, 65536)
    return seen


def test_at_a_terminal_the_program_has_a_terminal(project: Project) -> None:
    """Colours, prompts and editors work, the size is right, and secrets are masked all the same."""
    code = (
        "import os, sys\n"
        "print([os.isatty(n) for n in (0, 1, 2)], os.get_terminal_size(), os.environ['TOKEN'])\n"
        "print('name', input('who? '))\n"
    )
    with at_terminal(project, code) as (process, ours, theirs):
        termios.tcsetwinsize(theirs, (33, 77))
        before = termios.tcgetattr(theirs)
        seen = until(ours, b"who? ")
        assert b"[True, True, True] os.terminal_size(columns=77, lines=33)" in seen
        assert b"[redacted:token]" in seen
        assert project.values["token"].encode() not in seen
        os.write(ours, b"Ada\r")
        until(ours, b"name Ada")
        assert process.wait(10) == 0
        assert termios.tcgetattr(theirs) == before


def test_at_a_terminal_what_is_typed_ahead_is_read(project: Project) -> None:
    """Who types the answer while the program starts need not type it again."""
    with at_terminal(project, "print('name', input('who? '))") as (process, ours, _):
        os.write(ours, b"Ada\n")
        until(ours, b"name Ada")
        assert process.wait(10) == 0


def test_at_a_terminal_keys_make_signals(project: Project) -> None:
    """Ctrl-C stops what runs, once, and the command line passes its exit code on."""
    code = (
        "import signal, sys\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})\n"  # none is lost before sigwait
        "print('ready')\n"
        "signal.sigwait({signal.SIGINT})\n"
        "print('interrupted')\n"
        "sys.exit(41)\n"
    )
    with at_terminal(project, code) as (process, ours, _):
        until(ours, b"ready")
        os.write(ours, b"\x03")
        seen = until(ours, b"interrupted")
        assert process.wait(10) == 41
        assert seen.count(b"interrupted") == 1
