"""Finding many forms in one text, quickly when there is none.

Almost every log line is clean, so a matcher is built for that case. Of each form it looks for an
*anchor* only, a piece of at most :data:`ANCHOR` bytes, and compares the whole form where the
anchor was seen. Encodings mostly change punctuation, hence an anchor of letters and digits is
shared by many forms of a value, and twenty forms cost little more than one.

Measured against other ways in ``benchmarks/redaction.py``.
"""

from __future__ import annotations

import struct
import sys
from collections import defaultdict
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

#: Bytes of an anchor: any 15 bytes of a text hold a whole 8-byte word at a multiple of 8.
ANCHOR = 15
#: Where to look for a good anchor in a long form, in bytes.
_ANCHOR_SEARCH = 256
#: Most anchors in a DFA (about 8 kB each); beyond, a slower automaton of a tenth of the size.
_DFA_ANCHORS = 1_000

#: Any so many bytes of a text hold a whole 4-byte word at a multiple of 4.
_ALIGNED_WORD = 7

_LETTERS_AND_DIGITS = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

#: Where a form starts in the text, where it ends, and the form.
Hit = tuple[int, int, bytes]
#: A form that an anchor or word belongs to, with the offset of the anchor or word in it.
_Candidate = tuple[int, bytes]


class Matcher(Protocol):
    """Finds forms in a text. Immutable, so threads and forked children share it freely."""

    def find(self, text: bytes) -> list[Hit]:
        """Give every occurrence of every form, overlapping ones too, in no order.

        An occurrence may be given twice.
        """
        ...


def fastest_matcher(forms: Iterable[bytes]) -> Matcher:
    """Build the matcher of the extra ``fast`` if it is installed, else the pure-Python one."""
    try:
        return AutomatonMatcher(forms)
    except ImportError:
        return WordMatcher(forms)


def _anchor_offset(form: bytes) -> int:
    """Choose the piece that is rarest by guess: with the most different letters and digits.

    So the anchor of ``postgres://…`` is not what all addresses begin with.
    """
    last = min(len(form), _ANCHOR_SEARCH) - ANCHOR
    return max(
        range(max(last, 0) + 1),
        key=lambda start: len(_LETTERS_AND_DIGITS.intersection(form[start : start + ANCHOR])),
    )


def _confirmed(text: bytes, position: int, candidates: Iterable[_Candidate]) -> Iterator[Hit]:
    for offset, form in candidates:
        # A start before the text counts from its end, where so long a form cannot fit.
        start = position - offset
        if text.startswith(form, start):
            yield start, start + len(form), form


class AutomatonMatcher:
    """The anchors in an Aho-Corasick automaton, made in Rust.

    Raises:
        ImportError: ``ahocorasick_rs`` is not installed.
    """

    def __init__(self, forms: Iterable[bytes]) -> None:
        from ahocorasick_rs import BytesAhoCorasick, Implementation

        anchors: defaultdict[bytes, list[_Candidate]] = defaultdict(list)
        for form in forms:
            offset = _anchor_offset(form)
            anchors[form[offset : offset + ANCHOR]].append((offset, form))
        small = len(anchors) <= _DFA_ANCHORS
        automaton = BytesAhoCorasick(
            list(anchors), implementation=Implementation.DFA if small else None
        )
        self._candidates = list(anchors.values())
        self._search: Callable[..., list[tuple[int, int, int]]] = automaton.find_matches_as_indexes

    def find(self, text: bytes) -> list[Hit]:
        """Give every occurrence: see :class:`Matcher`."""
        if not self._search(text):
            return []
        return [
            hit
            for anchor, position, _ in self._search(text, overlapping=True)
            for hit in _confirmed(text, position, self._candidates[anchor])
        ]


class WordMatcher:
    """The text read as machine words, each looked up in a set: q-gram sampling, pure Python.

    A form of 15 bytes or more holds one of the text's 8-byte words whole, wherever it stands; a
    shorter one, down to 6 bytes, a 4-byte word at an even position. The reading is one cast, so
    that a clean 200-byte line costs 25 look-ups.
    """

    def __init__(self, forms: Iterable[bytes]) -> None:
        forms = list(forms)
        long = [form for form in forms if len(form) >= ANCHOR]
        short = [form for form in forms if len(form) < ANCHOR]
        self._readings = [_Reading("Q", 0, long)] if long else []
        if short:
            shifts = (0,) if min(map(len, short)) >= _ALIGNED_WORD else (0, 2)
            self._readings += [_Reading("I", shift, short) for shift in shifts]

    def find(self, text: bytes) -> list[Hit]:
        """Give every occurrence: see :class:`Matcher`."""
        hits: list[Hit] = []
        for reading in self._readings:
            hits += reading.find(text)
        return hits


class _Reading:
    """One way to read a text as words: of one size, from one position on."""

    def __init__(self, code: Literal["Q", "I"], shift: int, forms: Iterable[bytes]) -> None:
        self._code: Literal["Q", "I"] = code
        self._size = struct.calcsize(code)
        self._shift = shift
        self._candidates: defaultdict[int, list[_Candidate]] = defaultdict(list)
        for form in forms:
            self._learn(form)
        self._words = frozenset(self._candidates)

    def _learn(self, form: bytes) -> None:
        anchor = _anchor_offset(form)
        end = min(anchor + ANCHOR, len(form))
        for offset in range(anchor, end - self._size + 1):
            word = int.from_bytes(form[offset : offset + self._size], sys.byteorder)
            self._candidates[word].append((offset, form))

    def find(self, text: bytes) -> Iterable[Hit]:
        rest = (len(text) - self._shift) % self._size
        words = memoryview(text[self._shift : len(text) - rest]).cast(self._code)
        return () if self._words.isdisjoint(words) else self._confirmed(text, words)

    def _confirmed(self, text: bytes, words: memoryview[int]) -> Iterator[Hit]:
        for number, word in enumerate(words):
            if word in self._words:
                position = self._shift + number * self._size
                yield from _confirmed(text, position, self._candidates[word])
