"""``glisecrets keys kms …``: the KMS keys of the catalogue, and the account's."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from glisecrets.cli import Invocation, exit_codes
from glisecrets.cli.confirming import YesOption, confirm
from glisecrets.errors import ConfigurationError, GlisecretsError
from glisecrets.pyproject import table_in

from .kms_printing import print_changes, print_findings, print_policies

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..kms.declared import KmsKey
    from ..kms.place import Place
    from ..kms.planning import Change, KeyPlan
    from ..kms.site import Sites

    #: What went wrong, by key.
    Errors = dict[str, GlisecretsError]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="KMS keys, one per data class and component: compare, create and mend, audit.",
)

NamesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="KEY…", help="Keys of the catalogue; default: all.")
]
RegionOption = Annotated[
    str | None, typer.Option("--region", metavar="REGION", help="Where the keys are.")
]
ProfileOption = Annotated[
    str | None, typer.Option("--profile", metavar="NAME", help="Of ~/.aws/config.")
]


@dataclass(frozen=True, slots=True)
class _Work:
    """What a command works on."""

    sites: Sites
    keys: Sequence[KmsKey]

    @property
    def place(self) -> Place:
        """The home Region."""
        return self.sites.home.place


@app.command()
def plan(
    ctx: typer.Context,
    names: NamesArgument = None,
    region: RegionOption = None,
    profile: ProfileOption = None,
) -> None:
    """Show what apply would change. Exit code 1: something is left for a person to do."""
    invocation = Invocation.of(ctx)
    errors: Errors = {}
    with _working(invocation, names, region, profile) as work:
        changes = _changes(_plans(invocation, work, errors))
        print_changes(invocation, work.place, changes, errors)
    _leave((change.by_hand for change in changes), errors)


@app.command()
def apply(
    ctx: typer.Context,
    names: NamesArgument = None,
    region: RegionOption = None,
    profile: ProfileOption = None,
    yes: YesOption = False,
) -> None:
    """Create and mend keys, aliases, tags, rotation and policies. Nothing is ever deleted.

    It shows the plan and asks first. After Ctrl-C, run it again: it goes on where it was.
    """
    invocation = Invocation.of(ctx)
    errors: Errors = {}
    with _working(invocation, names, region, profile) as work:
        plans = _plans(invocation, work, errors)
        changes = _changes(plans)
        number = sum(not change.by_hand for change in changes)
        if number and not yes and not invocation.output.as_json:
            print_changes(invocation, work.place, changes, errors)
        if number:
            confirm(f"Make these {number} changes in account {work.place.account}?", yes=yes)
        done: list[Change] = []
        try:
            _apply(invocation, plans, done, errors)
        finally:  # after Ctrl-C too: whoever stops it sees how far it came
            print_changes(invocation, work.place, changes, errors, done)
    _leave((change.by_hand for change in changes), errors)


@app.command()
def audit(
    ctx: typer.Context,
    names: NamesArgument = None,
    region: RegionOption = None,
    profile: ProfileOption = None,
) -> None:
    """Look for what is wrong with the account's keys. Exit code 1: something is."""
    from ..kms.auditing import audit as audit_key

    invocation = Invocation.of(ctx)
    with _working(invocation, names, region, profile) as work:
        keys = invocation.output.tracked("looking at keys", work.keys)
        findings = [finding for key in keys for finding in audit_key(work.sites, key)]
        print_findings(invocation, work.place, len(work.keys), findings)
    _leave(findings, {})


@app.command()
def policy(
    ctx: typer.Context,
    names: NamesArgument = None,
    account: Annotated[
        str | None, typer.Option("--account", metavar="ID", help="Render for it, asking nobody.")
    ] = None,
    region: RegionOption = None,
    profile: ProfileOption = None,
) -> None:
    """Print the policies that the keys are to have, to be read or pasted into Terraform."""
    from ..kms.policy import key_policy

    invocation = Invocation.of(ctx)
    keys = _named(invocation, names)
    if account:
        place = _place(invocation, account, region)
    else:
        with _working(invocation, names, region, profile) as work:
            place = work.place
    print_policies(invocation, place, {key.name: key_policy(key, place) for key in keys})


@contextmanager
def _working(
    invocation: Invocation, names: Sequence[str] | None, region: str | None, profile: str | None
) -> Iterator[_Work]:
    """Read the project's catalogue, and ask AWS where we are.

    Raises:
        ConfigurationError: the catalogue is wrong, or no client can be made.
        StoreError: AWS does not answer, or refuses.
    """
    from ..kms.client import KmsClient
    from ..kms.site import Sites

    keys = _named(invocation, names)
    client = KmsClient(region=region, profile=profile)
    try:
        place = client.place(invocation.current_environment())
        yield _Work(Sites(client, place, _catalogue(invocation)), keys)
    finally:
        client.close()


def _place(invocation: Invocation, account: str, region: str | None) -> Place:
    from ..kms.place import Place

    if region is None or not re.fullmatch(r"\d{12}", account):
        raise ConfigurationError(
            "--account needs twelve digits and --region", next_step="--region ap-northeast-2"
        )
    return Place(account, region, invocation.current_environment())


def _catalogue(invocation: Invocation) -> dict[str, KmsKey]:
    from ..kms.catalogue import read_catalogue

    file = invocation.project.root / "pyproject.toml"
    table = table_in(file) if file.is_file() else None
    told = (table or {}).get("kms", {})
    if not isinstance(told, dict):
        raise ConfigurationError(
            f"kms in {file} is no table", next_step="write [tool.glisecrets.kms]"
        )
    return read_catalogue(told)


def _named(invocation: Invocation, names: Sequence[str] | None) -> list[KmsKey]:
    catalogue = _catalogue(invocation)
    unknown = [name for name in names or () if name not in catalogue]
    if unknown:
        raise ConfigurationError(
            f"the catalogue has no {', '.join(unknown)}",
            next_step=f"there are: {', '.join(catalogue)}",
        )
    return [catalogue[name] for name in dict.fromkeys(names or catalogue)]


def _plans(invocation: Invocation, work: _Work, errors: Errors) -> list[list[KeyPlan]]:
    from ..kms.planning import plan_key

    _ = work.sites.home.aliases  # who may not even list them is told at once, not once per key
    plans = []
    for key in invocation.output.tracked("reading keys", work.keys):
        with _apart(key.name, errors):
            plans.append(plan_key(work.sites, key))
    return plans


def _changes(plans: Iterable[Iterable[KeyPlan]]) -> list[Change]:
    return [change for each in plans for plan in each for change in plan.changes]


def _apply(
    invocation: Invocation, plans: Sequence[Sequence[KeyPlan]], done: list[Change], errors: Errors
) -> None:
    from ..kms.applying import apply_plans

    for each in invocation.output.tracked("changing keys", plans):
        with _apart(each[0].key.name, errors):
            apply_plans(each, tell=done.append)


@contextmanager
def _apart(name: str, errors: Errors) -> Iterator[None]:
    """Keep a key's error for the end: what fails with one key stops no other."""
    try:
        yield
    except GlisecretsError as error:
        errors[name] = error


def _leave(found: Iterable[object], errors: Errors) -> None:
    if errors:
        raise typer.Exit(max(map(exit_codes.code_of, errors.values())))
    if any(found):
        raise typer.Exit(exit_codes.FINDINGS)
