"""``glisecrets run -- COMMAND``: a program with the settings in its environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..environment import VARIABLE
from ..errors import ConfigurationError
from .invocation import Invocation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

app = typer.Typer(add_completion=False)

#: As ``env``, ``nohup`` and shells have them.
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126


@app.command(context_settings={"allow_interspersed_args": False})
def run(
    ctx: typer.Context,
    command: Annotated[
        list[str], typer.Argument(metavar="COMMAND", help="The program and its arguments.")
    ],
    mask: Annotated[
        bool, typer.Option("--mask/--no-mask", help="Mask secrets in what the program writes.")
    ] = True,
) -> None:
    """Run a program with the settings as environment variables, its output masked.

    Its exit code is passed on (128 + n for signal n; 127: not found, 126: cannot be run), and so
    are standard input and signals.
    """
    invocation = Invocation.of(ctx)
    raise typer.Exit(_run(invocation, command, _environment(invocation), mask=mask))


def _environment(invocation: Invocation) -> dict[str, str]:
    cls = invocation.settings_class()
    from .injection import variables_of

    environment, directory = invocation.current_environment(), invocation.project.directory
    with invocation.output.progress("reading the layers"):
        settings = cls.load(environment=environment, directory=directory)
    return {**os.environ, VARIABLE: environment, **variables_of(settings)}


def _run(
    invocation: Invocation, command: Sequence[str], environment: Mapping[str, str], *, mask: bool
) -> int:
    from .child import run_child, run_child_masked

    try:
        return (run_child_masked if mask else run_child)(command, environment)
    except OSError as error:
        # The error of a command that cannot be started holds its name and no variable.
        reason, found = error.strerror, not isinstance(error, FileNotFoundError)
    step = _step(command[0]) if found else "check its name and PATH"
    invocation.output.failure(
        ConfigurationError(f"cannot run {command[0]}: {reason}", next_step=step)
    )
    return _NOT_EXECUTABLE if found else _NOT_FOUND


def _step(program: str) -> str:
    return "it is a folder: name a program" if Path(program).is_dir() else "check its mode"
