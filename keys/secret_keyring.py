"""The keyring of Django's SECRET_KEY, or of any text that signs and verifies alike."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from .errors import InvalidKey
from .keyring import Key, Keyring

if TYPE_CHECKING:
    from datetime import datetime

#: What Django asks of a SECRET_KEY (``security.W009``): characters, and different ones.
_MIN_LENGTH: Final = 50
_MIN_DIFFERENT: Final = 5
#: How the key starts that ``startproject`` writes into a repository.
_INSECURE = "django-insecure-"


@dataclass(frozen=True, slots=True)
class SecretKeyring(Keyring):
    """SECRET_KEYs: the material is the text; the id is random, for a digest could be guessed at."""

    @classmethod
    def taken_over(cls, value: str, now: datetime) -> Self:
        """Make a keyring of a SECRET_KEY."""
        return cls(Key(_new_id(), value, now))

    @staticmethod
    def new_key(now: datetime) -> Key:
        """Make a key: 64 characters that need no quoting anywhere, 384 random bits."""
        return Key(_new_id(), secrets.token_urlsafe(48), now)

    @property
    def secret_key(self) -> str:
        """Django's ``SECRET_KEY``: the one key that signs."""
        return self.signing.material

    def fallbacks(self, now: datetime | None = None) -> list[str]:
        """Give Django's ``SECRET_KEY_FALLBACKS``: ``next``, then the retired keys.

        With ``next`` among them, a process that has not followed the last rotation yet accepts
        what the others sign already.

        Args:
            now: leave out the retired keys that have expired by then.
        """
        return [key.material for key in self.accepted(now)[1:]]

    def check(self) -> None:
        """See that the keys that sign are as Django asks for.

        Raises:
            InvalidKey: one is short, of few characters, or from ``startproject``.
        """
        for key in (self.signing, self.next):
            if key and not _is_strong(key.material):
                raise InvalidKey(
                    f"the SECRET_KEY {key.id} is weak: {_MIN_LENGTH} characters, {_MIN_DIFFERENT}"
                    f" different ones and no {_INSECURE!r} are asked for"
                )


def _is_strong(text: str) -> bool:
    long = len(text) >= _MIN_LENGTH and len(set(text)) >= _MIN_DIFFERENT
    return long and not text.startswith(_INSECURE)


def _new_id() -> str:
    return secrets.token_hex(8)
