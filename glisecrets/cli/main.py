"""The way in: arguments to exit code. Nothing is printed that the process's redactor knows."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ..errors import GlisecretsError, MissingExtra
from . import exit_codes
from .invocation import Invocation
from .output import MaskedText

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NEEDED = ("typer", "rich")


def main(argv: Sequence[str] | None = None, *, program: str = "glisecrets") -> int:
    """Run one command, and give its exit code: see :mod:`glisecrets.cli.exit_codes`.

    The console script, ``python -m glisecrets`` and callers in the same process all come in here.

    Args:
        argv: the arguments without the program's name; default ``sys.argv[1:]``.
        program: what a person typed to come here, for the help.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not all(map(find_spec, _NEEDED)):
        sys.stderr.write(f"glisecrets: {MissingExtra('the command line', 'cli')}\n")
        return exit_codes.USAGE
    with _masked_streams(), _environment_restored():
        return _run(arguments, program, Invocation())


def _run(arguments: list[str], program: str, invocation: Invocation) -> int:
    from .app import command_line

    try:
        command_line().main(arguments, prog_name=program, obj=invocation)
    except SystemExit as done:
        return _code(done.code)
    except GlisecretsError as error:
        invocation.output.failure(error)
        return exit_codes.code_of(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, no local variable may be shown
        invocation.output.crash(error, traceback=invocation.debug)
        return exit_codes.BUG
    return exit_codes.FINE


def _code(code: object) -> int:
    if code is None:
        return exit_codes.FINE
    return code if isinstance(code, int) else exit_codes.USAGE


@contextmanager
def _masked_streams() -> Iterator[None]:
    with redirect_stdout(MaskedText(sys.stdout)), redirect_stderr(MaskedText(sys.stderr)):
        yield


@contextmanager
def _environment_restored() -> Iterator[None]:
    """Undo what a command sets for the modules that it imports: ``DJANGO_ENV``, ``sys.path``."""
    variables, path = dict(os.environ), list(sys.path)
    try:
        yield
    finally:
        sys.path[:] = path
        if variables != dict(os.environ):
            os.environ.clear()
            os.environ.update(variables)
