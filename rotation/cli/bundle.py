"""``glisecrets rotate bundle``: the zip that Lambda runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from glisecrets.cli import Invocation


def bundle(
    ctx: typer.Context,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where to write it.")
    ] = Path("rotation.zip"),
    python: Annotated[
        str, typer.Option("--python", metavar="VERSION", help="The Lambda's Python.")
    ] = "3.12",
    architecture: Annotated[
        str, typer.Option("--architecture", metavar="NAME", help="arm64 or x86_64.")
    ] = "arm64",
) -> None:
    """Build the Lambda's zip: the same bytes from the same versions, with only what it needs."""
    from ..bundle import build_bundle

    invocation = Invocation.of(ctx)
    with invocation.output.progress("building"):
        facts = build_bundle(output, python=python, architecture=architecture)
    invocation.output.labelled([("written", str(output)), ("facts", str(facts))])
