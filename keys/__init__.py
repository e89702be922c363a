"""JWT key pairs and keyrings. Encrypted fields and files. See CONTRIBUTING.md.

Names are imported when first used, so that importing the package costs nothing.
"""

from typing import TYPE_CHECKING

from glisecrets.lazy import lazy as _lazy

if TYPE_CHECKING:
    from .envelope import Envelope, InvalidMessage, UnknownDataKey, open_wrapping_key
    from .errors import InvalidKey, InvalidKeyring, InvalidSignature, UnknownKey
    from .jwks import read_jwks
    from .jwt_keys import JwtKeys
    from .key_pair import KeyPair, PublicKey
    from .keyring import Key, Keyring
    from .live_jwt_keys import LiveJwtKeys
    from .rsa_keyring import RsaKeyring
    from .secret_keyring import SecretKeyring

__getattr__, __dir__ = _lazy(
    __name__,
    {
        "envelope": ("Envelope", "InvalidMessage", "UnknownDataKey", "open_wrapping_key"),
        "errors": ("InvalidKey", "InvalidKeyring", "InvalidSignature", "UnknownKey"),
        "jwks": ("read_jwks",),
        "jwt_keys": ("JwtKeys",),
        "key_pair": ("KeyPair", "PublicKey"),
        "keyring": ("Key", "Keyring"),
        "live_jwt_keys": ("LiveJwtKeys",),
        "rsa_keyring": ("RsaKeyring",),
        "secret_keyring": ("SecretKeyring",),
    },
)

__all__ = [
    "Envelope",
    "InvalidKey",
    "InvalidKeyring",
    "InvalidMessage",
    "InvalidSignature",
    "JwtKeys",
    "Key",
    "KeyPair",
    "Keyring",
    "LiveJwtKeys",
    "PublicKey",
    "RsaKeyring",
    "SecretKeyring",
    "UnknownDataKey",
    "UnknownKey",
    "open_wrapping_key",
    "read_jwks",
]
