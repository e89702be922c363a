"""Running a child in a terminal of its own, and this process's terminal joined to it."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import termios
import tty
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING

from .child import signals_forwarded
from .pumps import Pump

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: Seconds that output may be held back for being the start of a secret: the echo of a key, a
#: prompt. In a pipe nobody waits, and nothing is let through before it is known.
_IDLE = 0.1


def run_in_terminal(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command in a new terminal that looks like ours; give its return code.

    Raises:
        OSError: it cannot be started.
    """
    with ExitStack() as stack:
        attach = stack.enter_context(signals_forwarded(shared_keyboard=False))
        outer, inner = pty.openpty()
        ours = stack.enter_context(os.fdopen(outer, "r+b", buffering=0))
        _copy_size(outer)
        with os.fdopen(inner, "r+b", buffering=0) as theirs:
            process = stack.enter_context(_started(command, environment, theirs))
        attach(process)
        stack.enter_context(_raw_keyboard())
        stack.enter_context(_size_followed(outer))
        return _joined(process, ours)


def _started(
    command: Sequence[str], environment: Mapping[str, str], terminal: IO[bytes]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        env=environment,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal if os.isatty(2) else subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
        preexec_fn=_take_terminal,  # noqa: PLW1509 - one system call, and no other thread runs yet
    )


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _joined(process: subprocess.Popen[bytes], terminal: IO[bytes]) -> int:
    pumps = [Pump(terminal, 1, idle=_IDLE)]
    if process.stderr:
        pumps.append(Pump(process.stderr, 2))
    with os.fdopen(0, "rb", buffering=0, closefd=False) as keyboard:
        typing = Pump(keyboard, terminal.fileno(), masked=False)
        code = process.wait()
        typing.finish(patience=0)
    for pump in pumps:
        pump.finish()
    return code


@contextmanager
def _raw_keyboard() -> Iterator[None]:
    """Hand every key to the child's terminal, which makes lines and signals of them."""
    before = termios.tcgetattr(0)
    tty.setraw(0, termios.TCSADRAIN)  # what was typed ahead is for the child
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


@contextmanager
def _size_followed(terminal: int) -> Iterator[None]:
    before = signal.signal(signal.SIGWINCH, lambda *_: _copy_size(terminal))
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


def _copy_size(terminal: int) -> None:
    size = fcntl.ioctl(1, termios.TIOCGWINSZ, bytes(8))
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)
