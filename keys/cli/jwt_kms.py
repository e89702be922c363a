"""``glisecrets keys jwt kms``: keys that sign in AWS KMS take their turn in a keyring."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glisecrets.cli import Invocation
from glisecrets.cli.addressed import StoreOption, addressed
from glisecrets.cli.confirming import YesOption, confirm
from glisecrets.documents import parse_object
from glisecrets.durations import parse_duration
from glisecrets.errors import ConfigurationError, SecretNotFound
from glisecrets.redaction import process_redactor
from glisecrets.stores.replacing import replace_current

from ..rsa_keyring import RsaKeyring

if TYPE_CHECKING:
    from glisecrets.cli.addressed import Addressed

    from ..keyring import Key

#: What rotation keeps equal to the signing key, for programs that know no keyring.
_COPIES = {"private_key", "public_key"}

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="The keyring's secret; {environment} is filled in.")
]
KeysArgument = Annotated[
    list[str],
    typer.Argument(metavar="ADDRESS...", help="aws:ARN or aws:alias/…?region=…, SIGN_VERIFY, RSA."),
]
LifeOption = Annotated[
    str, typer.Option("--token-life", metavar="TIME", help="Of the longest-lived token.")
]
DropOption = Annotated[
    bool,
    typer.Option(
        "--drop-others", help="In an emergency: no other key is accepted; everybody logs in again."
    ),
]


def kms(
    ctx: typer.Context,
    name: NameArgument,
    keys: KeysArgument,
    token_life: LifeOption = "30d",  # noqa: S107 - a duration
    drop_others: DropOption = False,
    yes: YesOption = False,
    store: StoreOption = None,
) -> None:
    """Add a key in AWS KMS to a keyring: it is next, and the one that was next signs.

    Where there is no such secret, it is made: the first key signs, a second one is next. A key
    that was PEM gives way like any other. Nothing is made, changed or deleted at KMS.
    """
    invocation, now = Invocation.of(ctx), datetime.now(UTC)
    life = parse_duration(token_life) or timedelta(0)
    with addressed(invocation, name, store) as at:
        if at.reference.key or at.reference.label or at.reference.version_id:
            raise ConfigurationError(
                f"{name} names more than a secret", next_step="write the NAME alone"
            )
        for address in keys:
            at.guard.check_address(address, os.environ, "the KMS key's address")
        with invocation.output.progress("asking KMS"):
            added = [RsaKeyring.key_in_kms(address, now) for address in keys]
        if drop_others:
            confirm(f"Refuse every token of {at.reference.secret} that is in use now?", yes=yes)
        ring, version = _written(at, added, None if drop_others else life)
    _tell(invocation, {**_facts(ring), "secret": at.reference.secret, "version_id": version})


def _written(at: Addressed, added: list[Key], life: timedelta | None) -> tuple[RsaKeyring, str]:
    """Write the keyring; ``life``: of the old key's tokens, ``None``: they are refused from now."""
    try:
        current = at.store.get(at.reference.address)
    except SecretNotFound:
        ring = _first(added)
        return ring, at.store.create(at.reference.secret, ring.dumps()).version_id
    process_redactor().add(current.value, name=at.reference.name)
    document = parse_object(current.value)
    ring = _first(added) if life is None else _next(at, document, added, life)
    if document.keys() & _COPIES:
        raise ConfigurationError(
            f"{at.reference.secret} also holds private_key, which a key in KMS does not give",
            next_step="have every program follow the keyring, then take private_key and public_key"
            " out of the secret",
        )
    text = json.dumps({**document, **ring.document()})
    written = replace_current(at.store, at.reference.secret, text, expected=current.version_id)
    return ring, written.version_id


def _next(at: Addressed, document: dict[str, Any], added: list[Key], life: timedelta) -> RsaKeyring:
    [new, *more] = added
    if more:
        raise ConfigurationError(
            f"{at.reference.secret} is there already", next_step="add one key at a time"
        )
    return RsaKeyring.of(document).rotated(new, new.created, life)


def _first(added: list[Key]) -> RsaKeyring:
    signing, *following = added
    if len(following) > 1:
        raise ConfigurationError("a keyring begins with two keys at most", next_step="name two")
    return RsaKeyring(signing, next(iter(following), None))


def _facts(ring: RsaKeyring) -> dict[str, Any]:
    following = ring.next.id if ring.next else ""
    return {"kid": ring.signing.id, "next": following, "retired": len(ring.retired)}


def _tell(invocation: Invocation, facts: dict[str, Any]) -> None:
    if invocation.output.as_json:
        invocation.output.json(facts)
    else:
        invocation.output.labelled((label, str(fact)) for label, fact in facts.items())
