"""The command line: commands, output formats and exit codes.

:func:`glisecrets.cli.main.main` is the way in. A package adds a command by an entry point of the
group ``glisecrets.commands`` that names a ``typer.Typer`` or a click command; there,
``Invocation.of(ctx)`` gives the options that all commands share, and the output.
"""

from .invocation import Invocation
from .output import Output
from .project import Project

__all__ = ["Invocation", "Output", "Project"]
