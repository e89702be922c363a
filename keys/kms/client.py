"""KMS as we ask it: with time-outs, errors of our tree, and nothing of a request in a log."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from glisecrets.errors import (
    AccessDenied,
    InvalidRequest,
    StoreError,
    StoreUnavailable,
)
from glisecrets.providers import Patience, make_client
from glisecrets.stores.aws.options import ClientOptions

from .place import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.client import BaseClient

#: A person waits, or a program that starts.
_PATIENCE = Patience(connect=3, read=10, attempts=5)
_SERVER_ERRORS = 500
#: Starts of error codes that pass by themselves.
_BUSY = ("Throttl", "TooManyRequests", "KMSInternal", "KeyUnavailable", "DependencyTimeout")
#: Error codes whose message names ARNs and rules. Others may repeat a request's headers.
_QUOTABLE = {
    "AccessDenied",
    "AlreadyExists",
    "Disabled",
    "InvalidKeyUsage",
    "KMSInvalidState",
    "LimitExceeded",
    "MalformedPolicyDocument",
    "NotFound",
    "Tag",
    "UnsupportedOperation",
    "Validation",
}


class KmsRefused(InvalidRequest):
    """KMS understood a request and said no: wrong state, no such key, a policy it does not take."""

    #: KMS's code without ``Exception``, as ``NotFound``.
    code: str

    def __init__(self, message: str, *, code: str, next_step: str) -> None:
        super().__init__(message, store="kms", next_step=next_step)
        self.code = code


class KmsClient:
    """Asks KMS in any Region of one account; a class for its clients' life."""

    def __init__(
        self,
        *,
        region: str | None = None,
        profile: str | None = None,
        endpoint_url: str | None = None,
        patience: Patience = _PATIENCE,
    ) -> None:
        self._options = ClientOptions.of(region, profile, endpoint_url, None)
        self._patience = patience
        #: By process id too: no socket is shared with a parent.
        self._clients: dict[tuple[int, str, str | None], BaseClient] = {}

    def place(self, environment: str) -> Place:
        """Ask who we are, and so where.

        Raises:
            StoreError: STS does not answer, or refuses.
            ConfigurationError: no client can be made.
        """
        region = self._client("kms", self._options.region).meta.region_name
        told = self._ask("sts", "GetCallerIdentity", region, {})
        return Place(told["Account"], region, environment, told["Arn"].split(":")[1])

    def ask(self, action: str, region: str | None, **params: Any) -> dict[str, Any]:
        """Send KMS one request, with botocore's retries; ``None``: to the Region of the profile.

        Raises:
            KmsRefused: KMS said no; its ``code`` says why.
            AccessDenied: we may not, or nobody knows us.
            StoreUnavailable: no answer, or KMS is too busy.
            ConfigurationError: no client can be made.
        """
        return self._ask("kms", action, region, params)

    def pages(self, action: str, listed: str, region: str, **params: Any) -> Iterator[Any]:
        """Give the items of a list that comes in pages; ``listed`` is its name in the answer."""
        marker: dict[str, str] = {}
        while True:
            page = self.ask(action, region, **params, **marker)
            yield from page.get(listed, ())
            if not page.get("Truncated"):
                return
            marker = {"Marker": page["NextMarker"]}

    def close(self) -> None:
        """Close the clients."""
        while self._clients:
            self._clients.popitem()[1].close()

    def _ask(
        self, service: str, action: str, region: str | None, params: dict[str, Any]
    ) -> dict[str, Any]:
        client = self._client(service, region)
        from glisecrets.stores.aws.calling import attempt

        answer = attempt(client, action, params)
        if isinstance(answer, Exception):
            failure = _failure(answer, f"{service}:{action}", client.meta.region_name)
            del answer  # its traceback leads to frames that hold credentials
            raise failure
        told: dict[str, Any] = answer
        return told

    def _client(self, service: str, region: str | None) -> BaseClient:
        at = (os.getpid(), service, region)
        if at not in self._clients:
            options = self._options._replace(region=region)
            self._clients.setdefault(at, make_client(service, options, self._patience))
        return self._clients[at]


def _failure(error: Exception, action: str, region: str) -> StoreError:
    from botocore import exceptions as boto

    if isinstance(error, boto.ClientError):
        return _refusal(error, action, region)
    cause = type(error).__name__
    if isinstance(error, boto.HTTPClientError | boto.ConnectionError):
        return StoreUnavailable(
            f"AWS in {region} cannot be reached for {action} ({cause})",
            store="kms",
            next_step="check the network: route, VPC endpoint, proxy, AWS_ENDPOINT_URL",
        )
    if isinstance(error, boto.ParamValidationError):
        return KmsRefused(
            f"{action} cannot be sent: a name or a number is not valid",
            code="Validation",
            next_step="correct it in [tool.glisecrets.kms]",
        )
    return AccessDenied(
        f"{action} cannot be signed ({cause})",
        store="kms",
        next_step="log in: aws sso login, AWS_PROFILE, or a role",
    )


def _refusal(error: Any, action: str, region: str) -> StoreError:
    told = error.response.get("Error", {})
    code = told.get("Code", "Unknown").removesuffix("Exception")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    said = f": {told.get('Message', '')}" if code in _QUOTABLE else ""
    message = f"AWS in {region} refuses {action} ({code}){said}"
    if code.startswith(_BUSY) or status >= _SERVER_ERRORS:
        return StoreUnavailable(message, store="kms", next_step="try again later")
    if code == "AccessDenied" or action.startswith("sts:") or not said:
        return AccessDenied(
            message,
            store="kms",
            next_step=f"allow {action} to your role, with good credentials and a right clock",
        )
    return KmsRefused(message, code=code, next_step=_STEPS.get(code, "see docs/kms.md"))


_STEPS = {
    "MalformedPolicyDocument": "a role that the policy names does not exist, or you would lock"
    " yourself out: correct readers and applications in [tool.glisecrets.kms.keys]",
    "Disabled": "enable it again, or use another key: aws kms enable-key",
    "InvalidKeyUsage": "use a key that is made for this: neither usage nor spec can be changed",
    "KMSInvalidState": "look at the key's state: aws kms describe-key; is it pending deletion, then"
    " aws kms cancel-key-deletion; of the catalogue's keys: glisecrets keys kms audit",
    "NotFound": "check the key's alias, id or ARN, the account and the Region",
    "UnsupportedOperation": "use a key of the kind that this takes: to sign tokens, one of usage"
    " SIGN_VERIFY and an RSA spec",
    "LimitExceeded": "ask AWS for a higher quota, or remove what is not used",
}
