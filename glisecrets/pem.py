r"""PEM keys, however a variable or a store mangled them: raw, ``\n``-escaped or base64.

GitHub Secrets, ``.env`` files and JSON each ask for another form of a multi-line key; a field
typed :data:`PemKey` or :data:`SecretPemKey` takes all of them and holds the raw one.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, SecretStr
from pydantic_core import PydanticCustomError

from .documents import UnreadableValue
from .pem_forms import raw_pem


def normalise_pem(text: str) -> str:
    """Give the raw PEM text, one line break at its end.

    Raises:
        PydanticCustomError: neither PEM nor base64 of PEM, or its end is missing.
    """
    try:
        return raw_pem(text)
    except UnreadableValue as error:
        fault = error.message
    raise PydanticCustomError("glisecrets.pem", "{fault}", {"fault": fault})


def _normalise_input(value: Any) -> Any:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return normalise_pem(value) if isinstance(value, str) else value


#: A public key or certificate in PEM.
PemKey = Annotated[str, BeforeValidator(_normalise_input)]

#: A private key in PEM.
SecretPemKey = Annotated[SecretStr, BeforeValidator(_normalise_input)]
