"""Each reader reads a statement as its tool does.

python-dotenv and django-environ are asked themselves. docker compose 2.40.3 and dotenvx 2.38.2
were asked by hand (``docker compose config`` with an ``env_file``, ``dotenvx.parse``, no other
variable set); their answers stand in a table.
"""

from __future__ import annotations

import io

import environ
import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from glisecrets.checks.readers import (
    Oddity,
    Reading,
    read_compose,
    read_django_environ,
    read_dotenvx,
    read_interpolating,
)
from glisecrets.statements import Statement, decode, statements

LOSES, REFUSES, RUNS, INHERITS = Oddity.LOSES, Oddity.REFUSES, Oddity.RUNS, Oddity.INHERITS

#: Statement, what docker compose reads, what dotenvx reads.
SEEN: list[tuple[str, Reading, Reading]] = [
    ("K=v", "v", "v"),
    ("export K=v", "v", "v"),
    ("export  K=v", "v", "v"),
    ("K = v", "v", "v"),
    ("K= v", "v", "v"),
    (" K=v", "v", "v"),
    ("K=v ", "v", "v"),
    ("K=", "", ""),
    ("K= # c", "# c", ""),
    ("K=abc # c", "abc", "abc"),
    ("K=abc#def", "abc#def", "abc"),
    ('K="a # b"', "a # b", "a # b"),
    ("K='a # b'", "a # b", "a # b"),
    ('K="a" # c', "a", "a"),
    ('K="a" # "b"', "a", "a"),
    ("K=p$A", "p", "p"),
    ("K=p$$w", "p$w", "p$"),
    ("K=$A", "", ""),
    ("K=${A}", "", ""),
    ("K=${A:-d}", "d", "d"),
    ("K=${A:+d}", "", ""),
    ('K="p$A"', "p", "p"),
    ("K='p$A'", "p$A", "p$A"),
    ("K='p${A}'", "p${A}", "p${A}"),
    ("K=p$1", "p$1", "p$1"),
    ("K=p$", "p$", "p$"),
    ("K=a\\$A", "a\\", "a$A"),
    ('K="a\\$A"', "a$A", "a$A"),
    ('K="a$$b"', "a$b", "a$"),
    ("K=${1}", REFUSES, ""),
    ("K=$(echo x)", "$(echo x)", RUNS),
    ("K='$(echo x)'", "$(echo x)", "$(echo x)"),
    ('K="a\\nb"', "a\nb", "a\nb"),
    ("K='a\\nb'", "a\\nb", "a\\nb"),
    ("K=a\\nb", "a\\nb", "a\\nb"),
    ('K="a\\tb"', "a\tb", "a\tb"),
    ('K="a\\fb"', "a\x0cb", "a\\fb"),
    ('K="a\\\\b"', "a\\b", "a\\\\b"),
    ('K="a\\"b"', 'a"b', 'a\\"b'),
    ("K='it\\'s'", "it's", "it's"),
    ("K=`v`", "`v`", "v"),
    ('K="BEGIN\nabc\nEND"', "BEGIN\nabc\nEND", "BEGIN\nabc\nEND"),
    ("K", INHERITS, LOSES),
    ("'K'=v", REFUSES, LOSES),
    ("\ufeffK=v", "v", "v"),
    ("K=it's", "it's", "it's"),
    ('K={"a": "b#c"}', '{"a": "b#c"}', '{"a": "b'),
]


def only(text: str) -> Statement | None:
    """Give the one statement of a text, if it is one and python-dotenv reads it."""
    found = list(statements(text))
    return found[0] if len(found) == 1 and found[0].name is not None else None


def real_django_environ(text: str) -> Reading:
    """Ask django-environ for the variable K of a file."""

    class Env(environ.Env):
        ENVIRON: dict[str, str] = {}  # noqa: RUF012 - the library's own class attribute

    Env.read_env(io.StringIO(text))
    value = Env.ENVIRON.get("K")
    if value is None:
        return LOSES
    return Oddity.LOOKS_UP if value.startswith("$") else Env()("K")


@pytest.mark.parametrize(("text", "compose", "dotenvx"), SEEN)
def test_compose_and_dotenvx_are_read_as_they_were_seen_to_read(
    text: str, compose: Reading, dotenvx: Reading
) -> None:
    """A warning about another tool is true of that tool."""
    statement = only(f"{text}\n")
    assert statement is not None
    assert (read_compose(statement), read_dotenvx(statement)) == (compose, dotenvx)


PIECES = st.sampled_from(
    [
        "a",
        "b1",
        " ",
        "#",
        '"',
        "'",
        "\\",
        "$",
        "${A}",
        "${A:-d}",
        "A",
        "\\n",
        '\\"',
        "\\'",
        "`",
        "=",
        "\t",
        "\n",
        "%",
        "\u2028",
        "\x85",
        "é",
        "\\\\",
        ":",
    ]
)
HEADS = st.sampled_from(
    ["K=", 'K="', "K='", "export K=", "export  K=", "K =", "K= ", " K=", "\ufeffK="]
)
ENDS = st.sampled_from(["", '"', "'", " # c", '" # c'])
LINES = st.builds(
    lambda head, body, end: f"{head}{''.join(body)}{end}\n",
    HEADS,
    st.lists(PIECES, max_size=8),
    ENDS,
)


@given(LINES)
def test_django_environ_is_read_as_it_reads(text: str) -> None:
    """Whatever stands in a line, the lint knows what django-environ makes of it."""
    statement = only(text)
    if statement is not None and statement.name == "K":
        assert read_django_environ(statement) == real_django_environ(text)


@given(LINES)
def test_python_dotenv_is_read_as_it_reads(text: str) -> None:
    """The lint compares with what glisecrets itself reads, and with interpolation."""
    statement = only(text)
    if statement is not None and statement.value is not None:
        literal = dotenv_values(stream=io.StringIO(text), interpolate=False)
        expanded = dotenv_values(stream=io.StringIO(text), interpolate=True)
        assert literal == {statement.name: statement.value}
        assert expanded == {statement.name: read_interpolating(statement)}


@given(st.lists(LINES, max_size=6))
def test_a_statement_is_told_at_its_own_line(lines: list[str]) -> None:
    """The line in a finding is the line to open in an editor."""
    text = "".join(f"\n# note\n\n{line}" for line in lines)
    rows = text.split("\n")
    for statement in statements(text):
        assert rows[statement.line - 1].startswith(statement.text.split("\n")[0])
        assert statement.text.strip()


def test_line_ends_of_any_system_read_alike() -> None:
    """A file saved on Windows is the same file."""
    assert decode(b"A=1\r\nB='x\r\ny'\rC=2\n") == "A=1\nB='x\ny'\nC=2\n"


def test_a_statement_shows_no_value() -> None:
    """A statement in a log or a traceback gives nothing away, not even a stray line of a key."""
    assert "hunter2" not in repr(list(statements("A=hunter2\nhunter2\n")))
