"""The parameters of a request that carries a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..base import SecretValue


class Unshown(dict[str, Any]):
    """A request's parameters with a value in them: a traceback that shows locals shows none."""

    def __repr__(self) -> str:
        return "<not shown>"


def stored(secret: str, value: SecretValue, token: str | None, **params: object) -> Unshown:
    """Give the parameters that write a value: text or bytes, under a token, which may be new.

    Raises:
        InvalidRequest: over 64 KiB, or the token is not 32 to 64 letters, digits and hyphens.
    """
    from ..labels import check_value, version_token

    check_value(value, store="aws", secret=secret)
    version = version_token(token, store="aws", secret=secret)
    kind = "SecretString" if isinstance(value, str) else "SecretBinary"
    return Unshown({kind: value, "ClientRequestToken": version, **params})
