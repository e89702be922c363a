"""``glisecrets keys jwt …``: the RSA keys that sign JSON Web Tokens by RS256."""

from __future__ import annotations

import json
from collections.abc import Iterator  # noqa: TC003 - contextmanager's
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from glisecrets.cli import Invocation
from glisecrets.cli.addressed import StoreOption, addressed
from glisecrets.documents import UnreadableValue
from glisecrets.errors import ConfigurationError

from ..errors import InvalidKey
from ..key_pair import KeyPair, PublicKey
from ..rsa_keyring import RsaKeyring
from .jwt_generate import generate
from .jwt_kms import kms
from .key_files import hide, read_key, read_public

if TYPE_CHECKING:
    from glisecrets.cli.output import Output


class _Given(NamedTuple):
    """A key that was named, its public half, and what it is there for."""

    key: PublicKey
    role: str


app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="RSA keys that sign JSON Web Tokens by RS256."
)
for _command in (generate, kms):
    app.command()(_command)

FilesArgument = Annotated[
    list[Path] | None, typer.Argument(metavar="FILE...", help="Keys in PEM; - is standard input.")
]
ReferenceOption = Annotated[
    str | None,
    typer.Option("--store", metavar="REFERENCE", help="The keyring of this secret."),
]


@app.command()
def verify(
    ctx: typer.Context,
    files: FilesArgument = None,
    public: Annotated[
        Path | None,
        typer.Option("--public", metavar="FILE", help="PEM or JWKS that must have its other half."),
    ] = None,
    store: ReferenceOption = None,
) -> None:
    """Check keys: whole, long enough, no known weakness, and both halves fit together.

    Of a keyring, that each key signs what its published half verifies. Exit code 1 tells of a key
    that is no good.
    """
    output = Invocation.of(ctx).output
    with _findings(output):
        keys = _keys(ctx, files, store, check=True)
        if public is not None:
            _check_halves(keys, read_public(public))
    rows = [{"kid": key.kid, "bits": key.rsa.key_size, "role": role} for key, role in keys]
    if output.as_json:
        output.json({"keys": rows})
    else:
        output.table(["kid", "bits", "role"], ([*map(str, row.values())] for row in rows))


@app.command()
def jwks(ctx: typer.Context, files: FilesArgument = None, store: ReferenceOption = None) -> None:
    """Print the JSON Web Key Set of keys: their public halves alone."""
    with _findings(Invocation.of(ctx).output):
        keys = _keys(ctx, files, store)
    # The same key in two files is one: a set with a kid twice is refused by whoever reads it.
    document = {"keys": list({key.kid: key.jwk for key, _ in keys}.values())}
    Invocation.of(ctx).output.reveal(json.dumps(document, indent=2) + "\n")


@app.command()
def public(ctx: typer.Context, files: FilesArgument = None, store: ReferenceOption = None) -> None:
    """Print the public halves in PEM."""
    with _findings(Invocation.of(ctx).output):
        keys = _keys(ctx, files, store)
    Invocation.of(ctx).output.reveal("".join(key.pem for key, _ in keys))


@app.command()
def thumbprint(
    ctx: typer.Context, files: FilesArgument = None, store: ReferenceOption = None
) -> None:
    """Print the thumbprint of each key (RFC 7638), which is its kid."""
    with _findings(Invocation.of(ctx).output):
        keys = _keys(ctx, files, store)
    Invocation.of(ctx).output.reveal("".join(f"{key.kid}\n" for key, _ in keys))


@app.command()
def rotate(
    ctx: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Secrets with a keyring.")],
    store: StoreOption = None,
) -> None:
    """Rotate keyrings now: the same as glisecrets rotate run."""
    root: Any = ctx.find_root().command
    command = root.get_command(ctx, "rotate")
    arguments = ["run", *names, *(["--store", store] if store else [])]
    code = command.main(
        arguments, prog_name="glisecrets rotate", obj=Invocation.of(ctx), standalone_mode=False
    )
    if code:
        raise typer.Exit(code)


@contextmanager
def _findings(output: Output) -> Iterator[None]:
    """Tell of a key that is no good by exit code 1: the command was used as it should."""
    try:
        yield
    except (InvalidKey, UnreadableValue) as error:
        output.failure(error)
        raise typer.Exit(1) from None


def _keys(
    ctx: typer.Context, files: list[Path] | None, store: str | None, *, check: bool = False
) -> list[_Given]:
    if bool(files) == bool(store):
        raise ConfigurationError(
            "which keys is not said", next_step="write FILEs, or --store REFERENCE, not both"
        )
    if store:
        return _of_ring(_keyring(ctx, store, check=check))
    return list(map(_of_file, files or ()))


def _of_file(path: Path) -> _Given:
    key = read_key(path)
    if isinstance(key, KeyPair):
        return _Given(key.public, "private")
    return _Given(key, "public")


def _of_ring(ring: RsaKeyring) -> list[_Given]:
    now = datetime.now(UTC)
    roles = {ring.signing.id: "signing", **({ring.next.id: "next"} if ring.next else {})}
    return [_Given(key, roles.get(key.kid, "retired")) for key in ring.public_keys(now)]


def _keyring(ctx: typer.Context, text: str, *, check: bool) -> RsaKeyring:
    with addressed(Invocation.of(ctx), text) as (at, wanted, _):
        value = at.get(wanted.address).value
    ring = RsaKeyring.parse(value)
    hide(ring)
    if check:
        ring.check()
    return ring


def _check_halves(keys: list[_Given], published: list[PublicKey]) -> None:
    kids = {key.kid for key in published}
    for key, _ in keys:
        if key.kid not in kids:
            raise InvalidKey(
                f"the other half of {key.kid} is not there: {', '.join(sorted(kids)) or 'nothing'}",
                next_step="publish the half that belongs to the key",
            )
