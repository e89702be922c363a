"""From what hvac and requests raise to our errors.

Their errors hold the answer's body and the request with its token, so none of theirs is kept: not
as a cause, not as a context, not by its text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from hvac import exceptions as hvac_errors
from requests import exceptions as http_errors

from ...errors import (
    AccessDenied,
    InvalidRequest,
    SecretNotFound,
    StoreError,
    StoreUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import Callable

#: What hvac and the HTTP library below it raise.
LOWER_ERRORS = (hvac_errors.VaultError, http_errors.RequestException)

_CAPABILITIES = {"get": "read", "list": "list", "delete": "delete"}


class CheckAndSetFailed(StoreUnavailable):
    """Another writer was quicker: the document has changed since it was read."""


class PolicyDenied(AccessDenied):
    """Vault says 403: no policy of the token grants it, or the token is dead."""


class NoCredential(AccessDenied):
    """What to log in with is missing on this side; Vault was not asked."""


class VersionGone(SecretNotFound):
    """A version of a KV v2 document was deleted or destroyed; its number is still taken."""

    #: The KV version number.
    number: int
    #: When it was written, as Vault tells it.
    created: str


class Asked(NamedTuple):
    """What was asked, for the messages."""

    #: The Vault's address.
    location: str
    #: The secret in question, if one is, and the KV version number, if one is named.
    secret: str | None = None
    number: int | None = None


def translated(error: Exception, asked: Asked) -> StoreError:
    """Give our error for one of :data:`LOWER_ERRORS`; the caller raises it outside ``except``."""
    for kind, make in _TRANSLATIONS:
        if isinstance(error, kind):
            return make(error, asked)
    return _unavailable(asked, "gave an answer that is none of Vault's")


def _unavailable(asked: Asked, what: str, next_step: str = "") -> StoreUnavailable:
    return StoreUnavailable(
        f"Vault at {asked.location} {what}",
        store="vault",
        secret=asked.secret,
        next_step=next_step or "check the address and the network, then try again",
    )


def _not_found(error: Any, asked: Asked) -> StoreError:
    metadata = _metadata(error)
    if metadata is not None:
        return _gone(metadata, asked)
    version = f"version {asked.number} of " if asked.number else ""
    return SecretNotFound(
        f"Vault at {asked.location} has no {version}{asked.secret}",
        store="vault",
        secret=asked.secret,
        version=str(asked.number) if asked.number else None,
    )


def _metadata(error: Any) -> dict[str, Any] | None:
    """Give a deleted version's metadata: a 404 of KV v2 has it, any other 404 has not."""
    body = error.json if isinstance(error.json, dict) else {}
    metadata = (body.get("data") or {}).get("metadata")
    return metadata if isinstance(metadata, dict) else None


def _gone(metadata: dict[str, Any], asked: Asked) -> VersionGone:
    number, at = int(metadata["version"]), metadata.get("deletion_time")
    what = "destroyed" if metadata.get("destroyed") else "deleted"
    error = VersionGone(
        f"version {number} of {asked.secret} was {what}" + (f" at {at}" if at else ""),
        store="vault",
        secret=asked.secret,
        version=str(number),
        next_step="write a new version"
        if what == "destroyed"
        else "undelete it (vault kv undelete), or write a new version",
    )
    error.number, error.created = number, str(metadata.get("created_time", ""))
    return error


def _denied(error: Any, asked: Asked) -> StoreError:
    path = urlsplit(error.url or "").path.removeprefix("/v1/")
    capability = _CAPABILITIES.get(str(error.method).lower(), 'create", "update')
    return PolicyDenied(
        f"Vault at {asked.location} denies {path}",
        store="vault",
        secret=asked.secret,
        next_step=f'if it exists, add to the policy: path "{path}" {{ '
        f'capabilities = ["{capability}"] }}; a name starts with its mount, as in secret/gli/db',
    )


def _bad_request(error: Any, asked: Asked) -> StoreError:
    # The server's own words are not passed on: they may quote what was sent.
    if "check-and-set parameter did not match" in str(error.errors):
        return CheckAndSetFailed(
            f"{asked.secret} is being changed by other writers",
            store="vault",
            secret=asked.secret,
            next_step="try again",
        )
    return InvalidRequest(
        f"Vault at {asked.location} refuses the request for {asked.secret}",
        store="vault",
        secret=asked.secret,
    )


def _sealed(_: Any, asked: Asked) -> StoreError:
    step = "unseal it (vault operator unseal), or wait until it has started"
    return _unavailable(asked, "is sealed or in standby", step)


def _not_initialised(_: Any, asked: Asked) -> StoreError:
    return _unavailable(asked, "is not initialised", "initialise it (vault operator init)")


def _throttled(_: Any, asked: Asked) -> StoreError:
    step = "ask less often, or raise the rate limit quota"
    return _unavailable(asked, "is limiting its callers", step)


def _server_error(_: Any, asked: Asked) -> StoreError:
    return _unavailable(asked, "failed inside", "see the server's log")


def _untrusted(_: Any, asked: Asked) -> StoreError:
    step = "set VAULT_CACERT to the file with its certificate authority"
    return _unavailable(asked, "shows a TLS certificate that is not trusted", step)


def _timed_out(_: Any, asked: Asked) -> StoreError:
    return _unavailable(asked, "did not answer in time")


def _unreachable(_: Any, asked: Asked) -> StoreError:
    return _unavailable(asked, "is unreachable")


#: First match wins, so the narrower errors stand before the wider.
_TRANSLATIONS: tuple[tuple[type[Exception], Callable[[Any, Asked], StoreError]], ...] = (
    (hvac_errors.InvalidPath, _not_found),
    (hvac_errors.Forbidden, _denied),
    (hvac_errors.Unauthorized, _denied),
    (hvac_errors.InvalidRequest, _bad_request),
    (hvac_errors.VaultDown, _sealed),
    (hvac_errors.VaultNotInitialized, _not_initialised),
    (hvac_errors.RateLimitExceeded, _throttled),
    (hvac_errors.InternalServerError, _server_error),
    (http_errors.SSLError, _untrusted),
    (http_errors.Timeout, _timed_out),
    (http_errors.ConnectionError, _unreachable),
)
