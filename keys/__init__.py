"""JWT key pairs and keyrings. KMS keys and envelope encryption: to come. See CONTRIBUTING.md.

Names are imported when first used, so that importing the package costs nothing.
"""

from typing import TYPE_CHECKING

from glisecrets.lazy import lazy as _lazy

if TYPE_CHECKING:
    from .errors import InvalidKey, InvalidKeyring, InvalidSignature
    from .key_pair import KeyPair, PublicKey
    from .keyring import Key, Keyring
    from .rsa_keyring import RsaKeyring
    from .secret_keyring import SecretKeyring

__getattr__, __dir__ = _lazy(
    __name__,
    {
        "errors": ("InvalidKey", "InvalidKeyring", "InvalidSignature"),
        "key_pair": ("KeyPair", "PublicKey"),
        "keyring": ("Key", "Keyring"),
        "rsa_keyring": ("RsaKeyring",),
        "secret_keyring": ("SecretKeyring",),
    },
)

__all__ = [
    "InvalidKey",
    "InvalidKeyring",
    "InvalidSignature",
    "Key",
    "KeyPair",
    "Keyring",
    "PublicKey",
    "RsaKeyring",
    "SecretKeyring",
]
