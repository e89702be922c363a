"""From what hvac and requests raise to our errors.

Their errors hold the answer's body and the request with its token, so none of theirs is kept: not
as a cause, not as a context, not by its text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
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

_E = TypeVar("_E", bound=StoreError)

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

    def failed(self, kind: type[_E], message: str, next_step: str = "", **facts: str) -> _E:
        """Make the error of a kind about what was asked."""
        return kind(message, store="vault", secret=self.secret, next_step=next_step, **facts)


def translated(error: Exception, asked: Asked) -> StoreError:
    """Give our error for one of :data:`LOWER_ERRORS`; the caller raises it outside ``except``."""
    for kind, make in _REFUSALS:
        if isinstance(error, kind):
            return make(error, asked)
    told = ((what, step) for kind, what, step in _UNAVAILABLE if isinstance(error, kind))
    what, step = next(told)
    return asked.failed(StoreUnavailable, f"Vault at {asked.location} {what}", step)


def _not_found(error: Any, asked: Asked) -> StoreError:
    metadata = _metadata(error)
    if metadata is not None:
        return _gone(metadata, asked)
    if asked.number is None:
        return asked.failed(SecretNotFound, f"Vault at {asked.location} has no {asked.secret}")
    message = f"Vault at {asked.location} has no version {asked.number} of {asked.secret}"
    return asked.failed(SecretNotFound, message, version=str(asked.number))


def _metadata(error: Any) -> dict[str, Any] | None:
    """Give a deleted version's metadata: a 404 of KV v2 has it, any other 404 has not."""
    body = error.json if isinstance(error.json, dict) else {}
    metadata = (body.get("data") or {}).get("metadata")
    return metadata if isinstance(metadata, dict) else None


def _gone(metadata: dict[str, Any], asked: Asked) -> VersionGone:
    number, at = int(metadata["version"]), metadata.get("deletion_time")
    what, step = "deleted", "undelete it (vault kv undelete), or write a new version"
    if metadata.get("destroyed"):
        what, step = "destroyed", "write a new version"
    message = f"version {number} of {asked.secret} was {what}" + (f" at {at}" if at else "")
    error = asked.failed(VersionGone, message, step, version=str(number))
    error.number, error.created = number, str(metadata.get("created_time", ""))
    return error


def _denied(error: Any, asked: Asked) -> StoreError:
    path = urlsplit(error.url or "").path.removeprefix("/v1/")
    capability = _CAPABILITIES.get(str(error.method).lower(), 'create", "update')
    return asked.failed(
        PolicyDenied,
        f"Vault at {asked.location} denies {path}",
        f'if it exists, add to the policy: path "{path}" {{ capabilities = ["{capability}"] }}; '
        "a name starts with its mount, as in secret/gli/db",
    )


def _bad_request(error: Any, asked: Asked) -> StoreError:
    # The server's own words are not passed on: they may quote what was sent.
    if "check-and-set parameter did not match" in str(error.errors):
        changed = f"{asked.secret} is being changed by other writers"
        return asked.failed(CheckAndSetFailed, changed, "try again")
    refused = f"Vault at {asked.location} refuses the request for {asked.secret}"
    return asked.failed(InvalidRequest, refused)


#: What Vault answers about the secret.
_REFUSALS: tuple[tuple[type[Exception], Callable[[Any, Asked], StoreError]], ...] = (
    (hvac_errors.InvalidPath, _not_found),
    (hvac_errors.Forbidden, _denied),
    (hvac_errors.Unauthorized, _denied),
    (hvac_errors.InvalidRequest, _bad_request),
)

_CHECK = "check the address and the network, then try again"

# What ails Vault, and what to do. First match wins: the narrower errors stand before the wider.
# fmt: off
_UNAVAILABLE: tuple[tuple[type[Exception], str, str], ...] = (
    (hvac_errors.VaultDown, "is sealed or in standby",
     "unseal it (vault operator unseal), or wait until it has started"),
    (hvac_errors.VaultNotInitialized, "is not initialised",
     "initialise it (vault operator init)"),
    (hvac_errors.RateLimitExceeded, "is limiting its callers",
     "ask less often, or raise the rate limit quota"),
    (hvac_errors.InternalServerError, "failed inside",
     "see the server's log"),
    (http_errors.SSLError, "shows a TLS certificate that is not trusted",
     "set VAULT_CACERT to the file with its certificate authority"),
    (http_errors.Timeout, "did not answer in time", _CHECK),
    (http_errors.ConnectionError, "is unreachable", _CHECK),
    (Exception, "gave an answer that is none of Vault's", _CHECK),
)
# fmt: on
