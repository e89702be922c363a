"""The output of ``glisecrets run`` is masked while it flows."""

from __future__ import annotations

import secrets

import pytest

from glisecrets.redaction import RedactingStream, Redactor


@pytest.fixture
def redactor() -> Redactor:
    redactor = Redactor()
    redactor.add("correct-horse-battery", name="passphrase")
    return redactor


def test_a_value_split_anywhere_is_masked(redactor: Redactor) -> None:
    """Two writes never leak a secret that one write would not."""
    text = b"one correct-horse-battery two\n"
    for cut in range(len(text) + 1):
        stream = RedactingStream(redactor)
        out = stream.feed(text[:cut]) + stream.feed(text[cut:]) + stream.flush()
        assert out == b"one [redacted:passphrase] two\n"


def test_every_form_split_anywhere_is_masked(redactor: Redactor) -> None:
    """That holds for the longest spelling of the secret as for the shortest."""
    for form in redactor.snapshot().forms:
        for cut in range(len(form)):
            stream = RedactingStream(redactor)
            out = stream.feed(b"\n" + form[:cut]) + stream.feed(form[cut:]) + stream.flush()
            assert out == b"\n[redacted:passphrase]"


def test_single_bytes_are_masked(redactor: Redactor) -> None:
    """A program that writes byte by byte is masked as any other."""
    stream = RedactingStream(redactor)
    text = b"correct-horse-correct-horse-battery-battery"
    out = b"".join(stream.feed(bytes([byte])) for byte in text) + stream.flush()
    assert out == b"correct-horse-[redacted:passphrase]-battery"


def test_a_multi_line_value_is_masked_over_its_newlines(redactor: Redactor) -> None:
    """A key written line by line becomes one mask."""
    key = f"-----BEGIN KEY-----\n{secrets.token_hex()}\n{secrets.token_hex()}\n-----END KEY-----\n"
    redactor.add(key, name="key")
    stream = RedactingStream(redactor)
    out = [stream.feed(line) for line in key.encode().splitlines(keepends=True)]
    assert b"".join([*out, stream.flush()]) == b"[redacted:key]"


def test_only_what_may_become_a_value_waits(redactor: Redactor) -> None:
    """A prompt is written at once; an opening of a secret waits until it is settled."""
    stream = RedactingStream(redactor)
    assert stream.feed(b"Password: ") == b"Password: "
    assert not stream.holds
    assert stream.feed(b"see corre") == b"see "
    assert stream.holds
    assert stream.feed(b"lation\n") == b"correlation\n"
    assert not stream.holds


def test_a_complete_value_does_not_wait(redactor: Redactor) -> None:
    """The mask is written as soon as the value cannot become a longer one."""
    stream = RedactingStream(redactor)
    assert stream.feed(b"correct-horse-battery") == b"[redacted:passphrase]"
    assert stream.feed(b"correct-horse-batteryc") == b"[redacted:passphrase]"


def test_a_value_waits_for_a_longer_one(redactor: Redactor) -> None:
    """Of two secrets that begin alike, the longer one is masked wholly."""
    redactor.add("correct-horse-battery-staple", name="longer")
    for rest, expected in ((b"-staple", b"[redacted:longer]"), (b"!", b"[redacted:passphrase]!")):
        stream = RedactingStream(redactor)
        assert stream.feed(b"correct-horse-battery") == b""
        assert stream.feed(rest) == expected


def test_the_end_is_flushed(redactor: Redactor) -> None:
    """An opening that comes to nothing is written in the end, once."""
    stream = RedactingStream(redactor)
    assert stream.feed(b"end of corr") == b"end of "
    assert stream.flush() == b"corr"
    assert stream.flush() == b""


def test_values_added_while_it_flows_are_masked(redactor: Redactor) -> None:
    """A rotation during the run does not uncover the new value."""
    stream = RedactingStream(redactor)
    assert stream.feed(b"new-passphrase ") == b"new-passphrase "
    redactor.add("new-passphrase", name="passphrase")
    assert stream.feed(b"new-pass") == b""
    assert stream.feed(b"phrase ") == b"[redacted:passphrase] "


def test_bytes_that_are_no_text_pass(redactor: Redactor) -> None:
    """A program that writes an archive to its output is not disturbed."""
    noise = secrets.token_bytes(10_000)
    stream = RedactingStream(redactor)
    assert stream.feed(noise) + stream.flush() == noise


def test_nothing_known_passes_everything_at_once() -> None:
    """Without secrets there is no delay at all."""
    stream = RedactingStream(Redactor())
    assert stream.feed(b"anything") == b"anything"
    assert stream.flush() == b""
