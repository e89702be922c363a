"""The commands that change a store: put, rollback, copy."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..environment import Environment  # noqa: TC001 - typer reads the annotation
from ..errors import ConfigurationError, SecretNotFound
from ..redaction import process_redactor
from ..references import AWSCURRENT, AWSPREVIOUS, Address
from ..stores.replacing import replace_current
from .addressed import NameArgument, StoreOption, addressed
from .confirming import YesOption, confirm
from .invocation import Invocation

if TYPE_CHECKING:
    from ..stores.base import SecretValue, Store, VersionInfo
    from .addressed import Addressed

SourceArgument = Annotated[
    str,
    typer.Argument(metavar="SOURCE", help="NAME, NAME@version, or PREFIX* for all that start so."),
]
TargetArgument = Annotated[
    str | None, typer.Argument(metavar="TARGET", help="Its name there, or PREFIX*; else the same.")
]


def put(
    ctx: typer.Context,
    reference: Annotated[
        str,
        typer.Argument(metavar="REFERENCE", help="NAME or NAME#key; {environment} is filled in."),
    ],
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="KEY", help="Set this key of the JSON, leave the others."),
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Keep the line break that ends standard input.")
    ] = False,
    value: Annotated[list[str] | None, typer.Argument(hidden=True, metavar="< FILE")] = None,
    store: StoreOption = None,
) -> None:
    """Write a new AWSCURRENT version. The value comes from standard input or a hidden prompt."""
    invocation = Invocation.of(ctx)
    if value:
        raise ConfigurationError(
            "a value is never an argument: it is in the shell's history now, and every user of "
            "this machine could see it",
            next_step="this value is burnt: choose a new one, then: "
            f"glisecrets store put {reference} < FILE (options: --key, --exact, --store)",
        )
    with addressed(invocation, reference, store) as (at, wanted, _):
        if wanted.label or wanted.version_id or (key and wanted.key):
            raise ConfigurationError(
                f"{reference} names a version, or a second key", next_step="write NAME or NAME#key"
            )
        path = tuple(key.split(".")) if key else wanted.key
        given = _given_value(wanted.secret, exact=exact)
        process_redactor().add(given, name=wanted.name)
        write = partial(_put_key, path=path) if path else _put
        version = write(at, wanted.secret, given)
    _tell(invocation, {"secret": wanted.secret, "version_id": version.version_id})


def rollback(
    ctx: typer.Context,
    name: NameArgument,
    to: Annotated[
        str | None, typer.Option("--to", metavar="VERSION", help="Else the one AWSPREVIOUS is on.")
    ] = None,
    yes: YesOption = False,
    store: StoreOption = None,
) -> None:
    """Move AWSCURRENT back to the version before, or to the one that is named.

    It changes the store alone: a database goes on with the password that it has.
    """
    invocation = Invocation.of(ctx)
    with addressed(invocation, name, store) as (at, wanted, _):
        secret = wanted.secret
        current = at.describe(secret).labelled(AWSCURRENT)
        target = _version(at, secret, to)
        if target != current:
            confirm(f"{secret}: move AWSCURRENT from {current} to {target}?", yes=yes)
            at.move_label(secret, AWSCURRENT, to=target, expected=current)
    _tell(invocation, {"secret": secret, "version_id": target, "left": current})


def copy(
    ctx: typer.Context,
    source: SourceArgument,
    target: TargetArgument = None,
    from_store: Annotated[
        str | None, typer.Option("--from", metavar="ADDRESS", help="The store to read.")
    ] = None,
    to_store: Annotated[
        str | None, typer.Option("--to", metavar="ADDRESS", help="The store to write.")
    ] = None,
    allow_environment: Annotated[
        list[Environment] | None,
        typer.Option(
            "--allow-environment",
            metavar="NAME",
            help="An environment to copy from, beside your own.",
        ),
    ] = None,
) -> None:
    """Copy whole secrets to another name or store. What is the same already stays untouched.

    The target must be of the environment that you work in, and so must the source, unless
    --allow-environment names its own.
    """
    invocation = Invocation.of(ctx)
    permitted = allow_environment or []
    with ExitStack() as stack:
        there = addressed(invocation, source.removesuffix("*"), from_store, permitted=permitted)
        here = addressed(invocation, (target or source).removesuffix("*"), to_store)
        origin, goal = stack.enter_context(there), stack.enter_context(here)
        names = _names(origin, goal, many=source.endswith("*"))
        rows = [
            {"source": old, "target": new, "outcome": _copied(origin, old, goal, new)}
            for old, new in invocation.output.tracked("copying", list(names.items()))
        ]
    if invocation.output.as_json:
        invocation.output.json({"copied": rows})
    else:
        invocation.output.table(
            ["source", "target", "outcome"], (list(row.values()) for row in rows)
        )


def _given_value(secret: str, *, exact: bool) -> SecretValue:
    """Read the value; never from an argument, which every user of the machine could see."""
    if sys.stdin.isatty():
        text: str = typer.prompt(
            f"Value of {secret}", hide_input=True, confirmation_prompt=True, err=True
        )
        return text
    data = sys.stdin.buffer.read()
    if not exact:
        data = data.removesuffix(b"\n").removesuffix(b"\r")
    if not data:
        raise ConfigurationError(
            "nothing came on standard input", next_step=f"glisecrets store put {secret} < FILE"
        )
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _put(store: Store, secret: str, value: SecretValue) -> VersionInfo:
    try:
        return store.put(secret, value)
    except SecretNotFound:
        return store.create(secret, value)


def _put_key(
    store: Store, secret: str, value: SecretValue, *, path: tuple[str, ...]
) -> VersionInfo:
    """Set one key of a JSON secret; what another writes meanwhile is never lost."""
    if isinstance(value, bytes):
        raise ConfigurationError("a key of a JSON secret holds text", next_step="encode it first")
    from ..documents import parse_object, with_key

    try:
        current = store.get(Address(secret))
    except SecretNotFound:
        return store.create(secret, with_key({}, path, value))
    process_redactor().add(current.value, name=secret)
    document = with_key(parse_object(current.value), path, value)
    return replace_current(store, secret, document, expected=current.version_id)


def _version(store: Store, secret: str, wanted: str | None) -> str:
    """Give a version's whole id; of one that is named, the first characters are enough."""
    ids = [info.version_id for info in store.versions(secret, include_deprecated=bool(wanted))]
    previous = store.describe(secret).labelled(AWSPREVIOUS)
    found = [item for item in ids if item.startswith(wanted)] if wanted else [previous or ""]
    if len(found) == 1 and found[0]:
        return found[0]
    what = f"{len(found)} versions start with {wanted!r}" if wanted else "no version is AWSPREVIOUS"
    raise ConfigurationError(
        f"{secret}: {what}", next_step=f"choose one: glisecrets store history {secret} --all"
    )


def _names(origin: Addressed, goal: Addressed, *, many: bool) -> dict[str, str]:
    """Give what is to be copied: name there -> name here."""
    old, new = origin.reference, goal.reference
    if old.key or new.key or new.label or new.version_id:
        raise ConfigurationError(
            "copy takes whole secrets", next_step="for one key: store get --reveal | store put"
        )
    same_store = (origin.store.scheme, origin.store.location) == (
        goal.store.scheme,
        goal.store.location,
    )
    if same_store and old.secret == new.secret:
        raise ConfigurationError(
            "source and target are the same", next_step="name a TARGET, or a store with --to"
        )
    if not many:
        return {old.secret: new.secret}
    names = origin.store.names(old.secret)
    pairs = {name: new.secret + name.removeprefix(old.secret) for name in names}
    for its_new_name in pairs.values():
        goal.admit(its_new_name)  # it ends as the old one does, so that speaks for both
    return pairs


def _copied(origin: Addressed, old: str, goal: Addressed, new: str) -> str:
    reference = origin.reference
    version = origin.store.get(Address(old, reference.version_id, reference.label))
    process_redactor().add(version.value, name=old)
    try:
        there = goal.store.get(Address(new)).value
    except SecretNotFound:
        goal.store.create(new, version.value)
        return "created"
    process_redactor().add(there, name=new)
    if there == version.value:
        return "unchanged"
    goal.store.put(new, version.value)
    return "updated"


def _tell(invocation: Invocation, facts: dict[str, Any]) -> None:
    if invocation.output.as_json:
        invocation.output.json(facts)
    else:
        invocation.output.labelled((label, str(fact)) for label, fact in facts.items())
