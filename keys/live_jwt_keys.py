"""The keys of a keyring that is rotated while the program runs."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from glisecrets.errors import GlisecretsError

from .jwt_keys import JwtKeys
from .rsa_keyring import RsaKeyring

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger("glisecrets.credentials")


class LiveJwtKeys:
    """Call it for the keys of now. A class, for it remembers what it has parsed.

    ::

        keys = LiveJwtKeys(lambda: settings.live("jwt_keyring").get_secret_value())
        token = keys().sign(payload)

    A new keyring is parsed by the thread that meets it first; the others go on meanwhile with
    the keys they have, and accept what the new key signs, for it was ``next`` among them.
    """

    def __init__(self, read: Callable[[], str]) -> None:
        """Take what gives the keyring's JSON text; it is called each time, so it must be quick."""
        self._read = read
        self._known: tuple[str, JwtKeys] | None = None
        #: What is being parsed, or could not be; by process id: a fork may cut a thread short.
        self._tried: tuple[int, str] | None = None

    def __call__(self) -> JwtKeys:
        """Give the keys of now.

        Raises:
            InvalidKey: the first keyring is none; of a later one that is logged, and the keys
                stay as they are.
        """
        text, known = self._read(), self._known
        if known is None:
            return self._parsed(text)
        if text == known[0]:
            return known[1]
        tried = (os.getpid(), text)
        if tried != self._tried:
            self._tried = tried
            try:
                return self._parsed(text)
            except GlisecretsError as error:
                _log.error("the keys of JWTs stay as they are: %s", error.message)
        return known[1]

    def _parsed(self, text: str) -> JwtKeys:
        keys = JwtKeys.of(RsaKeyring.parse(text))
        self._known = (text, keys)
        return keys
