"""Moving a child's streams: each in a thread of its own, masked on the way.

No stream waits for another, so a slow reader of one never stops the other, and nothing is kept
but the end of a chunk that may be the beginning of a secret.
"""

from __future__ import annotations

import os
import select
import threading
from contextlib import suppress
from selectors import EVENT_READ, DefaultSelector
from typing import IO, TYPE_CHECKING

from ..redaction import RedactingStream, process_redactor

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 1 << 16
#: Seconds after the child's end for what it wrote last. A grandchild may hold a pipe for ever.
_LINGER = 0.5


class Pump:
    """A thread that moves what comes from a file to a file descriptor, until its end.

    Args:
        source: an unbuffered file; closed when nobody takes what comes from it.
        target: a file descriptor.
        masked: whether known secrets are masked.
        idle: seconds after which held back output is let through all the same; ``None``: never.
    """

    def __init__(
        self, source: IO[bytes], target: int, *, masked: bool = True, idle: float | None = None
    ) -> None:
        self._source, self._target, self._idle = source, target, idle
        self._stream = RedactingStream(process_redactor()) if masked else None
        # Closing the one end wakes the thread that watches the other.
        self._told, self._tell = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def finish(self, *, patience: float | None = None) -> None:
        """Wait until what is there has been moved; the child must have ended.

        Args:
            patience: seconds to wait for a target that takes nothing; ``None``: for ever.
        """
        os.close(self._tell)
        self._thread.join(patience)
        if not self._thread.is_alive():
            os.close(self._told)

    def _run(self) -> None:
        try:
            for chunk in self._chunks():
                _write(self._target, self._masked(chunk))
            _write(self._target, self._stream.flush() if self._stream else b"")
        except OSError:
            # Nobody reads any more: whoever still writes shall learn it as from its own pipe.
            with suppress(OSError):
                self._source.close()

    def _masked(self, chunk: bytes) -> bytes:
        if self._stream is None:
            return chunk
        return self._stream.feed(chunk) if chunk else self._stream.flush()

    def _chunks(self) -> Iterator[bytes]:
        """Give what is read; an empty chunk when nothing came for the idle time."""
        ended = False
        with DefaultSelector() as selector:
            selector.register(self._source, EVENT_READ)
            selector.register(self._told, EVENT_READ)
            while True:
                holds = self._stream is not None and self._stream.holds
                timeout = _LINGER if ended else self._idle if holds else None
                ready = {key.fileobj for key, _ in selector.select(timeout)}
                if self._told in ready:
                    selector.unregister(self._told)
                    ended = True
                elif self._source not in ready:
                    if ended:
                        return
                    yield b""
                if self._source in ready:
                    chunk = _read(self._source)
                    if not chunk:
                        return
                    yield chunk


def _read(source: IO[bytes]) -> bytes:
    try:
        return os.read(source.fileno(), _CHUNK)
    except OSError:
        return b""  # so Linux tells that the last program has left a terminal


def _write(target: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(target, view) :]
        except BlockingIOError:  # someone made it non-blocking, for all who share it
            select.select([], [target], [])
