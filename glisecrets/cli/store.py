"""``glisecrets store …``: the secrets in a store, masked unless ``--reveal``."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..redaction import process_redactor
from ..references import AWSCURRENT, short
from .addressed import NameArgument, ReferenceArgument, StoreOption, addressed, opened
from .invocation import Invocation
from .output import written
from .store_changes import copy, put, rollback

if TYPE_CHECKING:
    from ..references import Reference
    from ..stores.base import SecretValue, SecretVersion, Store

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Read and write the secrets of a store."
)


@app.command("list")
def list_secrets(
    ctx: typer.Context,
    prefix: Annotated[str, typer.Argument(metavar="PREFIX", help="Only names that start so.")] = "",
    long: Annotated[
        bool, typer.Option("--long", "-l", help="Tell version and dates: one call per secret.")
    ] = False,
    store: StoreOption = None,
) -> None:
    """List the names of the secrets."""
    invocation = Invocation.of(ctx)
    output = invocation.output
    prefix = prefix.replace("{environment}", invocation.current_environment())
    with opened(invocation, store) as (at, _):
        with output.progress("listing"):
            names = list(at.names(prefix))
        if long:
            rows = [_described(at, name) for name in output.tracked("reading", names)]
        else:
            rows = list(map(_named, names))
        place = f"{at.scheme} {at.location}"
    if output.as_json:
        output.json({"store": place, "secrets": rows})
    elif not rows:
        output.note(f"no secret in {place}" + (f" starts with {prefix}" if prefix else ""))
    elif long:
        output.table(["name", "version", "changed", "rotated"], map(_short_row, rows))
    else:
        output.table(["name"], ([name] for name in names))


@app.command()
def get(
    ctx: typer.Context,
    reference: ReferenceArgument,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Print the value itself, and nothing else.")
    ] = False,
    store: StoreOption = None,
) -> None:
    """Tell about one version of a secret; with --reveal, print its value."""
    invocation = Invocation.of(ctx)
    output = invocation.output
    with addressed(invocation, reference, store) as (at, wanted, _):
        version = at.get(wanted.address)
        process_redactor().add(version.value, name=wanted.name)
        value = _value_at(wanted, version.value)
        facts = _facts(at, wanted, version, value)
    if output.as_json:
        output.json({**facts, **_revealed(value, reveal=reveal)}, revealed=reveal)
    elif reveal:
        output.reveal(value)
    else:
        output.labelled((label, _told(fact)) for label, fact in facts.items())
        output.note("the value is printed with --reveal")


@app.command()
def history(
    ctx: typer.Context,
    name: NameArgument,
    all_versions: Annotated[
        bool, typer.Option("--all", help="Also the versions that have no label any more.")
    ] = False,
    store: StoreOption = None,
) -> None:
    """List the versions of a secret, newest first, without their values."""
    invocation = Invocation.of(ctx)
    output = invocation.output
    with addressed(invocation, name, store) as (at, wanted, _):
        versions = at.versions(wanted.secret, include_deprecated=all_versions)
        rows = [
            {
                "version_id": version.version_id,
                "labels": sorted(version.labels),
                "created": written(version.created),
            }
            for version in versions
        ]
    if output.as_json:
        output.json({"secret": wanted.secret, "versions": rows})
    else:
        cells = ([_told(fact) for fact in row.values()] for row in rows)
        output.table(["version", "labels", "created"], cells)


for _change in (rollback, copy):
    app.command()(_change)
# A value that starts with a hyphen must not be told as an unknown option, which would repeat it.
app.command(context_settings={"ignore_unknown_options": True})(put)


def _named(name: str) -> dict[str, str | None]:
    return {"name": name, "version_id": None, "changed": None, "rotated": None}


def _described(store: Store, name: str) -> dict[str, str | None]:
    described = store.describe(name)
    return {
        "name": name,
        "version_id": described.labelled(AWSCURRENT),
        "changed": written(described.changed),
        "rotated": written(described.rotated),
    }


def _short_row(row: dict[str, str | None]) -> list[str]:
    """Give the cells of a long list."""
    return [short(fact) if name == "version_id" else fact or "" for name, fact in row.items()]


def _value_at(wanted: Reference, value: SecretValue) -> SecretValue:
    if not wanted.key:
        return value
    from ..documents import pick_key

    found = pick_key(value, wanted.key)
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def _facts(
    store: Store, wanted: Reference, version: SecretVersion, value: SecretValue
) -> dict[str, Any]:
    kind, keys = _kind(value)
    return {
        "store": f"{store.scheme} {store.location}",
        "secret": wanted.secret,
        "key": ".".join(wanted.key),
        "version_id": version.version_id,
        "labels": sorted(version.labels),
        "created": written(version.created),
        "kind": kind,
        "keys": keys,
    }


def _kind(value: SecretValue) -> tuple[str, list[str]]:
    if isinstance(value, bytes):
        return "binary", []
    if value.lstrip().startswith("-----BEGIN "):
        return "PEM", []
    from ..documents import UnreadableValue, parse_object

    try:
        return "JSON", sorted(parse_object(value))
    except UnreadableValue:
        return "text", []


def _revealed(value: SecretValue, *, reveal: bool) -> dict[str, str | None]:
    if not reveal:
        return {"value": None, "value_base64": None}
    if isinstance(value, str):
        return {"value": value, "value_base64": None}
    return {"value": None, "value_base64": base64.b64encode(value).decode()}


def _told(fact: str | list[str] | None) -> str:
    return ", ".join(fact) if isinstance(fact, list) else fact or ""
