"""``manage.py glisecrets …``: the command line, with this project's settings class known to it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand

if TYPE_CHECKING:
    from argparse import ArgumentParser

__all__ = ["Command"]


class Command(BaseCommand):
    """Passes every argument on to ``glisecrets``; its exit code becomes this command's."""

    help = "Run the glisecrets command line with this project's settings class."
    requires_system_checks = ()

    def run_from_argv(self, argv: list[str]) -> None:
        """Pass the arguments on as they are: also ``--help`` and options that Django knows."""
        self.handle(arguments=argv[2:])

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take anything, for ``call_command("glisecrets", "show")``."""
        parser.add_argument("arguments", nargs="*")

    def handle(self, *_: Any, **options: Any) -> None:
        """Run the command line.

        Raises:
            SystemExit: it ended with another code than 0.
        """
        from glisecrets.cli.main import main

        code = main([*_settings_option(), *options["arguments"]], program="manage.py glisecrets")
        if code:
            sys.exit(code)


def _settings_option() -> list[str]:
    loaded = getattr(settings, "GLISECRETS", None)
    if loaded is None:
        return []
    cls = type(loaded)
    return ["--settings", f"{cls.__module__}:{cls.__qualname__}"]
