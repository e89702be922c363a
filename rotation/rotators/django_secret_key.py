"""``django-secret-key``: Django's SECRET_KEY and SECRET_KEY_FALLBACKS.

Value: a keyring (:mod:`glisecrets.keys.keyring`) of texts. A bare SECRET_KEY, or the
``secret_key`` of a JSON object, is taken over; ``secret_key`` of the object is kept equal to the
signing key, for programs that know no keyring.

Options: ``session-life``, the life of whatever lives longest that the key signs (``14d``: Django's
SESSION_COOKIE_AGE; password reset links live three days), ``key``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from glisecrets.keys import SecretKeyring

from .keyrings import KeyringRotator
from .one_string import KEY

if TYPE_CHECKING:
    from glisecrets.keys import Key, Keyring

    from ..rotator import Rotation


class DjangoSecretKey(KeyringRotator):
    """Rotates Django's SECRET_KEY."""

    options = frozenset({KEY, "session-life"})
    ring = SecretKeyring
    life = ("session-life", timedelta(days=14))
    bare = "secret_key"

    def new_key(self, rotation: Rotation, ring: Keyring) -> Key:  # noqa: ARG002 - all are alike
        """Make a SECRET_KEY."""
        return SecretKeyring.new_key(rotation.now())
