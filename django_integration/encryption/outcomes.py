"""What came of going through rows: how many were written, and what is wrong with which ones."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["FAULTS", "Outcome"]

#: What can be wrong with a row.
FAULTS = {
    "different": "hold another value than the plain column",
    "missing": "lack the plain column's value",
    "unfit": "have a plain value that the encrypted field's type does not hold",
    "unreadable": "cannot be decrypted, and stay as they are",
    "repeated": "have a value that another row has, which their unique blind index refuses",
    "wrong": "are not indexed by their value",
}
#: How many primary keys are kept of each.
_KEPT = 20


class Outcome:
    """Counts; adds up while rows are gone through."""

    def __init__(self) -> None:
        #: That were gone through.
        self.rows = 0
        self.written = 0
        #: Which of ``FAULTS`` -> how many rows.
        self.faults: Counter[str] = Counter()
        self._keys: dict[str, list[Any]] = {}

    def note(self, fault: str, *keys: Any) -> None:
        """Add rows that something is wrong with, by their primary keys."""
        self.faults[fault] += len(keys)
        kept = self._keys.setdefault(fault, [])
        kept += keys[: _KEPT - len(kept)]

    def wrote(self, count: int, repeated: Iterable[Any] = ()) -> None:
        """Add rows that were written, and those that the database refused."""
        self.written += count
        self.note("repeated", *repeated)

    def document(self) -> dict[str, Any]:
        """Give it as JSON."""
        faults = {
            it: {"rows": count, "keys": self._keys[it]} for it, count in (+self.faults).items()
        }
        return {"written": self.written, "faults": faults}

    def lines(self) -> list[str]:
        """Tell what is wrong, a line for each fault."""
        return [
            f"{count} rows {FAULTS[fault]}: {', '.join(map(str, self._keys[fault]))}"
            + (" …" if count > _KEPT else "")
            for fault, count in (+self.faults).items()
        ]
