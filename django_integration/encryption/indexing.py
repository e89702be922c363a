"""Building a blind index anew, from the values of its field.

For an index that was added to a table with rows, and after its data key was shredded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from glisecrets.keys.envelope.errors import InvalidMessage

from .columns import Table
from .outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .blind_index import BlindIndex
    from .columns import Change, Stored

__all__ = ["Indexing"]


class Indexing:
    """One blind index. It can be ended, and run again, at any time.

    Args:
        index: which one.
        using: the database's alias.
    """

    def __init__(self, index: BlindIndex, using: str) -> None:
        self._index, self._source = index, index.source
        self._table = Table(using, index.source, index)

    def rows(self) -> int:
        """Count the rows."""
        return self._table.count()

    def run(self, batch: int, advance: Callable[[], None]) -> Outcome:
        """Write every index that is not that of its row's value.

        A row that somebody else writes meanwhile is indexed by them.

        Args:
            batch: rows in one transaction.
            advance: called for each row.

        Raises:
            StoreError: a data key cannot be had.
        """
        outcome = Outcome()
        for page in self._table.pages(batch):
            outcome.wrote(*self._table.swap([1], list(self._wrong(page, outcome))))
            for _ in page:
                advance()
        return outcome

    def check(self, batch: int, advance: Callable[[], None]) -> Outcome:
        """Tell which rows :meth:`run` would write; the arguments are the same."""
        outcome = Outcome()
        for page in self._table.pages(batch):
            outcome.note("wrong", *(stored.key for stored, _ in self._wrong(page, outcome)))
            for _ in page:
                advance()
        return outcome

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
