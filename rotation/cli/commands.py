"""The commands of ``glisecrets rotate``, put together."""

from __future__ import annotations

import typer

from .bundle import bundle
from .emergency import rotate_all
from .plan import apply, plan
from .repair import repair
from .run import retire, run
from .status import status

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Replace credentials: on schedule, by hand, or all at once after a leak.",
)
for _command in (status, plan, apply, run, retire, repair, bundle):
    app.command()(_command)
app.command("all")(rotate_all)
