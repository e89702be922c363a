"""From what botocore raises, or a batch reports, to our errors: what, where, what to do next.

The service's own words are quoted, but for calls that carry a value: a validation message may
repeat what it refuses. ``str()`` of a botocore exception is not quoted either; some hold
parameters, some the output of a credential process.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError

from ...errors import (
    AccessDenied,
    ConfigurationError,
    GlisecretsError,
    InvalidRequest,
    SecretExists,
    SecretNotFound,
    StoreError,
    StoreUnavailable,
    Undecryptable,
)


class Asked(NamedTuple):
    """What was asked, for the error's words and attributes."""

    #: The operation, as IAM names it.
    action: str
    #: Region, or wherever the store is.
    where: str
    secret: str | None = None
    version: str | None = None


class _Kind(NamedTuple):
    error: type[StoreError]
    message: str
    next_step: str


_NOT_FOUND = _Kind(
    SecretNotFound,
    "{what} is not in Secrets Manager in {where}",
    "create it, or check its name, version, region and account",
)
_DELETED = _Kind(
    SecretNotFound, "{what} is scheduled for deletion", "restore it with RestoreSecret"
)
_EXISTS = _Kind(
    SecretExists,
    "{what} exists already, with another value",
    "read that version and use its value, or write with another name or token",
)
_DENIED = _Kind(
    AccessDenied,
    "the caller may not {action} {what} in {where}",
    "allow secretsmanager:{action} on {secret} to this role, in IAM and in the secret's policy",
)
_UNDECRYPTABLE = _Kind(
    Undecryptable,
    "{what} in {where} cannot be used with its KMS key",
    "allow kms:Decrypt (to write, kms:GenerateDataKey) on the secret's key to this role, and see"
    " that the key is enabled",
)
_EXPIRED = _Kind(
    AccessDenied,
    "the AWS credentials have expired",
    "log in again, or use credentials that renew themselves (a role, SSO)",
)
_UNKNOWN_CALLER = _Kind(
    AccessDenied,
    "AWS does not accept the credentials",
    "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN or the profile, and"
    " this machine's clock",
)
_CLOCK_SKEW = _Kind(
    AccessDenied,
    "AWS does not accept the signature's time: this machine's clock is wrong",
    "synchronise the clock (NTP) of this machine or of the container's host",
)
_NO_CREDENTIALS = _Kind(
    AccessDenied,
    "no AWS credentials could be had",
    "give this task, pod or function a role, run aws sso login, or set AWS_PROFILE",
)
_UNSENDABLE = _Kind(
    AccessDenied,
    "the AWS credentials hold a line end or another character that no HTTP header may have",
    "give AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN again, without what was pasted along",
)
_NO_ROLE = _Kind(
    AccessDenied,
    "the role or session for Secrets Manager in {where} cannot be had",
    "check the profile's role_arn and the role's trust policy, or log in again",
)
_THROTTLED = _Kind(
    StoreUnavailable,
    "Secrets Manager in {where} throttles requests, past every retry",
    "try again later; see who asks so often (CloudTrail)",
)
_BROKEN = _Kind(
    StoreUnavailable, "Secrets Manager in {where} has an internal fault", "try again later"
)
_UNREACHABLE = _Kind(
    StoreUnavailable,
    "Secrets Manager in {where} cannot be reached",
    "check the network: route, VPC endpoint, security group, proxy, AWS_ENDPOINT_URL",
)
_REFUSED = _Kind(
    InvalidRequest,
    "Secrets Manager in {where} refuses {action} of {what}",
    "check AWS_ENDPOINT_URL and the proxy",
)

#: Error codes, without the word ``Exception`` that some end in.
_CODES: dict[str, _Kind] = {
    "ResourceNotFound": _NOT_FOUND,
    "ResourceExists": _EXISTS,
    "DecryptionFailure": _UNDECRYPTABLE,
    "EncryptionFailure": _UNDECRYPTABLE,
    "InternalServiceError": _BROKEN,
    **dict.fromkeys(("AccessDenied", "NotAuthorized", "OptInRequired"), _DENIED),
    **dict.fromkeys(("ExpiredToken", "RequestExpired"), _EXPIRED),
    **dict.fromkeys(
        (
            "UnrecognizedClient",
            "InvalidClientTokenId",
            "InvalidSignature",
            "SignatureDoesNotMatch",
            "IncompleteSignature",
            "MissingAuthenticationToken",
        ),
        _UNKNOWN_CALLER,
    ),
    "RequestTimeTooSkewed": _CLOCK_SKEW,
    **dict.fromkeys(
        ("Throttling", "Throttled", "TooManyRequests", "RequestLimitExceeded"), _THROTTLED
    ),
}

_NO_CREDENTIAL_ERRORS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.TokenRetrievalError,
    boto.NoAuthTokenError,
    boto.SSOError,
    boto.InvalidConfigError,
)

#: Calls whose parameters hold a value.
_CARRY_VALUES = {"CreateSecret", "PutSecretValue"}

#: Seconds between the two clocks from which a bad signature is the clock's fault (AWS: 5 min).
_SKEW = 240

_KMS = re.compile(r"to KMS|kms:[A-Z]")
_SIGNATURE_TIME = re.compile(r"Signature (expired|not yet current)")


def translate(error: Exception, asked: Asked) -> StoreError:
    """Give our error for what botocore raised: a :class:`ClientError` or a BotoCoreError."""
    if not isinstance(error, ClientError):
        return _unanswered(error, asked)
    code, said = _said(error)
    if error.operation_name != asked.action:
        return _error(_NO_ROLE, asked, f"{error.operation_name}: {code}: {said}")
    metadata = error.response.get("ResponseMetadata", {})
    skewed = abs(_skew(metadata.get("HTTPHeaders", {}).get("date", ""))) > _SKEW
    return answered(
        code, said, asked, clock_skewed=skewed, status=metadata.get("HTTPStatusCode", 0)
    )


def answered(
    code: str, said: str, asked: Asked, *, clock_skewed: bool = False, status: int = 0
) -> StoreError:
    """Give our error for an error code and message of the service.

    Args:
        code: with or without ``Exception`` at its end.
        said: the service's message.
        asked: what was asked.
        clock_skewed: whether the answer's date is far from this machine's.
        status: the answer's HTTP status, 0 if it is not known.
    """
    kind = _kind(code.removesuffix("Exception"), said, asked, clock_skewed)
    if kind is _REFUSED and status >= 500:  # noqa: PLR2004 - HTTP's server errors
        kind = _BROKEN
    quotable = kind is _DENIED or asked.action not in _CARRY_VALUES
    return _error(kind, asked, f"{code}: {said}" if quotable and said else code)


def client_refused(error: Exception) -> GlisecretsError:
    """Give our error for a client that could not be made."""
    if isinstance(error, (ClientError, *_NO_CREDENTIAL_ERRORS)):
        return translate(error, Asked("GetSecretValue", "AWS"))
    # A ValueError is about the endpoint's URL, which may hold a password.
    said = str(error) if isinstance(error, BotoCoreError) else "its endpoint_url is not a URL"
    return ConfigurationError(
        f"no client for Secrets Manager can be made: {said}",
        next_step="check the store's address, AWS_PROFILE and ~/.aws/config",
    )


def is_denied(error: Exception) -> bool:
    """Tell whether the right to call an operation, or the operation itself, is missing."""
    if not isinstance(error, ClientError):
        return False
    code, _ = _said(error)
    return code.removesuffix("Exception") in {"AccessDenied", "UnknownOperation", "InvalidAction"}


def _said(error: ClientError) -> tuple[str, str]:
    told = error.response.get("Error", {})
    return told.get("Code", "Unknown"), told.get("Message", "")


def _kind(code: str, said: str, asked: Asked, clock_skewed: bool) -> _Kind:
    kind = _CODES.get(code, _REFUSED)
    if kind is _DENIED and _KMS.search(said):
        return _UNDECRYPTABLE
    if kind is _UNKNOWN_CALLER and (clock_skewed or _SIGNATURE_TIME.match(said)):
        return _CLOCK_SKEW
    if code == "InvalidRequest" and "delet" in said.lower():
        return _DELETED._replace(
            error=InvalidRequest if asked.action in _CARRY_VALUES else SecretNotFound
        )
    return kind


def _unanswered(error: Exception, asked: Asked) -> StoreError:
    if isinstance(error, _NO_CREDENTIAL_ERRORS):
        return _error(_NO_CREDENTIALS, asked, type(error).__name__)
    if isinstance(error, boto.HTTPClientError) and isinstance(
        error.kwargs.get("error"), ValueError
    ):
        return _error(_UNSENDABLE, asked, "InvalidHeader")
    if isinstance(error, boto.ParamValidationError):
        return _error(_REFUSED, asked, "a name, token, label or tag is too long or not valid")
    return _error(_UNREACHABLE, asked, type(error).__name__)


def _error(kind: _Kind, asked: Asked, cause: str) -> StoreError:
    secret = asked.secret or "secrets"
    what = f"version {asked.version} of {secret}" if asked.version else secret
    words = {**asked._asdict(), "secret": secret, "what": what}
    return kind.error(
        f"{kind.message.format_map(words)} ({cause})",
        store="aws",
        secret=asked.secret,
        version=asked.version,
        next_step=kind.next_step.format_map(words),
    )


def _skew(date: str) -> float:
    """Give this clock's lead over an answer's ``Date``, in seconds; 0 without one."""
    try:
        return (datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds()
    except (TypeError, ValueError):
        return 0.0
