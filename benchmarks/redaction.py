"""Masking secrets in log lines: the redactor against the bare tools that one would write it with.

The peers know the raw values only; the redactor knows each value in all its forms, about eight
times as many patterns.
"""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ahocorasick_rs import AhoCorasick
from rows import Row, compared
from turns import interleaved, repeated

from glisecrets.redaction import Redactor
from glisecrets.redaction.matchers import AutomatonMatcher, Matcher, WordMatcher

if TYPE_CHECKING:
    from collections.abc import Callable

    from surroundings import Surroundings

    Redact = Callable[[str], str]

LINE = (
    "2026-11-21 10:11:12,345 INFO gli.api.views request finished method=GET "
    "path=/api/v1/projects/42/submissions status=200 duration_ms=13.2 user=1234 tenant=9 "
    "trace=4bf92f3577b34da6a3ce929d0e0e4736 bytes=5123 ok"
).ljust(200, ".")[:200]

BARE, LOOP = "bare ahocorasick_rs", "loop of str.replace"


class Case(NamedTuple):
    """One comparison of ours with a peer on one text."""

    name: str
    peer: str
    ours: Redact
    theirs: Redact
    text: str
    goal: float | None = None


def replace_loop(values: list[str]) -> Redact:
    def redact(text: str) -> str:
        for value in values:
            text = text.replace(value, "[redacted]")
        return text

    return redact


def bare_automaton(values: list[str]) -> Redact:
    """Mask with ahocorasick_rs as its documentation would have one do it."""
    search = AhoCorasick(values).find_matches_as_indexes

    def redact(text: str) -> str:
        matches = search(text)
        if not matches:
            return text
        pieces, end = [], 0
        for _, start, stop in matches:
            pieces += [text[end:start], "[redacted]"]
            end = stop
        return "".join([*pieces, text[end:]])

    return redact


def ours(values: list[str], matcher: Callable[[list[bytes]], Matcher]) -> Redactor:
    redactor = Redactor(matcher=matcher)
    for number, value in enumerate(values):
        redactor.add(value, name=f"secret_{number}")
    return redactor


def both(
    name: str, values: list[str], text: str, goals: tuple[float | None, float | None] = (None, None)
) -> list[Case]:
    """Compare with the automaton and, without it, with what pure Python offers."""
    fast, plain = ours(values, AutomatonMatcher), ours(values, WordMatcher)
    return [
        Case(name, BARE, fast.redact, bare_automaton(values), text, goals[0]),
        Case(f"{name}, pure Python", LOOP, plain.redact, replace_loop(values), text, goals[1]),
    ]


def cases() -> list[Case]:
    """Give the comparisons, those with a goal first."""
    values = [secrets.token_urlsafe(24) for _ in range(100)]
    thousand = values + [secrets.token_urlsafe(24) for _ in range(900)]
    passwords = [secrets.token_urlsafe(9) for _ in range(100)]
    fast = ours(values, AutomatonMatcher)
    every_form = bare_automaton([form.decode() for form in fast.snapshot().forms])
    dirty = LINE[:80] + values[50] + LINE[112:]
    return [
        *both("redaction, 100 secrets, 200-byte clean line", values, LINE, (1.3, 0.5)),
        Case("… with every form known to both", BARE, fast.redact, every_form, LINE),
        *both("redaction, 1,000 secrets", thousand, LINE),
        *both("redaction, 12-character secrets", passwords, LINE),
        *both("redaction, one secret in the line", values, dirty),
        *both("redaction, clean page of 1 MB", values, f"<p>{LINE}</p>\n" * 5_000),
    ]


def measure(surroundings: Surroundings) -> list[Row]:
    """Measure every case."""
    return [_row(case, surroundings.rounds_of(31)) for case in cases()]


def _row(case: Case, rounds: int) -> Row:
    if case.ours(case.text) != case.theirs(case.text) and "[redacted]" not in case.theirs(
        case.text
    ):
        raise SystemExit(f"benchmarks: {case.name}: the results differ")
    works = {"ours": case.ours, case.peer: case.theirs}
    turns = {name: repeated(partial(work, case.text)) for name, work in works.items()}
    return compared(
        case.name, interleaved("redaction", turns, rounds), case.peer, "µs", goal=case.goal
    )
