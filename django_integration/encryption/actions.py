"""What ``manage.py encrypted_fields`` does, and tells of it; each gives lines on what is wrong."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from glisecrets.cli.confirming import confirm
from glisecrets.cli.output import Output
from glisecrets.errors import ConfigurationError
from glisecrets.keys.envelope.cache import MAX_AGE
from glisecrets.keys.envelope.data_keys import SETTLED_AFTER

from .blind_index import BlindIndex
from .copying import Copying
from .declared import declared, encrypted_field, field_of, labelled, model_of
from .indexing import Indexing
from .overview import database_of, overviews, rows_under
from .process import environment, field_envelope, process_envelope
from .reencryption import Reencryption

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glisecrets.keys.envelope import DataKey

    from .fields import EncryptedField
    from .outcomes import Outcome
    from .overview import FieldOverview

__all__ = ["Actions"]

Options = dict[str, Any]
Faults = list[str]


class Actions:
    """For one run of the command.

    Args:
        as_json: whether a program reads.
        using: the alias of the database; default each model's own.
    """

    def __init__(self, *, as_json: bool, using: str | None) -> None:
        self._output, self._using = Output(as_json=as_json), using

    # Data keys ------------------------------------------------------------------------------

    def status(self, options: Options) -> Faults:
        """Show fields and data keys; tell of rows under data keys that their field has not."""
        found = overviews(self._using, rows=options["rows"])
        if self._output.as_json:
            fields = [it.document() for it in found]
            self._output.json({"environment": str(environment()), "fields": fields})
        else:
            self._print(found, rows=options["rows"])
        return [line for it in found for line in it.faults()]

    def _print(self, found: list[FieldOverview], *, rows: bool) -> None:
        head = ["field", "label", "data class", "data key", "state", "made"]
        lines = [line for it in found for line in _lines(it)]
        if rows:
            head.append("rows")
        self._output.table(head, (line[: len(head)] for line in lines))

    def provision(self, _: Options) -> None:
        """Make data keys."""
        fields = declared()
        for field in self._output.tracked("provisioning", fields):
            field.provision_data_key()
        self._tell(f"{len(fields)} fields have their data keys", provisioned=[*map(str, fields)])

    def renew(self, options: Options) -> None:
        """Make a new data key.

        Raises:
            ConfigurationError: the label is a blind index's, or nothing's.
        """
        label = options["label"]
        found = labelled(label)
        if any(isinstance(field, BlindIndex) for field in found):
            raise ConfigurationError(
                "a blind index keeps its data key: under another one nothing would be found",
                next_step="add a second index, build it, and drop the first",
            )
        classes = sorted({field.data_class for field in found})
        made = [field_envelope(each, label).renew_data_key().id for each in classes]
        self._tell(
            f"new values are encrypted under {', '.join(made)}, here at once, in other processes"
            f" within {MAX_AGE:.0f} seconds. Wait {SETTLED_AFTER:.0f} seconds, and then run"
            " `manage.py encrypted_fields reencrypt`",
            made=made,
            wait=int(SETTLED_AFTER),
        )

    def rewrap(self, _: Options) -> None:
        """Encrypt the data keys anew."""
        envelope, ids = process_envelope(), []
        with self._output.progress("rewrapping", len(list(envelope.data_keys))) as advance:
            for data_key in envelope.rewrap():
                ids.append(data_key.id)
                advance()
        key = envelope.wrapping_key.name
        self._tell(f"{len(ids)} data keys rewrapped by {key}", rewrapped=ids)

    def shred(self, options: Options) -> None:
        """Delete a data key.

        Raises:
            ConfigurationError: it is not there; it is still needed, and nobody gives its values up;
                or nobody has confirmed.
        """
        key_id, give_up = options["key_id"], options["give_up"]
        data_key = _data_key(key_id)
        if not give_up:
            data_key.refuse_in_use()
        rows = rows_under(data_key)
        if rows and not give_up:
            raise ConfigurationError(
                f"{rows} rows are under data key {key_id}: they could never be read again",
                next_step="run `manage.py encrypted_fields reencrypt`; or give them up: --give-up",
            )
        confirm(_question(data_key, rows), yes=options["yes"])
        process_envelope().shred(key_id, give_up=give_up)
        self._tell(
            f"data key {key_id} is deleted, and {rows} rows with it. Processes that know it forget"
            f" it within {MAX_AGE:.0f} seconds. A backup of its row still opens what was under it:"
            " delete that too",
            shredded=key_id,
            rows=rows,
        )

    # Rows -----------------------------------------------------------------------------------

    def encrypt(self, options: Options) -> Faults:
        """Copy a column."""
        copying, over = self._copying(options), options["overwrite"]
        with self._output.progress("encrypting", copying.rows(whole=over)) as advance:
            outcome = copying.copy(options["batch"], advance, overwrite=over)
        return self._done(f"{outcome.written} rows encrypted", outcome)

    def verify(self, options: Options) -> Faults:
        """Compare two columns."""
        copying = self._copying(options)
        with self._output.progress("comparing", copying.rows(whole=True)) as advance:
            outcome = copying.compare(options["batch"], advance)
        return self._done(f"{outcome.rows} rows compared", outcome)

    def reencrypt(self, options: Options) -> Faults:
        """Encrypt columns anew."""
        named = [encrypted_field(each) for each in options["fields"]]
        fields = named or [field for field in declared() if field.model._meta.managed]
        documents, faults = {}, []
        wait = max((_seconds_in_use(field) for field in fields), default=0)
        for field in fields:
            if not isinstance(field, BlindIndex):
                outcome = self._reencrypted(field, options["batch"])
                documents[str(field)] = outcome.document()
                faults += [f"{field}: {line}" for line in outcome.lines()]
        rows = sum(document["written"] for document in documents.values())
        again = f"; in {wait} seconds run it again: until then others may use the old data key"
        self._tell(
            f"{rows} rows encrypted anew{again if wait else ''}", fields=documents, wait=wait
        )
        return faults

    def index(self, options: Options) -> Faults:
        """Build, or check, a blind index.

        Raises:
            ConfigurationError: the field is none.
        """
        index, batch = encrypted_field(options["field"]), options["batch"]
        if not isinstance(index, BlindIndex):
            raise ConfigurationError(f"{index} is no blind index")
        work = Indexing(index, database_of(index, self._using))
        with self._output.progress("indexing", work.rows()) as advance:
            outcome = (work.check if options["check"] else work.run)(batch, advance)
        done = (
            f"{outcome.rows} rows compared"
            if options["check"]
            else f"{outcome.written} rows indexed"
        )
        return self._done(done, outcome)

    def _reencrypted(self, field: EncryptedField, batch: int) -> Outcome:
        work = Reencryption(field, database_of(field, self._using))
        with self._output.progress(str(field), work.rows()) as advance:
            return work.run(batch, advance)

    def _copying(self, options: Options) -> Copying:
        model = model_of(options["model"])
        source, target = (field_of(model, options[name]) for name in ("source", "target"))
        return Copying(source, target, database_of(target, self._using))

    # What came of it ------------------------------------------------------------------------

    def _done(self, told: str, outcome: Outcome) -> Faults:
        self._tell(told, **outcome.document())
        return outcome.lines()

    def _tell(self, told: str, **document: Any) -> None:
        if self._output.as_json:
            self._output.json(document)
        else:
            self._output.line(told)


def _data_key(key_id: str) -> DataKey:
    for data_key in process_envelope().data_keys:
        if data_key.id == key_id:
            return data_key
    raise ConfigurationError(
        f"there is no data key {key_id}",
        next_step="see `manage.py encrypted_fields status --json`",
    )


def _seconds_in_use(field: EncryptedField | BlindIndex) -> int:
    """Give for how long other processes may encrypt under a retired data key of a field."""
    context = field_envelope(field.data_class, field.label).context
    retired = [it for it in process_envelope().data_keys if it.retired and it.context == context]
    return math.ceil(max((it.seconds_in_use() for it in retired), default=0))


def _question(data_key: DataKey, rows: int) -> str:
    """Ask what deleting a data key would do."""
    loss = (
        f"{rows} rows can never be read again." if rows else "No declared field has rows under it."
    )
    if any(isinstance(it, BlindIndex) and it.label == data_key.context.field for it in declared()):
        loss = "Look-ups fail until `manage.py encrypted_fields index` has built the index anew."
    if data_key.seconds_in_use():
        loss += f" What other processes write in the next {MAX_AGE:.0f} seconds is lost as well."
    return f"Delete data key {data_key.id} of {data_key.context}? {loss}"


def _lines(overview: FieldOverview) -> Iterator[list[str]]:
    """Give a field's lines of the table, one for each data key."""
    field, rows = overview.field, overview.rows
    head = [str(field), field.label, field.data_class]
    if not overview.data_keys:
        yield [*head, "", "not made yet", "", ""]
    for key in overview.data_keys:
        state = "active" if key.active else "retired"
        count = str(rows.get(key.id, 0)) if overview.counted else ""
        yield [*head, f"{key.id[:16]}…", state, f"{key.created:%Y-%m-%d}", count]
    for key_id, strange in overview.strange.items():
        state = "another field's" if key_id in overview.known else "not there"
        yield [*head, f"{key_id[:16]}…", state, "", str(strange)]
    if rows.get(None):
        yield [*head, "", "not encrypted", "", str(rows[None])]
    if overview.unindexed:
        yield [*head, "", "not indexed", "", str(overview.unindexed)]
