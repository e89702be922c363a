"""``glisecrets keys rewrap``: the data keys of encrypted files."""

from __future__ import annotations

import typer  # noqa: TC002 - typer reads the annotation

from glisecrets.cli import Invocation

from .envelopes import DATA_KEYS, DataKeysOption, KeyOption, envelope_of


def rewrap(
    ctx: typer.Context, key: KeyOption = None, data_keys: DataKeysOption = DATA_KEYS
) -> None:
    """Encrypt the data keys anew under the wrapping key's newest version; no file is touched."""
    invocation = Invocation.of(ctx)
    envelope = envelope_of(invocation, key, data_keys)
    ids = []
    with invocation.output.progress("rewrapping", len(list(envelope.data_keys))) as advance:
        for data_key in envelope.rewrap():
            ids.append(data_key.id)
            advance()
    if invocation.output.as_json:
        invocation.output.json({"rewrapped": ids})
    else:
        invocation.output.line(f"{len(ids)} data keys rewrapped by {envelope.wrapping_key.name}")
