"""Masking secrets in log lines: the redactor against the bare tools that one would write it with.

The peers know the raw values only; the redactor knows each value in all its forms, about eight
times as many patterns. Peers and we take turns in every round; a ratio is the median of the
rounds' ratios, a time the median of the rounds' times.

Run ``python benchmarks/redaction.py``.
"""

from __future__ import annotations

import platform
import secrets
from importlib.metadata import version
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, TypedDict

from ahocorasick_rs import AhoCorasick

from glisecrets.redaction import Redactor
from glisecrets.redaction.matchers import AutomatonMatcher, Matcher, WordMatcher

if TYPE_CHECKING:
    from collections.abc import Callable

    Redact = Callable[[str], str]

ROUNDS = 31
SECONDS_PER_TURN = 0.004

LINE = (
    "2026-11-21 10:11:12,345 INFO gli.api.views request finished method=GET "
    "path=/api/v1/projects/42/submissions status=200 duration_ms=13.2 user=1234 tenant=9 "
    "trace=4bf92f3577b34da6a3ce929d0e0e4736 bytes=5123 ok"
).ljust(200, ".")[:200]


class Row(TypedDict):
    """One comparison; times in microseconds per call."""

    name: str
    ours: float
    peer: float
    ratio: float
    #: The ratio that must be reached, or None for a row that only informs.
    goal: float | None
    reached: bool | None


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


def bare_search(values: list[str]) -> Redact:
    """Ask ahocorasick_rs for less than masking needs: the texts found, without their places."""
    search = AhoCorasick(values).find_matches_as_strings

    def redact(text: str) -> str:
        return "".join(search(text)) or text

    return redact


def ours(values: list[str], matcher: Callable[[list[bytes]], Matcher]) -> Redactor:
    redactor = Redactor(matcher=matcher)  # type: ignore[arg-type]
    for number, value in enumerate(values):
        redactor.add(value, name=f"secret_{number}")
    return redactor


def seconds_per_call(redact: Redact, text: str, calls: int) -> float:
    start = perf_counter()
    for _ in range(calls):
        redact(text)
    return (perf_counter() - start) / calls


def calls_per_turn(redact: Redact, text: str) -> int:
    redact(text)  # the first call prepares
    return max(1, int(SECONDS_PER_TURN / seconds_per_call(redact, text, 20)))


def compare(name: str, goal: float | None, mine: Redact, peer: Redact, text: str) -> Row:
    calls = [calls_per_turn(mine, text), calls_per_turn(peer, text)]
    rounds: list[tuple[float, float]] = []
    for number in range(ROUNDS):
        turns = [(mine, calls[0]), (peer, calls[1])]
        order = turns if number % 2 else turns[::-1]
        times = [seconds_per_call(redact, text, count) for redact, count in order]
        rounds.append((times[0], times[1]) if number % 2 else (times[1], times[0]))
    ratio = median(first / second for first, second in rounds)
    return Row(
        name=name,
        ours=median(first for first, _ in rounds) * 1e6,
        peer=median(second for _, second in rounds) * 1e6,
        ratio=ratio,
        goal=goal,
        reached=None if goal is None else ratio <= goal,
    )


def measure() -> list[Row]:
    """Give the rows of the table, those with a goal first."""
    values = [secrets.token_urlsafe(24) for _ in range(100)]
    thousand = values + [secrets.token_urlsafe(24) for _ in range(900)]
    passwords = [secrets.token_urlsafe(9) for _ in range(100)]
    fast, plain = ours(values, AutomatonMatcher), ours(values, WordMatcher)
    every_form = [form.decode() for form in fast.snapshot().forms]
    dirty = LINE[:80] + values[50] + LINE[112:]
    page = f"<p>{LINE}</p>\n" * 5_000
    bare, loop = bare_automaton(values), replace_loop(values)
    clean = "redaction, 100 secrets, 200-byte clean line"
    return [
        compare(f"{clean}: / bare ahocorasick_rs", 1.3, fast.redact, bare, LINE),
        compare(f"{clean}: pure Python / replace loop", 0.5, plain.redact, loop, LINE),
        compare(
            "same, / bare ahocorasick_rs without places",
            None,
            fast.redact,
            bare_search(values),
            LINE,
        ),
        compare(
            "same, / bare ahocorasick_rs with every form",
            None,
            fast.redact,
            bare_automaton(every_form),
            LINE,
        ),
        compare("same, pure Python / bare ahocorasick_rs", None, plain.redact, bare, LINE),
        compare(
            "12-character secrets: / bare ahocorasick_rs",
            None,
            ours(passwords, AutomatonMatcher).redact,
            bare_automaton(passwords),
            LINE,
        ),
        compare(
            "12-character secrets: pure Python / replace loop",
            None,
            ours(passwords, WordMatcher).redact,
            replace_loop(passwords),
            LINE,
        ),
        compare(
            "1,000 secrets: / bare ahocorasick_rs",
            None,
            ours(thousand, AutomatonMatcher).redact,
            bare_automaton(thousand),
            LINE,
        ),
        compare(
            "1,000 secrets: pure Python / replace loop",
            None,
            ours(thousand, WordMatcher).redact,
            replace_loop(thousand),
            LINE,
        ),
        compare("one secret in the line: / bare ahocorasick_rs", None, fast.redact, bare, dirty),
        compare(
            "one secret in the line: pure Python / replace loop", None, plain.redact, loop, dirty
        ),
        compare("clean 1 MB page: / bare ahocorasick_rs", None, fast.redact, bare, page),
        compare("clean 1 MB page: pure Python / replace loop", None, plain.redact, loop, page),
    ]


def versions() -> str:
    return (
        f"CPython {platform.python_version()}, ahocorasick_rs {version('ahocorasick_rs')}, "
        f"glisecrets {version('glisecrets')}, {platform.machine()} {platform.system()}"
    )


def main() -> None:
    print(versions())
    print(f"{'ours / peer':<74}{'µs':>9}{'µs':>10}{'ratio':>7}{'goal':>6}")
    for row in measure():
        goal = "" if row["goal"] is None else f"{row['goal']:.1f}"
        verdict = {None: "", True: " reached", False: " MISSED"}[row["reached"]]
        print(
            f"{row['name']:<74}{row['ours']:>9.2f}{row['peer']:>10.2f}"
            f"{row['ratio']:>7.2f}{goal:>6}{verdict}"
        )


if __name__ == "__main__":
    main()
