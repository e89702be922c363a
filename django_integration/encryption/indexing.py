"""Building a blind index anew, from the values of its field.

For an index that was added to a table with rows, and after its data key was lost. Each batch of
rows is locked while it is indexed, so that nobody's write in between is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import router, transaction

from glisecrets.errors import ConfigurationError
from glisecrets.keys.envelope.errors import InvalidMessage

from .columns import Table
from .outcomes import Outcome
from .process import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .blind_index import BlindIndex
    from .columns import Change, Stored

__all__ = ["Indexing", "refuse_lost_key"]

#: A condition: one has a value and the other none. The encrypted column comes first.
_UNINDEXED = "({0} IS NULL) <> ({1} IS NULL)"


def refuse_lost_key(index: BlindIndex) -> None:
    """Keep a second data key from being made: nothing that is indexed would be found by it.

    Raises:
        ConfigurationError: there are rows that are indexed.
    """
    table = Table(router.db_for_write(index.model), index)
    if table.is_there() and table.any("{0} IS NOT NULL"):
        raise ConfigurationError(
            f"{index}: rows are indexed, and their data key {index.label!r} ({index.data_class},"
            f" {environment()}) is not there",
            next_step="restore its row from a copy; or declare searchable=False, and have"
            f" `manage.py encrypted_fields index {index}` build it anew under another one",
        )


class Indexing:
    """One blind index. It can be ended, and run again, at any time.

    Args:
        index: which one.
        using: the database's alias.
    """

    def __init__(self, index: BlindIndex, using: str) -> None:
        self._index, self._source, self._using = index, index.source, using
        self._table = Table(using, index.source, index)

    def rows(self) -> int:
        """Count the rows."""
        return self._table.count()

    def unindexed(self) -> int:
        """Count rows with a value and no index, as a migration leaves them; or the reverse."""
        return self._table.count(_UNINDEXED) if self._table.is_there() else 0

    def run(self, batch: int, advance: Callable[[], None]) -> Outcome:
        """Write every index that is not that of its row's value.

        Args:
            batch: rows that are locked at a time.
            advance: called for each row.

        Raises:
            StoreError: a data key cannot be had.
        """
        self._index.renew_lost_data_key()
        outcome = Outcome()
        page = self._indexed(None, batch, outcome)
        while page:
            for _ in page:
                advance()
            page = self._indexed(page[-1], batch, outcome)
        return outcome

    def check(self, batch: int, advance: Callable[[], None]) -> Outcome:
        """Tell which rows :meth:`run` would write; the arguments are the same.

        Raises:
            ConfigurationError: rows are indexed, and their data key is not there.
            StoreError: a data key cannot be had.
        """
        self._index.provision_data_key()
        outcome = Outcome()
        for page in self._table.pages(batch):
            outcome.rows += len(page)
            outcome.note("wrong", *(stored.key for stored, _ in self._wrong(page, outcome)))
            for _ in page:
                advance()
        return outcome

    def _indexed(self, after: Stored | None, batch: int, outcome: Outcome) -> list[Stored]:
        """Index one page; give it as it was."""
        with transaction.atomic(self._using):
            page = self._table.page(after, batch, locked=True)
            outcome.wrote(*self._table.swap([1], list(self._wrong(page, outcome))))
        return page

    def _wrong(self, page: list[Stored], outcome: Outcome) -> Iterator[Change]:
        for stored in page:
            try:
                mac = self._mac(stored)
            except InvalidMessage:
                outcome.note("unreadable", stored.key)
                continue
            if mac != stored.values[1]:
                yield stored, [mac]

    def _mac(self, stored: Stored) -> bytes | None:
        message = stored.values[0]
        if message is None:
            return None
        row = self._table.row_id(stored) if self._source.bound_to_row else None
        return self._index.mac(self._source.opened(message, row))
