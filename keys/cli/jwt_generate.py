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
from .jwt_github import PairAtGitHub
from .key_files import PRIVATE_MODE, PUBLIC_MODE, Form, ask_passphrase, hide, write_new

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
GitHubOption = Annotated[
    str | None,
    typer.Option(
        "--github",
        metavar="OWNER/REPO[:ENVIRONMENT]",
        help="Put both halves into GitHub's secrets; the token is in GH_TOKEN or GITHUB_TOKEN.",
    ),
]
NameOption = Annotated[
    str, typer.Option("--name", metavar="NAME", help="With --github: NAME_PRIVATE_KEY and so on.")
]
VariableOption = Annotated[
    bool,
    typer.Option("--public-variable", help="With --github: the public half is a variable."),
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="With --github: write over keys that are there.")
]
FormOption = Annotated[
    Form | None,
    typer.Option(
        "--form", help="base64 for GitHub Secrets (--github: by itself), escaped for .env files."
    ),
]
PassphraseOption = Annotated[
    bool, typer.Option("--passphrase-prompt", help="Encrypt it; asks for a passphrase twice.")
]


def generate(
    ctx: typer.Context,
    bits: BitsOption = 2048,
    out: OutOption = None,
    store: NewSecretOption = None,
    github: GitHubOption = None,
    reveal: RevealOption = False,
    form: FormOption = None,
    passphrase_prompt: PassphraseOption = False,
    name: NameOption = "JWT",
    public_variable: VariableOption = False,
    force: ForceOption = False,
) -> None:
    """Make a key pair; there is no file to remove afterwards, nor a key in the scrollback."""
    if sum(map(bool, (out, store, github, reveal))) != 1:
        raise ConfigurationError(
            "where the private key goes is not said, or said twice",
            next_step="pass one of --out DIR, --store REFERENCE, --github REPOSITORY, --reveal",
        )
    _check_form(form, stored=bool(store), encrypted=passphrase_prompt)
    invocation = Invocation.of(ctx)
    output = invocation.output
    if store:
        _tell(output, _stored(ctx, store, bits))
        return
    if github:
        with output.progress("asking GitHub"):
            there = PairAtGitHub.ready(
                invocation, github, name, variable=public_variable, force=force
            )
        pair, halves = _made(output, bits, form or Form.BASE64, ask=passphrase_prompt)
        with output.progress("writing to GitHub"):
            names = there.publish(*(half.rstrip("\n") for half in halves))
        _tell(output, {**_facts(pair), **names})
        return
    pair, halves = _made(output, bits, form or Form.PEM, ask=passphrase_prompt)
    if out is None:
        _reveal(output, pair, halves[0])
    else:
        _tell(output, _written(out, form or Form.PEM, pair, halves))


def _check_form(form: Form | None, *, stored: bool, encrypted: bool) -> None:
    """Refuse what cannot be written, before anything is asked for or made."""
    if stored and (form or encrypted):
        raise ConfigurationError("a keyring has no form and no passphrase of its own")
    if encrypted and form is Form.PKCS1:
        raise ConfigurationError(
            "PKCS#1 has no strong encryption", next_step="leave out --form pkcs1"
        )


def _made(output: Output, bits: int, form: Form, *, ask: bool) -> tuple[KeyPair, tuple[str, str]]:
    """Make a key; give it, and both halves in a form, the private one masked from here on."""
    passphrase = ask_passphrase("Passphrase", twice=True) if ask else None
    with output.progress("making a key"):
        pair = KeyPair.generate(bits)
    private = form.of(pair, passphrase)
    process_redactor().add(private, name="private key")
    return pair, (private, form.of(pair.public))


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


def _written(folder: Path, form: Form, pair: KeyPair, halves: tuple[str, str]) -> dict[str, Any]:
    suffix = "pem" if form in {Form.PEM, Form.PKCS1} else "txt"
    private, public = halves
    files = {
        f"jwt-private.{suffix}": (private, PRIVATE_MODE),
        f"jwt-public.{suffix}": (public, PUBLIC_MODE),
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
