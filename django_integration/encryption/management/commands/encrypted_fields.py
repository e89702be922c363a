"""``manage.py encrypted_fields …``: the data keys, the rows under them, and blind indexes.

Each action that goes through rows can be stopped, and goes on when it is run again.
"""

from __future__ import annotations

from argparse import ArgumentTypeError
from contextlib import redirect_stdout
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from glisecrets.errors import GlisecretsError, MissingExtra

if TYPE_CHECKING:
    from argparse import ArgumentParser

__all__ = ["Command"]

_BATCH = 500
_STOPPED = 130
_HELP = {
    "status": "Show the fields and their data keys.",
    "provision": "Make the data keys that are not there yet.",
    "encrypt": "Copy a plain column to an encrypted one, while rows are in use.",
    "verify": "Compare a plain column with its encrypted copy.",
    "renew": "Make a new data key for what is encrypted from now on.",
    "reencrypt": "Encrypt anew what is under old data keys.",
    "rewrap": "Encrypt the data keys anew under the wrapping key; no row is touched.",
    "shred": "Delete a data key, and so every value under it, for ever.",
    "index": "Build a blind index from the values of its field.",
}
_COLUMNS = ("model", "source", "target")
_POSITIONAL = {
    "encrypt": _COLUMNS,
    "verify": _COLUMNS,
    "renew": ("label",),
    "shred": ("key_id",),
    "index": ("field",),
}
_FLAGS = {
    "status": {"--rows": "Count the rows under each data key; reads whole tables."},
    "encrypt": {"--overwrite": "Write also where TARGET holds another value."},
    "shred": {
        "--give-up": "Also while the key is in use: every value under it is lost.",
        "--yes": "Do not ask.",
    },
    "index": {"--check": "Write nothing; tell which rows are not indexed by their value."},
}
_IN_BATCHES = ("encrypt", "verify", "reencrypt", "index")


class Command(BaseCommand):
    """Parses, and prints errors; :mod:`..actions` does the work."""

    help = "Look after encrypted fields: data keys, rows and blind indexes."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare a sub-command for each action."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        for name, told in _HELP.items():
            action = actions.add_parser(name, help=told, description=told)
            for argument in _POSITIONAL.get(name, ()):
                action.add_argument(argument, metavar=argument.upper())
            if name == "reencrypt":
                action.add_argument("fields", nargs="*", metavar="FIELD", help="Default: all.")
            for flag, about in _FLAGS.get(name, {}).items():
                action.add_argument(flag, action="store_true", help=about)
            if name in _IN_BATCHES:
                about = "Rows in one transaction; default: %(default)s."
                action.add_argument("--batch", type=_positive, default=_BATCH, help=about)
            about = "Default: the models' own."
            action.add_argument(
                "--database", metavar="ALIAS", choices=list(connections), help=about
            )
            action.add_argument("--json", action="store_true", help="Print JSON.")

    def handle(self, *_: Any, **options: Any) -> None:
        """Run one action.

        Raises:
            CommandError: it failed, was stopped, or found what must not be.
        """
        if not all(map(find_spec, ("rich", "typer"))):
            raise CommandError(str(MissingExtra("this command", "cli")))
        from ...actions import Actions

        # Past Django's wrapper, which ends each write with a line break.
        stdout: Any = self.stdout._out  # noqa: SLF001
        actions = Actions(as_json=options["json"], using=options["database"])
        try:
            with redirect_stdout(stdout):
                faults = getattr(actions, options["action"])(options)
        except GlisecretsError as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            told = "stopped; what is done stays done, and the same command does the rest"
            raise CommandError(told, returncode=_STOPPED) from None
        if faults:
            raise CommandError("\n".join(faults))


def _positive(number: str) -> int:
    """Read how many rows; fewer than one would be none, and look like a success."""
    if number.isdecimal() and int(number):
        return int(number)
    raise ArgumentTypeError(f"{number!r} is no number above zero")
