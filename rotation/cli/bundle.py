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
    from ..bundle.building import build_bundle

    invocation = Invocation.of(ctx)
    with invocation.output.progress("building"):
        built = build_bundle(output, python=python, architecture=architecture)
    facts = {
        "path": str(built.path),
        "python": built.target.python,
        "architecture": built.target.architecture,
        "bytes": built.size,
        "sha256": built.sha256,
        "packages": dict(built.packages),
    }
    if invocation.output.as_json:
        invocation.output.json(facts)
    else:
        packages = ", ".join(f"{name} {version}" for name, version in built.packages.items())
        told = {**facts, "packages": packages}
        invocation.output.labelled((name, str(fact)) for name, fact in told.items())
