"""``jwt-keyring``: the RSA keys that sign JSON Web Tokens by RS256.

Value: a keyring (:mod:`glisecrets.keys.keyring`) of PEM keys. A bare private key in PEM, or the
``private_key`` of a JSON object, is taken over; ``private_key`` and ``public_key`` of the object
are kept equal to the signing key, for programs that know no keyring. A keyring with a key in AWS
KMS is not rotated here: whoever rotates would have to make keys there.

Options: ``bits`` of new keys (2048, 3072 or 4096; unsaid, as many as the signing key's),
``token-life``, the life of the longest-lived token with its leeway (``30d``: a refresh token),
``key``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from glisecrets.errors import ConfigurationError
from glisecrets.keys import InvalidKey, KeyPair, RsaKeyring
from glisecrets.keys.rsa_keyring import is_in_kms

from .keyrings import KeyringRotator
from .one_string import KEY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glisecrets.keys import Key, Keyring

    from ..rotator import Rotation


class JwtKeyring(KeyringRotator):
    """Rotates the keys that sign JSON Web Tokens."""

    options = frozenset({KEY, "bits", "token-life"})
    ring = RsaKeyring
    life = ("token-life", timedelta(days=30))
    bare = "private_key"

    def new_key(self, rotation: Rotation, ring: Keyring) -> Key:
        """Make a key of the size that the option ``bits`` asks for."""
        bits = rotation.options.get("bits") or str(_signing(ring).rsa.key_size)
        if not bits.isdecimal():
            raise ConfigurationError(f"the option bits is no number: {bits!r}")
        return RsaKeyring.new_key(rotation.now(), int(bits))

    def copies(self, ring: Keyring) -> Mapping[str, str]:
        """Give both halves of the signing key."""
        pair = _signing(ring)
        return {"private_key": pair.pem, "public_key": pair.public.pem}

    def _ring(self, rotation: Rotation, found: Any) -> Keyring:
        ring = super()._ring(rotation, found)
        if any(map(is_in_kms, ring.accepted())):
            raise InvalidKey(
                "a key of the keyring is in AWS KMS",
                next_step="make the next one there, and add it: glisecrets keys jwt kms"
                f" {rotation.secret} aws:arn:…; see docs/jwt.md",
            )
        return ring


def _signing(ring: Keyring) -> KeyPair:
    return KeyPair.from_pem(ring.signing.material, validate=False)
