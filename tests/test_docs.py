"""The documents keep their word: links lead somewhere, and commands that they name are there."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from glisecrets.cli.app import command_line

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(os.environ.get("GLISECRETS_TREE") or Path(__file__).parents[1])
DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/*.md", "examples/*/*.md")
    for path in ROOT.glob(pattern)
)

_FENCE = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
#: A command in a block, after a prompt or another command, or in a line of text between backquotes.
_IN_BLOCK = re.compile(r"(?:^(?:\$ )?|&& |\| *\n? *)glisecrets +([^\n&]*)", re.MULTILINE)
_IN_TEXT = re.compile(r"`glisecrets +([^`]+)`")
#: What ends one: a program's own arguments, a comment, input or output.
_END = re.compile(r" (?:-- |#|[<>] )")
_OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")


class Named(NamedTuple):
    """A command as a document writes it."""

    document: str
    text: str


def read(document: str) -> str:
    return (ROOT / document).read_text("utf-8")


@cache
def anchors(path: Path) -> set[str]:
    """Give the anchors of a document's headings, as GitHub makes them."""
    text = _FENCE.sub("", path.read_text("utf-8"))
    return {_slug(heading) for heading in _HEADING.findall(text)}


def _slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def commands(document: str) -> Iterator[Named]:
    """Give every ``glisecrets …`` that a document tells people to type."""
    text = read(document)
    for block in _FENCE.findall(text):
        for found in _IN_BLOCK.findall(block):
            yield Named(document, found)
    for found in _IN_TEXT.findall(_FENCE.sub("", text)):
        yield Named(document, found)


def faults(written: str) -> list[str]:
    """Give what the command line does not know of a command."""
    command: Any = command_line()
    options = {name for each in command.params for name in each.opts}
    written = _END.split(written)[0]
    for word in re.findall(r"(?<!\S)[a-z|-]+(?!\S)", written):
        if not hasattr(command, "commands") or word.startswith("-"):
            continue
        alternatives = [command.get_command(None, name) for name in word.split("|")]
        if None in alternatives:
            return [word]
        command = alternatives[0]
        options |= {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    return [option for option in _OPTION.findall(written) if option not in options | {"--help"}]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document: str) -> None:
    """A link to a file or to a heading that is no more would leave a reader standing."""
    broken = []
    for link in _LINK.findall(_FENCE.sub("", read(document))):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (ROOT / document).parent / place if place else ROOT / document
        known = target.exists() and (not anchor or anchor in anchors(target))
        broken += [] if known else [link]
    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_that_is_named_is_there(document: str) -> None:
    """What a page says to type works: the command exists, and so do its options."""
    unknown = {named.text: found for named in commands(document) if (found := faults(named.text))}
    assert unknown == {}


def test_both_languages_of_a_page_name_the_same_commands() -> None:
    """Who reads Korean at night does what who reads English does."""
    pairs = [(name, name.replace(".ko.md", ".md")) for name in DOCUMENTS if ".ko." in name]
    assert len(pairs) >= 2
    for korean, english in pairs:
        typed = [
            [_END.split(named.text)[0].strip() for named in commands(d)] for d in (korean, english)
        ]
        assert sorted(typed[0]) == sorted(typed[1])
        assert _FENCE.sub("", read(korean)).count("\n## ") == _FENCE.sub("", read(english)).count(
            "\n## "
        )


@pytest.mark.parametrize(
    ("written", "unknown"),
    [
        ("rotate run NAME… | --due  [--here]", []),
        ("rotate runn NAME", ["runn"]),
        ("rotate run NAME --hear", ["--hear"]),
        ("run -- psql --quiet", []),
        ("rotate all --environment staging --because 'x' --yes", []),
        ("store list|get|put|history", []),
        ("store list|got", ["list|got"]),
    ],
)
def test_a_slip_of_the_pen_is_found(written: str, unknown: list[str]) -> None:
    """The test of the documents can fail."""
    assert faults(written) == unknown
