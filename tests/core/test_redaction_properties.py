"""For arbitrary values and texts, redaction agrees with a naive search by the books."""

from __future__ import annotations

import base64
import html
import json
import urllib.parse
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from glisecrets.redaction import MIN_LENGTH, RedactingStream, Redactor
from glisecrets.redaction.forms import COMMON_WORDS
from glisecrets.redaction.matchers import AutomatonMatcher, Matcher, WordMatcher

MATCHERS = pytest.mark.parametrize("matcher", [AutomatonMatcher, WordMatcher])

#: Few letters, so that values overlap, nest and repeat; one of several bytes.
CROWDED = st.text("abé", max_size=8)
CROWDED_VALUES = st.lists(st.text("abé", min_size=MIN_LENGTH, max_size=40), min_size=1, max_size=8)
#: Brackets are the mask's own; a value of them could be made anew by masking another.
ANY_TEXT = st.text(st.characters(exclude_characters="[]", exclude_categories=["Cs"]))
SECRET = ANY_TEXT.filter(
    lambda text: len(text.strip()) >= MIN_LENGTH and text.lower() not in COMMON_WORDS
)


@st.composite
def crowded(draw: st.DrawFn) -> tuple[list[str], str]:
    """Give values and a text that is made of them, of pieces of them and of their letters."""
    values = draw(CROWDED_VALUES)
    piece = st.builds(
        lambda value, start, end: value[start : len(value) - end],
        st.sampled_from(values),
        *[st.sampled_from([0, 0, 1, 3])] * 2,
    )
    return values, "".join(draw(st.lists(piece | CROWDED, max_size=8)))


def masked_by_the_books(text: str, values: dict[str, str]) -> str:
    """Mark each character of each occurrence, then write a mask for each marked run.

    Runs that only touch are two; the longest value in a run names it.
    """
    found = sorted(
        (start, start + len(value), value)
        for value in values
        for start in range(len(text))
        if text.startswith(value, start)
    )
    runs: list[list[tuple[int, int, str]]] = []
    for hit in found:
        if runs and hit[0] < max(end for _, end, _ in runs[-1]):
            runs[-1].append(hit)
        else:
            runs.append([hit])
    for run in reversed(runs):
        start, end = run[0][0], max(end for _, end, _ in run)
        longest = max((value for _, _, value in run), key=lambda value: len(value.encode()))
        text = text[:start] + f"[redacted:{values[longest]}]" + text[end:]
    return text


@MATCHERS
@given(case=crowded())
def test_every_occurrence_is_masked_and_nothing_else(
    matcher: type[Matcher], case: tuple[list[str], str]
) -> None:
    """Nested, overlapping and repeating values: exactly their characters are masked."""
    values, text = case
    names = {value: f"n{number}" for number, value in enumerate(dict.fromkeys(values))}
    assume(len({len(value.encode()) for value in names}) == len(names))
    redactor = Redactor(matcher=matcher)
    for value, name in names.items():
        redactor.add(value, name=name)
    assert redactor.redact(text) == masked_by_the_books(text, names)


@MATCHERS
@given(before=ANY_TEXT, value=SECRET, after=ANY_TEXT)
def test_no_form_of_a_value_survives(
    matcher: type[Matcher], before: str, value: str, after: str
) -> None:
    """Whatever a secret is made of and stands in, no spelling of it is left."""
    redactor = Redactor(matcher=matcher)
    redactor.add(value)
    text = before + value + after
    spellings = {
        value: text,
        json.dumps(value)[1:-1]: json.dumps(text),
        json.dumps(value, ensure_ascii=False)[1:-1]: json.dumps(text, ensure_ascii=False),
        urllib.parse.quote(value): urllib.parse.quote(text),
        urllib.parse.quote_plus(value): urllib.parse.quote_plus(text),
        html.escape(value): html.escape(text),
        base64.b64encode(value.encode()).decode(): base64.b64encode(value.encode()).decode(),
    }
    for form, spelled in spellings.items():
        assert form in spelled
        assert form not in redactor.redact(spelled)


@MATCHERS
@given(before=st.text(), value=SECRET, after=st.text())
def test_repr_of_a_longer_text_is_masked(
    matcher: type[Matcher], before: str, value: str, after: str
) -> None:
    """Whichever quotes ``repr`` and ``ascii`` choose for the whole, the value in it is masked."""
    redactor = Redactor(matcher=matcher)
    redactor.add(value, name="value")
    for spell in (repr, ascii):
        masked = redactor.redact(spell(before + value + after))
        assert spell(value)[1:-1] not in masked
        assert "[redacted:value]" in masked


@MATCHERS
@given(value=st.binary(min_size=MIN_LENGTH, max_size=40), before=st.binary(), after=st.binary())
def test_base64_of_longer_bytes_keeps_at_most_the_border(
    matcher: type[Matcher], value: bytes, before: bytes, after: bytes
) -> None:
    """Of a value amid others in base64, no more stays than the two characters it shares."""
    assume(value.lower().decode("latin-1") not in COMMON_WORDS)
    assume(len(value.decode(errors="replace")) >= MIN_LENGTH)
    redactor = Redactor(matcher=matcher)
    redactor.add(value)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        encoded = encode(before + value + after)
        first = (len(before) * 8 + 5) // 6
        last = (len(before) + len(value)) * 8 // 6
        assert encoded[first:last] not in redactor.redact_bytes(encoded)


@MATCHERS
@given(text=st.text(), values=st.lists(st.text(max_size=40)))
def test_a_clean_text_comes_back_identical(
    matcher: type[Matcher], text: str, values: list[str]
) -> None:
    """A text that holds nothing known is not touched, whatever is known."""
    redactor = Redactor(matcher=matcher)
    for value in values:
        redactor.add(value)
    forms = redactor.snapshot().forms
    assume(not any(form in text.encode(errors="surrogatepass") for form in forms))
    assert redactor.redact(text) is text


@MATCHERS
@given(case=crowded(), cuts=st.lists(st.integers(min_value=0, max_value=200), max_size=8))
def test_a_stream_is_masked_as_if_it_were_whole(
    matcher: type[Matcher], case: tuple[list[str], str], cuts: list[int]
) -> None:
    """However output is split into writes, what comes out is the masked whole."""
    values, text = case
    redactor = Redactor(matcher=matcher)
    for number, value in enumerate(values):
        redactor.add(value, name=f"n{number}")
    data = text.encode()
    edges = [0, *sorted(cuts), len(data)]
    stream = RedactingStream(redactor)
    pieces = [stream.feed(data[start:end]) for start, end in pairwise(edges)]
    assert b"".join([*pieces, stream.flush()]) == redactor.redact_bytes(data)
