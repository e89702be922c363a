"""One invocation of the command line: the options that all commands share, and what they mean."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..environment import VARIABLE, Environment, current_environment
from .output import Output
from .project import Project

if TYPE_CHECKING:
    from ..loading import LoadContext
    from ..settings import Settings


@dataclass
class Invocation:
    """The shared options as given; a command gets it by :meth:`of`."""

    #: ``table`` or ``json``.
    format: str = "table"
    #: In place of ``DJANGO_ENV``.
    environment: str | None = None
    #: Where the project is; default the current directory.
    directory: Path | None = None
    #: ``module:Class``, in place of pyproject.toml's.
    settings: str | None = None
    #: Whether an unforeseen error prints its traceback.
    debug: bool = False

    @classmethod
    def of(cls, context: Any) -> Invocation:
        """Give the invocation that a command's typer or click context belongs to."""
        invocation = context.find_root().obj
        return invocation if isinstance(invocation, cls) else cls()

    @property
    def output(self) -> Output:
        """Where the command prints."""
        return Output(as_json=self.format == "json")

    @cached_property
    def project(self) -> Project:
        """The project that is worked on."""
        return Project.find(self.directory or Path.cwd(), self.settings)

    def current_environment(self) -> Environment:
        """Give the environment that is worked in, which imported modules see too.

        Raises:
            ConfigurationError: ``--environment`` or ``DJANGO_ENV`` names none.
        """
        if self.environment:
            os.environ[VARIABLE] = str(Environment.parse(self.environment))
        return current_environment()

    @property
    def environment_told(self) -> str:
        """The environment, and why it is that one where nobody chose it."""
        environment = self.current_environment()
        return f"{environment}" + ("" if os.environ.get(VARIABLE) else f" ({VARIABLE} is not set)")

    def settings_class(self) -> type[Settings]:
        """Import the project's settings class.

        Raises:
            ConfigurationError: none is named, or it cannot be imported.
        """
        self.current_environment()
        return self.project.settings_class()

    def load_context(self, store: str | None = None) -> LoadContext:
        """Give what a load takes from its surroundings.

        Args:
            store: a store's address, in place of ``GLISECRETS_STORE`` and the class's own choice.
        """
        from ..loading import LoadContext

        environment = self.current_environment()
        return LoadContext(environment=environment, directory=self.project.directory, store=store)
