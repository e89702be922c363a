r"""PEM keys, however a variable or a store mangled them: raw, ``\n``-escaped or base64.

GitHub Secrets, ``.env`` files and JSON each ask for another form of a multi-line key; a field
typed :data:`PemKey` or :data:`SecretPemKey` takes all of them and holds the raw one.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any

from pydantic import BeforeValidator, SecretStr
from pydantic_core import PydanticCustomError

__all__ = ["PemKey", "SecretPemKey", "normalise_pem"]

_BEGIN = "-----BEGIN "
_END = "-----END "


def normalise_pem(text: str) -> str:
    """Give the raw PEM text, one line break at its end.

    Raises:
        PydanticCustomError: neither PEM nor base64 of PEM, or its end is missing.
    """
    candidate = text.strip()
    if not candidate.startswith(_BEGIN):
        candidate = _from_base64(candidate)
    candidate = candidate.replace("\\r\\n", "\n").replace("\\n", "\n").replace("\r\n", "\n").strip()
    lines = candidate.split("\n")
    if not (lines[0].startswith(_BEGIN) and lines[-1].startswith(_END)):
        raise PydanticCustomError("glisecrets.pem", "not a whole PEM block")
    return candidate + "\n"


def _from_base64(text: str) -> str:
    try:
        decoded = base64.b64decode("".join(text.split()), validate=True).decode("ascii").strip()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        decoded = ""
    if not decoded.startswith(_BEGIN):
        raise PydanticCustomError("glisecrets.pem", "neither a PEM block nor base64 of one")
    return decoded


def _normalise_input(value: Any) -> Any:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return normalise_pem(value) if isinstance(value, str) else value


#: A public key or certificate in PEM.
PemKey = Annotated[str, BeforeValidator(_normalise_input)]

#: A private key in PEM.
SecretPemKey = Annotated[SecretStr, BeforeValidator(_normalise_input)]
