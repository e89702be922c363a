"""The command line put together: our commands, those of other packages, and the shared options.

A command's module, ours or another package's, is imported when that command is asked for.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points, version
from inspect import cleandoc
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from .exit_codes import USAGE
from .invocation import Invocation
from .output import Output

#: Our commands, in the order of the help, and the modules whose ``app`` has them.
_OURS = {
    "show": "show",
    "explain": "show",
    "check": "check",
    "run": "run",
    "store": "store",
    "init": "init",
}
#: Other packages add their commands by entry points of this group.
_GROUP = "glisecrets.commands"
#: The options that every command takes; the help shows them apart.
_SHARED = "Shared options"

_HELP = "Settings and secrets: where each value comes from, what is wrong, and what to do."
_EXIT_CODES = (
    "Exit codes: 0 fine; 1 findings; 2 wrong use or configuration; "
    "3 a store cannot be reached or refuses."
)


class Format(StrEnum):
    """How a command prints."""

    TABLE = "table"
    JSON = "json"


class Commands(TyperGroup):
    """The commands by name, each loaded when asked for; one that is broken harms no other."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = dict.fromkeys([*_OURS, *_entry_points()])  # type: ignore[assignment]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - typer's signature
        """Load one command; ``None`` where there is none of that name, or it is broken."""
        if cmd_name in _OURS:
            return _our_command(cmd_name)
        entry_point = _entry_points().get(cmd_name)
        return entry_point and _others_command(entry_point)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that is asked for; of a broken one, the warning has told all."""
        command = self.get_command(ctx, args[0])
        if command is not None:
            return args[0], command, args[1:]
        if args[0] in _entry_points():
            raise typer.Exit(USAGE)
        return super().resolve_command(ctx, args)  # tells that there is none


def command_line() -> Any:
    """Give the whole command line as a click command; its ``obj`` is to be an invocation."""
    app = typer.Typer(
        cls=Commands, help=_HELP, epilog=_EXIT_CODES, no_args_is_help=True, add_completion=False
    )

    @app.callback()
    def _root(
        _version: Annotated[
            bool,
            typer.Option("--version", help="Show the version.", callback=_tell_version),
        ] = False,
    ) -> None: ...

    return _with_shared_options(get_command(app))


def _tell_version(wanted: bool) -> None:
    if wanted:
        Output().line(f"glisecrets {version('glisecrets')}")
        raise typer.Exit


def _our_command(name: str) -> Any:
    module = import_module(f".{_OURS[name]}", __package__)
    command = get_command(module.app)
    # A module with one command gives that, one with several a group.
    command = getattr(command, "commands", {}).get(name, command)
    command.name = name
    return _with_shared_options(command)


@cache
def _entry_points() -> dict[str, EntryPoint]:
    found = {entry_point.name: entry_point for entry_point in entry_points(group=_GROUP)}
    return {name: found[name] for name in sorted(found.keys() - _OURS.keys())}


def _others_command(entry_point: EntryPoint) -> Any:
    try:
        loaded = entry_point.load()
        command = get_command(loaded if isinstance(loaded, typer.Typer) else _wrapped(loaded))
    except Exception as error:  # noqa: BLE001 - another package's code; the others must live
        Output().warning(
            f"the command {entry_point.name} ({entry_point.value}) cannot be loaded: "
            f"{type(error).__name__}",
            "update or uninstall the package that brings it",
        )
        return None
    command.name = entry_point.name
    return _with_shared_options(command)


def _wrapped(command: Any) -> typer.Typer:
    """Make a typer application of a click command: typer has a click of its own within."""
    app = typer.Typer(add_completion=False)
    untouched = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}

    @app.command(context_settings=untouched, help=command.get_short_help_str())
    def run(ctx: typer.Context) -> None:
        command.main(ctx.args, prog_name=ctx.command_path, obj=Invocation.of(ctx))

    return app


def _with_shared_options(command: Any) -> Any:
    """Let a command, and every command in it, take the shared options as well."""
    taken = {name for parameter in command.params for name in parameter.opts}
    command.params += [option for option in _shared_options() if taken.isdisjoint(option.opts)]
    _plain(command)
    for inner in getattr(command, "commands", {}).values():
        if inner is not None:
            _with_shared_options(inner)
    return command


def _plain(command: Any) -> None:
    """Take from the help what tells nothing: flags' types, the line breaks of the source."""
    paragraphs = cleandoc(command.help or "").split("\n\n")
    command.help = "\n\n".join(map(_flowing, paragraphs))
    context = typer.Context(command, **command.context_settings)
    for parameter in command.get_params(context):  # it keeps the --help that it makes for this
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""


def _flowing(paragraph: str) -> str:
    laid_out = any(line.startswith((" ", "- ", "* ", "\b")) for line in paragraph.split("\n"))
    return paragraph if laid_out else " ".join(paragraph.split())


@cache
def _shared_options() -> list[Any]:
    """Give the options as typer makes them from a signature, for want of another stable way."""
    app = typer.Typer(add_completion=False)

    @app.command()
    def _options(
        _format: Annotated[
            Format | None, _shared("--format", "table|json", "How to print. JSON: docs/cli.md.")
        ] = None,
        _environment: Annotated[
            str | None, _shared("--environment", "NAME", "In place of DJANGO_ENV.")
        ] = None,
        _directory: Annotated[
            Path | None, _shared("--directory", "PATH", "The project's; else the current one.")
        ] = None,
        _settings: Annotated[
            str | None, _shared("--settings", "MODULE:CLASS", "In place of pyproject.toml's.")
        ] = None,
        _debug: Annotated[
            bool | None, _shared("--debug", None, "Show the traceback of an unforeseen error.")
        ] = None,
    ) -> None: ...

    options: list[Any] = get_command(app).params
    for option in options:
        option.expose_value = False
    return options


def _shared(name: str, metavar: str | None, told: str) -> Any:
    attribute = name.removeprefix("--")

    def remember(ctx: typer.Context, value: Any) -> None:
        # Before and after the command's name are both fine; the later one counts.
        if value is not None and value is not False:
            setattr(Invocation.of(ctx), attribute, value)

    return typer.Option(
        name, metavar=metavar, help=told, callback=remember, rich_help_panel=_SHARED
    )
