"""Encrypting the values of a column anew, under the field's active data key.

After a data key was renewed. A rewrap of the data keys needs none of this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from glisecrets.keys.envelope.errors import InvalidMessage

from .columns import Table
from .outcomes import Outcome
from .process import field_envelope, process_envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .columns import Change, Stored
    from .fields import EncryptedField

__all__ = ["Reencryption"]


class Reencryption:
    """What is left to do in one column. It can be ended, and run again, at any time.

    Args:
        field: the encrypted field.
        using: the database's alias.

    Raises:
        StoreError: the field's data key cannot be had.
    """

    def __init__(self, field: EncryptedField, using: str) -> None:
        self._field, self._table = field, Table(using, field)
        field.provision_data_key()
        context = field_envelope(field.data_class, field.label).context
        active = process_envelope().data_keys.active(context)
        self._left = self._table.not_under(active.id if active else "")

    def rows(self) -> int:
        """Count the rows that are not under the active data key."""
        return self._table.count(*self._left)

    def run(self, batch: int, advance: Callable[[], None]) -> Outcome:
        """Encrypt what is left; a row that somebody else writes meanwhile is left to them.

        Args:
            batch: rows in one transaction.
            advance: called for each row.

        Raises:
            StoreError: a data key cannot be had.
        """
        outcome = Outcome()
        for page in self._table.pages(batch, *self._left):
            outcome.wrote(*self._table.swap([0], list(self._renewed(page, outcome))))
            for _ in page:
                advance()
        return outcome

    def _renewed(self, page: list[Stored], outcome: Outcome) -> Iterator[Change]:
        for stored in page:
            row = self._table.row_id(stored) if self._field.bound_to_row else None
            try:
                value = self._field.opened(stored.values[0], row)
            except InvalidMessage:
                outcome.note("unreadable", stored.key)
            else:
                yield stored, [self._field.sealed(value, row)]
