"""What can be wrong with a key.

::

    InvalidKey              no key, of another kind, too weak, or not the other half
    ├── InvalidKeyring      a keyring that cannot be read, or whose keys do not fit together
    └── InvalidSignature    a signature is not this key's, or not of this message
        └── UnknownKey      it names a key that is not published, or no longer

No error carries key material, nor the text of a library that may repeat it.
"""

from __future__ import annotations

from glisecrets.errors import GlisecretsError


class InvalidKey(GlisecretsError):
    """No key, one of another kind, or too weak a one."""


class InvalidKeyring(InvalidKey):
    """A keyring that cannot be read, or whose keys do not fit together."""


class InvalidSignature(InvalidKey):
    """A signature is not this key's, or not of this message."""


class UnknownKey(InvalidSignature):
    """A token names a key that is not published, or no longer."""
