"""The keys of a keyring that is rotated while the program runs."""

from __future__ import annotations

import logging
import os
import threading
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Final

from glisecrets.errors import GlisecretsError

from .jwt_keys import JwtKeys
from .rsa_keyring import RsaKeyring

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger("glisecrets.credentials")

#: Seconds between two looks for a key that is not known, in the long run: forged tokens must not
#: become requests to the store.
BETWEEN_LOOKS: Final = 5.0
#: Looks that may follow each other at once: the odd token of a key that is long gone must not use
#: up the one that an emergency's new key needs.
LOOKS_AT_ONCE: Final = 3
#: Seconds that a token with such a key waits for the look of another thread.
_PATIENCE = 2.0


class LiveJwtKeys:
    """Call it for the keys of now. A class, for it remembers what it has parsed.

    ::

        keys = LiveJwtKeys(
            lambda: settings.live("jwt_keyring").get_secret_value(),
            lambda: settings.refresh("jwt_keyring"),
        )
        token = keys().sign(payload)

    A new keyring is parsed by the thread that meets it first; the others go on meanwhile with
    the keys they have, and accept what the new key signs, for it was ``next`` among them. After
    an emergency it was not: a token with an unknown key has the store looked at once before it is
    refused, in each process three times and then every 5 s at most.
    """

    def __init__(
        self, read: Callable[[], str], refresh: Callable[[], object] | None = None
    ) -> None:
        """Take the two ways to the keyring.

        Args:
            read: gives its JSON text; it is called each time, so it must be quick.
            refresh: has ``read`` give what the store has now; without it, nobody looks.
        """
        self._read, self._refresh = read, refresh
        self._known: tuple[str, JwtKeys] | None = None
        #: A text that could not be parsed.
        self._failed = ""
        #: A look costs the 5 s that follow it; until when they are spent.
        self._spent_until = -inf
        #: By process id: a lock that was held while the process forked is never let go in the
        #: child.
        self._flights: dict[int, threading.Lock] = {}

    def __call__(self) -> JwtKeys:
        """Give the keys of now.

        Raises:
            InvalidKey: the first keyring is none; of a later one that is logged, and the keys
                stay as they are.
        """
        text, known = self._read(), self._known
        if known is None:
            return self._parsed(text)
        if text != known[0] and self._flight().acquire(blocking=False):
            try:
                return self._followed(text, known)
            finally:
                self._flight().release()
        return known[1]

    def _newer(self) -> JwtKeys:
        """Look for a newer keyring, unless somebody just has; give the keys of then."""
        spent = self._spent_until
        may_look = monotonic() >= spent - (LOOKS_AT_ONCE - 1) * BETWEEN_LOOKS
        if may_look and self._flight().acquire(timeout=_PATIENCE):
            try:
                if self._spent_until == spent:  # nobody else has looked meanwhile
                    self._look()
            finally:
                self._flight().release()
        return self()

    def _look(self) -> None:
        try:
            if self._refresh is not None:
                self._refresh()
            if self._known is not None:
                self._followed(self._read(), self._known)
        except GlisecretsError as error:
            _log.warning("a key of JWTs is not known, nor can be looked for: %s", error.message)
        finally:
            self._spent_until = max(self._spent_until, monotonic()) + BETWEEN_LOOKS

    def _followed(self, text: str, known: tuple[str, JwtKeys]) -> JwtKeys:
        """Give the keys of a later text; of one that is no good, those that are known."""
        if text not in {known[0], self._failed}:
            try:
                return self._parsed(text)
            except GlisecretsError as error:
                self._failed = text
                _log.error("the keys of JWTs stay as they are: %s", error.message)
        return known[1]

    def _parsed(self, text: str) -> JwtKeys:
        newer = self._newer if self._refresh else None
        keys = JwtKeys.of(RsaKeyring.parse(text), newer)
        self._known = (text, keys)
        return keys

    def _flight(self) -> threading.Lock:
        return self._flights.setdefault(os.getpid(), threading.Lock())
