"""Running a child program: output masked, signals and exit code passed on.

On a terminal the child gets a terminal of its own, so that colours, prompts and editors work;
else pipes. Standard input is always the child's own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .pumps import Pump

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import FrameType

_FORWARDED = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
#: What the keyboard sends to the child as well, if that is in our process group.
_FROM_KEYBOARD = frozenset({signal.SIGINT, signal.SIGQUIT})


def run_child(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command with this process's own streams; give its exit code, as shells do.

    Raises:
        OSError: it cannot be started.
    """
    with (
        signals_forwarded(shared_keyboard=True) as to,
        subprocess.Popen(command, env=environment) as process,
    ):
        to(process)
        return exit_code(process.wait())


def run_child_masked(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command with its output masked; give its exit code, as shells do.

    Raises:
        OSError: it cannot be started.
    """
    if os.isatty(0) and os.isatty(1):
        from .terminal import run_in_terminal

        return exit_code(run_in_terminal(command, environment))
    with (
        signals_forwarded(shared_keyboard=True) as to,
        subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        ) as process,
    ):
        to(process)
        streams = ((process.stdout, 1), (process.stderr, 2))
        pumps = [Pump(stream, target) for stream, target in streams if stream]
        code = process.wait()
        for pump in pumps:
            pump.finish()
        return exit_code(code)


def exit_code(returncode: int) -> int:
    """Give the exit code as shells do: 128 + n where signal n ended the child."""
    return returncode if returncode >= 0 else 128 - returncode


@contextmanager
def signals_forwarded(
    *, shared_keyboard: bool
) -> Iterator[Callable[[subprocess.Popen[bytes]], None]]:
    """Pass signals on to the child that is named; those that come earlier, at that moment.

    Args:
        shared_keyboard: whether a key like Ctrl-C reaches the child without our help.
    """
    forwarder = _Forwarder(shared_keyboard=shared_keyboard)
    with _handled(forwarder):
        yield forwarder.attach


class _Forwarder:
    """The signal handler; a class, because signals may come before the child is there."""

    def __init__(self, *, shared_keyboard: bool) -> None:
        self._shared_keyboard = shared_keyboard
        self._process: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        if self._shared_keyboard and number in _FROM_KEYBOARD and _in_foreground():
            return
        if self._process is None:
            self._early.append(number)
        else:
            self._process.send_signal(number)

    def attach(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        for number in self._early:
            process.send_signal(number)


@contextmanager
def _handled(handler: _Forwarder) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals
        return
    # What nohup and the like made us ignore, the child ignores too.
    before = {number: signal.getsignal(number) for number in _FORWARDED}
    taken = {number: old for number, old in before.items() if old is not signal.SIG_IGN}
    for number in taken:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in taken.items():
            signal.signal(number, old)


def _in_foreground() -> bool:
    """Tell whether this process group gets what is typed at its terminal."""
    with suppress(OSError), Path("/dev/tty").open("rb", buffering=0) as terminal:
        return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    return False
