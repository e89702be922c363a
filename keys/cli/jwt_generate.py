"""``glisecrets keys jwt generate``: the private key goes where it belongs, and nowhere else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glisecrets.cli import Invocation
from glisecrets.cli.addressed import addressed
from glisecrets.errors import ConfigurationError
from glisecrets.redaction import process_redactor

from ..key_pair import KeyPair
from ..rsa_keyring import RsaKeyring
from .key_files import PRIVATE_MODE, PUBLIC_MODE, Form, hide, write_new

if TYPE_CHECKING:
    from glisecrets.cli.output import Output

#: Says to rotation how the secret is rotated.
_TAGS = {"glisecrets:rotator": "jwt-keyring"}


BitsOption = Annotated[
    int, typer.Option("--bits", metavar="N", help="2048, 3072 or 4096 (signs 5 times slower).")
]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Write both halves there; the private one 0600."),
]
NewSecretOption = Annotated[
    str | None,
    typer.Option("--store", metavar="REFERENCE", help="Make a new secret: a keyring of two."),
]
RevealOption = Annotated[
    bool, typer.Option("--reveal", help="Print the private key itself, for a pipe.")
]
FormOption = Annotated[
    Form, typer.Option("--form", help="base64 for GitHub Secrets, escaped for .env files.")
]
PassphraseOption = Annotated[
    bool, typer.Option("--passphrase-prompt", help="Encrypt it; asks for a passphrase twice.")
]


def generate(
    ctx: typer.Context,
    bits: BitsOption = 2048,
    out: OutOption = None,
    store: NewSecretOption = None,
    reveal: RevealOption = False,
    form: FormOption = Form.PEM,
    passphrase_prompt: PassphraseOption = False,
) -> None:
    """Make a key pair; there is no file to remove afterwards, nor a key in the scrollback.

    For GitHub Secrets: glisecrets keys jwt generate --reveal --form base64 | gh secret set NAME
    """
    if sum(map(bool, (out, store, reveal))) != 1:
        raise ConfigurationError(
            "where the private key goes is not said, or said twice",
            next_step="pass one of --out DIR, --store REFERENCE, --reveal",
        )
    output = Invocation.of(ctx).output
    if store:
        if passphrase_prompt or form is not Form.PEM:
            raise ConfigurationError("a keyring has no form and no passphrase of its own")
        _tell(output, _stored(ctx, store, bits))
        return
    passphrase = _asked() if passphrase_prompt else None
    with output.progress("making a key"):
        pair = KeyPair.generate(bits)
    private = form.of(pair, passphrase)
    process_redactor().add(private, name="private key")
    if out is None:
        _reveal(output, pair, private)
    else:
        _tell(output, _written(out, form, pair, private))


def _asked() -> str:
    text: str = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True)
    return text


def _stored(ctx: typer.Context, text: str, bits: int) -> dict[str, Any]:
    """Store a keyring of two, of which the next is known to verifiers from the first day on."""
    invocation, now = Invocation.of(ctx), datetime.now(UTC)
    with addressed(invocation, text) as (at, wanted, _):
        if wanted.key or wanted.label or wanted.version_id:
            raise ConfigurationError(
                f"{text} names more than a secret", next_step="write the NAME alone"
            )
        with invocation.output.progress("making two keys"):
            ring = RsaKeyring(RsaKeyring.new_key(now, bits), RsaKeyring.new_key(now, bits))
        hide(ring)
        version = at.create(wanted.secret, ring.dumps(), tags=_TAGS)
    following = ring.next.id if ring.next else ""
    facts = {"kid": ring.signing.id, "next": following, "bits": bits}
    return {**facts, "secret": wanted.secret, "version_id": version.version_id}


def _written(folder: Path, form: Form, pair: KeyPair, private: str) -> dict[str, Any]:
    suffix = "pem" if form in {Form.PEM, Form.PKCS1} else "txt"
    files = {
        f"jwt-private.{suffix}": (private, PRIVATE_MODE),
        f"jwt-public.{suffix}": (form.of(pair.public), PUBLIC_MODE),
    }
    own, others = write_new(folder, files)
    return {**_facts(pair), "private_key": str(own), "public_key": str(others)}


def _reveal(output: Output, pair: KeyPair, private: str) -> None:
    if output.as_json:
        facts = {**_facts(pair), "private_key": private, "public_key": pair.public.pem}
        output.json(facts, revealed=True)
        return
    output.reveal(private)
    output.note(f"kid {pair.kid}; its public half: glisecrets keys jwt public -")


def _facts(pair: KeyPair) -> dict[str, Any]:
    return {"kid": pair.kid, "bits": pair.rsa.key_size}


def _tell(output: Output, facts: dict[str, Any]) -> None:
    if output.as_json:
        output.json(facts)
    else:
        output.labelled((label.replace("_", " "), str(fact)) for label, fact in facts.items())
