"""What the commands share: the project's declared secrets, its store and an engine for both."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glisecrets.cli import exit_codes
from glisecrets.cli.addressed import opened
from glisecrets.cli.output import error_document
from glisecrets.errors import GlisecretsError
from glisecrets.references import Reference, short

from ..engine import Engine
from ..errors import RotationError
from ..operations.in_flight import in_flight
from ..policy.declared import Declared, declared_secrets
from ..policy.inspection import Condition, inspect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import timedelta

    from glisecrets.cli import Invocation
    from glisecrets.guard import Guard

NamesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME…", help="Secrets; {environment} is filled in."),
]
LambdaOption = Annotated[
    str | None,
    typer.Option(
        "--lambda",
        metavar="ARN",
        envvar="GLISECRETS_ROTATION_LAMBDA",
        show_envvar=False,
        help="The function that rotates; else GLISECRETS_ROTATION_LAMBDA.",
    ),
]


@dataclass(frozen=True, slots=True)
class Rotating:
    """An open store, what is declared of its secrets, and the engine that rotates them."""

    engine: Engine
    guard: Guard
    declared: Sequence[Declared]

    def named(self, texts: Iterable[str]) -> list[str]:
        """Give the secrets that a person named.

        Raises:
            EnvironmentMismatch: one belongs to another environment.
            InvalidReference: one is no name.
        """
        names = []
        for text in texts:
            reference = Reference.parse(text.replace("{environment}", self.guard.environment))
            self.guard.check_reference(reference)
            names.append(reference.secret)
        return list(dict.fromkeys(names))

    def conditions(self, secrets: Iterable[str]) -> list[Condition]:
        """Inspect secrets, some at the same time."""
        return in_flight(partial(inspect, self.engine), secrets)


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one secret: an outcome in a word or two, or an error."""

    secret: str
    outcome: str = ""
    version_id: str | None = None
    error: GlisecretsError | None = None


@contextmanager
def rotating(invocation: Invocation, address: str | None) -> Iterator[Rotating]:
    """Open the project's store, and read what its settings class declares.

    Raises:
        ConfigurationError: no store, a class that cannot be imported or contradicts itself.
        EnvironmentMismatch: the store or a secret belongs to another environment.
    """
    environment = invocation.current_environment()
    declares = invocation.project.settings is not None
    every = declared_secrets(invocation.settings_class(), environment) if declares else []
    with opened(invocation, address) as (store, guard):
        here = [each for each in every if each.reference.store in {None, store.scheme}]
        for each in here:
            guard.check_reference(each.reference)
        options = {each.secret: each.options for each in here}
        if len(here) < len(every):
            invocation.output.note("secrets of other stores are left out: name one with --store")
        yield Rotating(Engine(store, declared=options), guard, here)


def each_done(
    invocation: Invocation, doing: str, work: Callable[[str], Done], secrets: Sequence[str]
) -> list[Done]:
    """Do something for every secret, some at the same time; what fails stops no other."""
    with invocation.output.progress(doing, total=len(secrets)) as advance:

        def one(secret: str) -> Done:
            try:
                return work(secret)
            except GlisecretsError as error:
                return Done(secret, "failed", error=error)
            finally:
                advance()

        return in_flight(one, secrets)


def report(invocation: Invocation, done: Sequence[Done]) -> None:
    """Print what became of the secrets; leave with an exit code if something failed."""
    if invocation.output.as_json:
        invocation.output.json({"secrets": [_document(each) for each in done]})
    else:
        rows = [[each.secret, each.outcome, short(each.version_id)] for each in done]
        invocation.output.table(["secret", "outcome", "version"], rows)
        for each in done:
            if each.error:
                explain(invocation, each.error)
    leave([each.error for each in done if each.error])


def explain(invocation: Invocation, error: GlisecretsError) -> None:
    """Print an error that does not end the command, on stdout beside the table."""
    invocation.output.line()
    secret = error.secret if isinstance(error, RotationError) else None
    # Most messages begin with the name.
    whose = secret if secret and secret not in error.message else ""
    rows = [("secret", whose), ("error", error.message), ("next", error.next_step)]
    invocation.output.labelled(rows)


def leave(errors: Sequence[GlisecretsError]) -> None:
    """End the command with the exit code that its errors ask for, if there are any."""
    codes = {exit_codes.code_of(error) for error in errors}
    if codes:
        raise typer.Exit(max(codes))


def told_age(age: timedelta) -> str:
    """Write a duration as people say it, by its largest unit: ``91 d``, ``5 h``."""
    seconds = int(abs(age).total_seconds())
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _document(done: Done) -> dict[str, Any]:
    return {
        "secret": done.secret,
        "outcome": done.outcome,
        "version_id": done.version_id,
        "error": error_document(done.error),
    }
