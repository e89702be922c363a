"""``glisecrets keys rewrap | reencrypt | shred``: the data keys of encrypted files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glisecrets.cli import Invocation, exit_codes
from glisecrets.cli.confirming import YesOption, confirm
from glisecrets.cli.output import error_document
from glisecrets.errors import ConfigurationError, EnvironmentMismatch, GlisecretsError

from .envelopes import (
    DATA_KEYS,
    ClassOption,
    DataKeysOption,
    FieldOption,
    KeyOption,
    envelope_of,
)
from .whole_files import PART_BYTES, reading, replaceable

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..envelope import DataKey, FieldEnvelope, FileDataKeys

FilesArgument = Annotated[list[str], typer.Argument(metavar="FILE…", help="Encrypted files.")]
RenewOption = Annotated[bool, typer.Option("--renew", help="Make a new data key first.")]
GiveUpOption = Annotated[
    bool, typer.Option("--give-up", help="Also while processes may encrypt under it.")
]
KeyIdArgument = Annotated[
    str, typer.Argument(metavar="KEY_ID", help="As data-keys.json and the errors name it.")
]

_DONE, _UNCHANGED, _FAILED = "re-encrypted", "unchanged", "failed"


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
        invocation.output.line(f"data keys rewrapped by {envelope.wrapping_key.name}: {len(ids)}")


def reencrypt(
    ctx: typer.Context,
    files: FilesArgument,
    field: FieldOption,
    data_class: ClassOption = "confidential",
    renew: RenewOption = False,
    key: KeyOption = None,
    data_keys: DataKeysOption = DATA_KEYS,
) -> None:
    """Encrypt files under the active data key that are under a retired one.

    A file is replaced when its successor is complete. After Ctrl-C, run it again without --renew:
    files under the active data key are left alone.
    """
    invocation = Invocation.of(ctx)
    environment = invocation.current_environment()
    label = envelope_of(invocation, key, data_keys).field(data_class, environment, field)
    made = label.renew_data_key().id if renew else None
    if made:
        invocation.output.note(f"data key {made} is active now; to go on later, leave out --renew")
    outcomes = _reencrypted(invocation, label, files)
    _print(invocation, made, outcomes)
    errors = [outcome for outcome in outcomes.values() if isinstance(outcome, GlisecretsError)]
    if errors:
        raise typer.Exit(max(map(exit_codes.code_of, errors)))


def shred(
    ctx: typer.Context,
    key_id: KeyIdArgument,
    data_keys: DataKeysOption = DATA_KEYS,
    yes: YesOption = False,
    give_up: GiveUpOption = False,
) -> None:
    """Delete a retired data key: what is encrypted under it can never be read again."""
    from ..envelope import FileDataKeys

    invocation = Invocation.of(ctx)
    path = invocation.project.directory / data_keys
    store = FileDataKeys(path)
    data_key = _named(invocation, key_id, store, path)
    if not give_up:
        data_key.refuse_in_use()
    state = "active" if data_key.active else "retired"
    confirm(
        f"Delete the {state} data key {key_id} of {data_key.context}? "
        "What is encrypted under it can never be read again.",
        yes=yes,
    )
    store.delete(key_id)
    if invocation.output.as_json:
        invocation.output.json({"shredded": key_id})
    else:
        invocation.output.line(f"data key {key_id} is deleted")
        invocation.output.line(f"Delete it from every copy of {path} as well, backups too.")


def _reencrypted(
    invocation: Invocation, label: FieldEnvelope, files: list[str]
) -> dict[str, str | GlisecretsError]:
    """Re-encrypt file by file; what fails with one file stops no other."""
    outcomes: dict[str, str | GlisecretsError] = {}
    with invocation.output.progress("re-encrypting", sum(map(_parts, files))) as advance:
        for file in dict.fromkeys(files):
            try:
                outcomes[file] = _reencrypt(label, file, advance)
            except GlisecretsError as error:
                outcomes[file] = error
    return outcomes


def _reencrypt(label: FieldEnvelope, file: str, advance: Callable[[], None]) -> str:
    from ..envelope.gs1 import HEADER_BYTES
    from ..envelope.replacement import replacement

    path = replaceable(file)
    with reading(file, told=advance) as source:
        if label.is_active(source.read(HEADER_BYTES)):
            return _UNCHANGED
        source.seek(0)
        with replacement(path, like=os.fstat(source.fileno())) as target:
            label.reencrypt_stream(source, target)
    return _DONE


def _parts(file: str) -> int:
    """Give about how often a file will be read; a missing one is told when it is its turn."""
    try:
        return Path(file).stat().st_size // PART_BYTES + 2
    except OSError:
        return 0


def _print(
    invocation: Invocation, made: str | None, outcomes: dict[str, str | GlisecretsError]
) -> None:
    if invocation.output.as_json:
        files = [
            {"file": file, "outcome": _FAILED, "error": error_document(outcome)}
            if isinstance(outcome, GlisecretsError)
            else {"file": file, "outcome": outcome, "error": None}
            for file, outcome in outcomes.items()
        ]
        invocation.output.json({"made": made, "files": files})
        return
    rows = [(file, _told(outcome)) for file, outcome in outcomes.items()]
    invocation.output.table(["file", "outcome"], rows)


def _told(outcome: str | GlisecretsError) -> str | tuple[str, str]:
    if isinstance(outcome, GlisecretsError):
        return f"{_FAILED}: {outcome}", "red"
    return f"{outcome}: under the active data key" if outcome == _UNCHANGED else outcome


def _named(invocation: Invocation, key_id: str, store: FileDataKeys, path: Path) -> DataKey:
    data_key = next((row for row in store if row.id == key_id), None)
    if data_key is None:
        raise ConfigurationError(
            f"{path} has no data key {key_id}", next_step="check the id and --data-keys"
        )
    environment, its = invocation.current_environment(), data_key.context.environment
    if its != environment:
        raise EnvironmentMismatch(
            f"the data key {key_id} is of {its}, and this is {environment}",
            environment=environment,
            belongs_to=(its,),
            next_step=f"if it is meant: --environment {its}",
        )
    return data_key
