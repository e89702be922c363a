"""From a plain column to an encrypted one: copy the values while the rows are in use, and compare.

Each batch of rows is locked while it is copied, so that nobody's write in between is lost. The
plain column is the truth until it is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from warnings import catch_warnings

from django.core.exceptions import ValidationError
from django.db import transaction

from glisecrets.errors import ConfigurationError
from glisecrets.keys.envelope.errors import InvalidMessage

from .blind_index import indexes_of
from .columns import Table
from .fields import EncryptedField
from .outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import Field

    from .blind_index import BlindIndex
    from .columns import Stored

__all__ = ["Copying"]

#: Conditions: the encrypted column comes first, the plain one second.
_EMPTY = "{0} IS NULL AND {1} IS NOT NULL"
_EVERY = "1 = 1"


class Copying:
    """From one column of a model to another. It can be ended, and run again, at any time.

    Args:
        source: the plain field.
        target: the encrypted one, of the same model.
        using: the database's alias.

    Raises:
        ConfigurationError: the fields are not such.
    """

    def __init__(self, source: Field[Any, Any], target: Field[Any, Any], using: str) -> None:
        if isinstance(source, EncryptedField) or not isinstance(target, EncryptedField):
            raise ConfigurationError(
                f"{source} and {target} are no plain field and encrypted field, in this order"
            )
        self._source, self._target, self._using = source, target, using
        self._indexes = indexes_of(target)
        self._columns: list[EncryptedField | BlindIndex] = [target, *self._indexes]
        self._table = Table(using, target, source, *self._indexes)
        #: The target, and its indexes.
        self._written = [0, *range(2, 2 + len(self._indexes))]

    def rows(self, *, whole: bool) -> int:
        """Count the rows to look at: those without an encrypted value, or all."""
        return self._table.count(_EVERY if whole else _EMPTY)

    def copy(self, batch: int, advance: Callable[[], None], *, overwrite: bool = False) -> Outcome:
        """Copy the values that the encrypted column lacks.

        Args:
            batch: rows that are locked at a time.
            advance: called for each row.
            overwrite: whether other values there are written over, too.

        Raises:
            StoreError: a data key cannot be had.
        """
        for field in self._columns:
            field.provision_data_key()  # now, not in a transaction
        outcome, where = Outcome(), _EVERY if overwrite else _EMPTY
        page = self._copied(None, batch, where, outcome)
        while page:
            for _ in page:
                advance()
            page = self._copied(page[-1], batch, where, outcome)
        return outcome

    def compare(self, batch: int, advance: Callable[[], None]) -> Outcome:
        """Compare the two columns, row by row; the arguments are those of :meth:`copy`."""
        outcome = Outcome()
        for page in self._table.pages(batch):
            outcome.rows += len(page)
            for stored in page:
                fault = self._fault(stored)
                if fault:
                    outcome.note(fault, stored.key)
                advance()
        return outcome

    def _copied(
        self, after: Stored | None, batch: int, where: str, outcome: Outcome
    ) -> list[Stored]:
        """Copy one page; give it as it was."""
        with transaction.atomic(self._using):
            page = self._table.page(after, batch, where, locked=True)
            faults = [self._fault(stored) for stored in page]
            pairs = list(zip(page, faults, strict=True))
            outcome.note("unfit", *(stored.key for stored, fault in pairs if fault == "unfit"))
            wrong = [stored for stored, fault in pairs if fault not in (None, "unfit")]
            changes = [(stored, self._new(stored)) for stored in wrong]
            outcome.wrote(*self._table.swap(self._written, changes))
        return page

    def _new(self, stored: Stored) -> list[bytes | None]:
        if stored.values[1] is None:
            return [None for _ in self._written]
        value = self._target.to_python(stored.values[1])
        macs = (index.mac(value) for index in self._indexes)
        return [self._target.sealed(value, self._row(stored)), *macs]

    def _fault(self, stored: Stored) -> str | None:
        """Tell what is wrong with a row, if anything."""
        message, plain, *_ = stored.values
        try:
            wanted = None if plain is None else self._target.to_python(plain)
            held = None if message is None else self._target.opened(message, self._row(stored))
        except ValidationError:
            return "unfit"
        except InvalidMessage:
            return "unreadable"
        if not self._is_whole(plain, wanted):
            return "unfit"
        if wanted == held:
            return None
        return "missing" if held is None else "different"

    def _is_whole(self, plain: Any, wanted: Any) -> bool:
        """Tell whether nothing of a plain value is lost, as a fraction by a whole number.

        Text is read in full, or refused: it may write one value in several ways.
        """
        if isinstance(plain, str) or wanted == plain:
            return True
        with catch_warnings(action="ignore"):  # Django's, of a date that is read as a naive time
            try:
                return bool(self._source.to_python(wanted) == plain)
            except (ValidationError, ValueError, TypeError):
                return False

    def _row(self, stored: Stored) -> str | None:
        return self._table.row_id(stored) if self._target.bound_to_row else None
