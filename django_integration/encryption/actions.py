"""What ``manage.py encrypted_fields`` does, and tells of it; each gives lines on what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glisecrets.cli.confirming import confirm
from glisecrets.cli.output import Output
from glisecrets.errors import ConfigurationError

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

#: Seconds for which processes know a data key: see :mod:`glisecrets.keys.envelope.cache`.
_KNOWN = 300


class Actions:
    """For one run of the command.

    Args:
        as_json: whether a program reads.
        using: the alias of the database; default each model's own.
    """

    def __init__(self, *, as_json: bool, using: str | None) -> None:
        self._output, self._using = Output(as_json=as_json), using

    # Data keys ------------------------------------------------------------------------------

    def status(self, options: Options) -> None:
        """Show fields and data keys."""
        found = overviews(self._using, rows=options["rows"])
        if self._output.as_json:
            fields = [it.document() for it in found]
            self._output.json({"environment": str(environment()), "fields": fields})
            return
        head = ["field", "label", "data class", "data key", "state", "made"]
        lines = [line for it in found for line in _lines(it)]
        if options["rows"]:
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
            f" within {_KNOWN} seconds; then run `manage.py encrypted_fields reencrypt`",
            made=made,
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
            ConfigurationError: it is not there; or nobody has confirmed.
        """
        envelope, key_id = process_envelope(), options["key_id"]
        data_key = next((it for it in envelope.data_keys if it.id == key_id), None)
        if data_key is None:
            raise ConfigurationError(
                f"there is no data key {key_id}",
                next_step="see `manage.py encrypted_fields status --json`",
            )
        rows = rows_under(data_key, self._using)
        confirm(_question(data_key, rows), yes=options["yes"])
        envelope.shred(key_id)
        self._tell(
            f"data key {key_id} is deleted, and {rows} rows with it. Processes that know it forget"
            f" it within {_KNOWN} seconds. A backup of its row still opens them: delete that too",
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
        rows = copying.rows(whole=True)
        with self._output.progress("comparing", rows) as advance:
            outcome = copying.compare(options["batch"], advance)
        return self._done(f"{rows} rows compared", outcome)

    def reencrypt(self, options: Options) -> Faults:
        """Encrypt columns anew."""
        named = [encrypted_field(each) for each in options["fields"]]
        fields = named or [field for field in declared() if field.model._meta.managed]
        documents, faults = {}, []
        for field in fields:
            if not isinstance(field, BlindIndex):
                outcome = self._reencrypted(field, options["batch"])
                documents[str(field)] = outcome.document()
                faults += [f"{field}: {line}" for line in outcome.lines()]
        rows = sum(document["written"] for document in documents.values())
        self._tell(f"{rows} rows encrypted anew", fields=documents)
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
        rows = work.rows()
        with self._output.progress("indexing", rows) as advance:
            outcome = (work.check if options["check"] else work.run)(batch, advance)
        done = f"{rows} rows compared" if options["check"] else f"{outcome.written} rows indexed"
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


def _question(data_key: DataKey, rows: int) -> str:
    """Ask what deleting a data key would do."""
    loss = f"{rows} rows can never be read again." if rows else "No row is under it."
    if any(isinstance(it, BlindIndex) and it.label == data_key.context.field for it in declared()):
        loss = "Look-ups find nothing until `manage.py encrypted_fields index` has built it anew."
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
    if rows.get(None):
        yield [*head, "", "not encrypted", "", str(rows[None])]
