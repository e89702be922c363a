"""The commands of ``glisecrets keys``, put together."""

from __future__ import annotations

import typer

from . import data_keys, encryption, jwt, kms

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Keys: JWT key pairs, KMS keys, files encrypted under a data key.",
)
# Each module's line; groups by add_typer, single commands by app.command().
app.add_typer(jwt.app, name="jwt")
app.add_typer(kms.app, name="kms")
for _command in (
    encryption.encrypt,
    encryption.decrypt,
    data_keys.rewrap,
    data_keys.reencrypt,
    data_keys.shred,
):
    app.command()(_command)
