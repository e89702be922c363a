"""A secret named on the command line: its store opened, behind the environment guard."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ..errors import ConfigurationError, EnvironmentMismatch
from ..guard import Guard
from ..references import Reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..environment import Environment
    from ..stores.base import Store
    from .invocation import Invocation

StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store", metavar="ADDRESS", help="aws, vault:…, local:…; in place of GLISECRETS_STORE."
    ),
]
NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="The secret; {environment} is filled in.")
]
ReferenceArgument = Annotated[
    str,
    typer.Argument(
        metavar="REFERENCE", help="NAME, NAME#key, NAME@version; {environment} is filled in."
    ),
]


class Addressed(NamedTuple):
    """A reference, the store that it leads to, and the guard that let it pass."""

    store: Store
    reference: Reference
    guard: Guard

    def admit(self, secret: str) -> None:
        """Hold another secret of the same store against the guard.

        Raises:
            EnvironmentMismatch: it belongs to another environment.
        """
        self.guard.check_reference(replace(self.reference, secret=secret))


@contextmanager
def addressed(
    invocation: Invocation,
    text: str,
    address: str | None = None,
    *,
    permitted: Sequence[Environment] | None = None,
) -> Iterator[Addressed]:
    """Read a reference, hold it against the guard and open its store; close that afterwards.

    Args:
        invocation: gives environment and project.
        text: the reference; ``{environment}`` in it is filled in.
        address: the store, in place of ``GLISECRETS_STORE``; a store in the reference overrides.
        permitted: other environments that it may belong to, as ``--allow-environment`` says;
            ``None`` for a command without that option.

    Raises:
        ConfigurationError: no reference, or no store.
        EnvironmentMismatch: it belongs to another environment.
    """
    environment = invocation.current_environment()
    reference = Reference.parse(text.replace("{environment}", environment))
    with opened(invocation, address, reference.store, permitted=permitted) as (store, guard):
        guard.check_reference(reference)
        yield Addressed(store, reference, guard)


@contextmanager
def opened(
    invocation: Invocation,
    address: str | None,
    scheme: str | None = None,
    *,
    permitted: Sequence[Environment] | None = None,
) -> Iterator[tuple[Store, Guard]]:
    """Open the store at an address, or the project's own; close it afterwards.

    Raises:
        ConfigurationError: stores are off, or there is none of that address.
        EnvironmentMismatch: the address belongs to another environment.
    """
    from ..access import StoreAccess

    options, context = invocation.project.load_options(), invocation.load_context(address)
    environment, directory = invocation.current_environment(), invocation.project.directory
    guard = prompt_guard(invocation, permitted)
    store = StoreAccess(environment, options, context, guard, directory).opened(scheme)
    if store is None:
        raise ConfigurationError(
            "no store is in use here", next_step="pass --store aws, vault:… or local:…"
        )
    try:
        yield store, guard
    finally:
        store.close()


def prompt_guard(
    invocation: Invocation, permitted: Sequence[Environment] | None = None
) -> PromptGuard:
    """Give the guard of the project, for a person at a prompt: see :func:`addressed`."""
    usual = Guard.of(invocation.current_environment(), invocation.project.load_options())
    return PromptGuard(usual.environment, usual.allow, usual.accounts, permitted)


@dataclass(frozen=True, slots=True)
class PromptGuard(Guard):
    """The guard for a person at a prompt, who may permit environments and is told how."""

    permitted: Sequence[Environment] | None = None

    def check_name(self, name: str, what: str) -> None:
        """Refuse a name of an environment that is not permitted.

        Raises:
            EnvironmentMismatch: it is one.
        """
        with self._lenient():
            Guard.check_name(self, name, what)

    def check_reference(self, reference: Reference) -> None:
        """Refuse a reference to an environment that is not permitted, by name or account.

        Raises:
            EnvironmentMismatch: it is one.
        """
        with self._lenient():
            Guard.check_reference(self, reference)

    def check_hidden(self, text: str, what: str) -> None:
        """Refuse a text of another environment, unless that environment is permitted."""
        with self._lenient():
            Guard.check_hidden(self, text, what)

    def check_place(
        self,
        scheme: str,
        place: str,
        environ: Mapping[str, str],
        what: str = "the store's address",
    ) -> None:
        """Refuse a place of another environment, unless that environment is permitted."""
        with self._lenient():
            Guard.check_place(self, scheme, place, environ, what)

    @contextmanager
    def _lenient(self) -> Iterator[None]:
        try:
            yield
        except EnvironmentMismatch as error:
            if error.belongs_to and set(error.belongs_to) <= set(self.permitted or ()):
                return
            if len(error.belongs_to) == 1:
                option = "--environment" if self.permitted is None else "--allow-environment"
                error.next_step = f"pass {option} {error.belongs_to[0]} if that is what you mean"
            raise
