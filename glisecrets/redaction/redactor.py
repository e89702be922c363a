"""The redactor: knows every secret value of a process and masks it in text.

What it writes instead is ``[redacted:NAME]``, as ``[redacted:database.password]``, because whoever
reads the log at night wants to know which one; ``[redacted]`` for a value without a name.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

from .forms import Part, encodings, parts
from .matchers import fastest_matcher
from .nested import rebuilt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .forms import Value
    from .matchers import Hit, Matcher

#: Stands for the name of a value that was added without one.
UNNAMED = "(unnamed)"


class Redactor:
    """Masks the values it knows, in all their forms: see :mod:`glisecrets.redaction.forms`.

    The longest form wins, and what overlaps is masked as one, so no part of a value is left over.
    Values are read in UTF-8. Sharing it between threads and with forked children is safe: what is
    known is an immutable snapshot, exchanged in one assignment. It is prepared for searching at
    the first use after an addition, so adding many values in a row costs one preparation.

    A replaced value stays known, as it may be in force and in use for some time.
    """

    def __init__(self, *, matcher: Callable[[Iterable[bytes]], Matcher] = fastest_matcher) -> None:
        self._matcher = matcher
        self._lock = Lock()
        self._known = Known({}, frozenset(), matcher)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self._known.names)} values>"

    @property
    def unmasked(self) -> tuple[str, ...]:
        """Names of values that are not masked, being too short or common words, sorted."""
        return tuple(sorted(self._known.unmasked))

    def add(self, value: Value, *, name: str | None = None) -> None:
        """Make a value known.

        Args:
            value: text, bytes, ``SecretStr`` and the like, or a parsed JSON document; ``None``
                and empty values are ignored.
            name: stands in the mask. A value that is already known keeps its first name.
        """
        found = list(parts(value, name or ""))
        with self._lock:
            self._known = self._known.extended(found)

    def clear(self) -> None:
        """Forget every value."""
        with self._lock:
            self._known = Known({}, frozenset(), self._matcher)

    def redact(self, text: str) -> str:
        """Give the text with every known value masked; a clean text is returned itself."""
        known = self._known
        data = text.encode("utf-8", "surrogatepass")
        hits = known.find(data)
        if not hits:
            return text
        return _decoded(known.masked(data, hits))

    def redact_bytes(self, data: bytes) -> bytes:
        """Give the bytes with every known value masked."""
        known = self._known
        hits = known.find(data)
        return known.masked(data, hits) if hits else data

    def redact_object(self, value: Any) -> Any:
        """Give a copy of a structure with every known value masked.

        Goes into mappings (keys too), lists, tuples, sets, text and bytes. Other objects stay as
        they are. Cycles, and what is nested deeper than 50 levels, become a short text.
        """
        return rebuilt(value, self.redact, self.redact_bytes)

    def finds(self, text: str | bytes) -> tuple[str, ...]:
        """Give the names of the known values that stand in a text, sorted."""
        known = self._known
        data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        return tuple(sorted({known.name(form) for _, _, form in known.find(data)}))

    def snapshot(self) -> Known:
        """Give what is known now."""
        return self._known

    def renew_lock(self) -> None:
        """Replace the lock, which another thread may have held at a fork."""
        self._lock = Lock()


class Known:
    """What a redactor knows at one moment. Prepares itself for searching when first searched.

    Two threads may prepare it at once: they do the same, and either result serves.
    """

    #: Gives every occurrence of every form: see :class:`~glisecrets.redaction.matchers.Matcher`.
    find: Callable[[bytes], list[Hit]]

    def __init__(
        self,
        names: Mapping[bytes, str],
        unmasked: frozenset[str],
        matcher: Callable[[Iterable[bytes]], Matcher],
    ) -> None:
        #: The masked parts and their names.
        self.names = names
        self.unmasked = unmasked
        #: Makes a matcher of forms.
        self.matcher = matcher
        self._forms: Mapping[bytes, str] | None = None
        self.find = self._find_first if names else _find_nothing

    def extended(self, found: Iterable[Part]) -> Known:
        """Give a snapshot with more parts; itself when there is nothing new."""
        names, unmasked = dict(self.names), set(self.unmasked)
        for name, content, masked in found:
            if masked:
                names.setdefault(content, name)
            else:
                unmasked.add(name or UNNAMED)
        if len(names) == len(self.names) and unmasked == self.unmasked:
            return self
        return Known(names, frozenset(unmasked), self.matcher)

    @property
    def forms(self) -> Mapping[bytes, str]:
        """Every form of every part, with the part's name."""
        if self._forms is None:
            self._forms = {
                form: name for part, name in self.names.items() for form in encodings(part)
            }
        return self._forms

    def name(self, form: bytes) -> str:
        """Give the name of the value that a form belongs to."""
        return self.forms[form] or UNNAMED

    def masked(self, data: bytes, hits: list[Hit]) -> bytes:
        """Replace the occurrences that :meth:`find` gave."""
        pieces, end = [], 0
        for start, stop, form in merged(hits):
            name = self.forms[form]
            pieces += [data[end:start], f"[redacted:{name}]".encode() if name else b"[redacted]"]
            end = stop
        return b"".join([*pieces, data[end:]])

    def _find_first(self, data: bytes) -> list[Hit]:
        self.find = self.matcher(self.forms).find
        return self.find(data)


def _find_nothing(_: bytes) -> list[Hit]:
    return []


def merged(hits: list[Hit]) -> list[Hit]:
    """Join overlapping occurrences into one, under the longest form among them, in text order."""
    joined: list[Hit] = []
    for start, end, form in sorted(hits):
        if joined and start < joined[-1][1]:
            first, last, longest = joined[-1]
            joined[-1] = first, max(last, end), max(longest, form, key=len)
        else:
            joined.append((start, end, form))
    return joined


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        # A binary value matched from the middle of one character to the middle of another.
        return data.decode("utf-8", "replace")
