"""Ask before something changes."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ..errors import ConfigurationError

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def confirm(question: str, *, yes: bool) -> None:
    """Ask; go on only after a yes.

    Args:
        question: what would happen.
        yes: whether ``--yes`` has answered already.

    Raises:
        ConfigurationError: there is nobody to ask, or the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigurationError(f"not confirmed: {question}", next_step="add --yes")
    if not typer.confirm(question, err=True):
        raise ConfigurationError("not confirmed; nothing has changed")
