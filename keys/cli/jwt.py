"""``glisecrets keys jwt …``: the RSA keys that sign JSON Web Tokens by RS256."""

from __future__ import annotations

import typer

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="RSA keys that sign JSON Web Tokens by RS256."
)


@app.callback()
def _group() -> None: ...
