"""Masking output as it is written, in pieces that may split a secret anywhere."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from .forms import MIN_LENGTH
from .redactor import merged

if TYPE_CHECKING:
    from .redactor import Known, Redactor


class RedactingStream:
    """Masks a stream of bytes; does no input or output itself.

    Give each chunk to :meth:`feed` and write what it returns, and at the end (or when the source
    has been idle for as long as a person may wait) what :meth:`flush` returns. Only an end that
    could be the beginning of a known value is held back, so a prompt appears at once. The result
    is that of :meth:`Redactor.redact_bytes` on the whole, however it was split.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = b""
        self._known = redactor.snapshot()
        self._openings = _Openings(self._known)

    @property
    def holds(self) -> bool:
        """Whether something is held back."""
        return bool(self._held)

    def feed(self, chunk: bytes) -> bytes:
        """Take a chunk and give what can be written now, masked."""
        known = self._redactor.snapshot()
        if known is not self._known:
            self._known, self._openings = known, _Openings(known)
        data = self._held + chunk
        cut = self._openings.first_in_end_of(data)
        for start, end, _ in merged(known.find(data)) if cut < len(data) else ():
            if start < cut < end:  # the opening lies in a value that it may prolong
                cut = start
        self._held = data[cut:]
        return self._redactor.redact_bytes(data[:cut])

    def flush(self) -> bytes:
        """Give what is held back, masked as far as it is a value."""
        held, self._held = self._held, b""
        return self._redactor.redact_bytes(held)


class _Openings:
    """Tells whether the end of a text could be the beginning of a form."""

    def __init__(self, known: Known) -> None:
        self._forms = sorted(known.forms)
        self._longest = max(map(len, self._forms), default=0)
        self._heads = known.matcher({form[:MIN_LENGTH] for form in self._forms})

    def first_in_end_of(self, data: bytes) -> int:
        """Give where the longest such end begins; the length of ``data`` when there is none."""
        earliest = max(0, len(data) - self._longest + 1)
        heads = (earliest + start for start, _, _ in self._heads.find(data[earliest:]))
        shorter_than_a_head = range(max(earliest, len(data) - MIN_LENGTH + 1), len(data))
        starts = sorted({*heads, *shorter_than_a_head})
        return next((start for start in starts if self._begins(data[start:])), len(data))

    def _begins(self, end: bytes) -> bool:
        """Tell whether some form goes on after ``end``: the next one in order would."""
        following = bisect_right(self._forms, end)
        return following < len(self._forms) and self._forms[following].startswith(end)
