"""Ask an AWS API through botocore: what it refuses as our errors, and no value in a log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glisecrets.errors import ConfigurationError
from glisecrets.providers import Patience, make_client
from glisecrets.stores.aws.options import ClientOptions, Credentials

from ..errors import ProviderRefused, Unreachable

if TYPE_CHECKING:
    from botocore.client import BaseClient

_PATIENCE = Patience(connect=5, read=10, attempts=4)
#: Where nothing names a region: IAM has none, and STS knows every key everywhere.
_ANY_REGION = {"iam": "us-east-1", "sts": "us-east-1"}
#: Starts of error codes that pass by themselves.
_BUSY = ("Throttl", "RequestLimitExceeded", "TooManyRequests", "ServiceFailure", "InternalFailure")
_SERVER_ERRORS = 500
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}


class AwsRefused(ProviderRefused):
    """AWS understood a request and said no."""

    #: AWS's code, as ``NoSuchEntity``.
    code: str

    def __init__(self, message: str, *, code: str, next_step: str) -> None:
        super().__init__(message, next_step=next_step)
        self.code = code


def aws_client(
    service: str,
    key: tuple[str, str] | None = None,
    *,
    region: str | None = None,
    profile: str | None = None,
) -> BaseClient:
    """Make a client of a service.

    Args:
        service: botocore's name of it.
        key: an access key's id and secret half, to ask with; default: the caller's credentials.
        region: where it is; default: as the environment or the profile says.
        profile: whose credentials and configuration; default: the caller's.

    Raises:
        MissingExtra: boto3 is not installed.
        ProviderRefused: AWS's configuration files or variables make no sense, or name no region.
    """
    options = ClientOptions.of(region, profile, None, None)
    if key:
        options = options._replace(credentials=Credentials(*key))
    try:
        return make_client(service, options, _PATIENCE, anywhere=_ANY_REGION.get(service))
    except ConfigurationError as error:
        raise ProviderRefused(error.message, next_step=error.next_step) from None


def ask_aws(client: BaseClient, action: str, **params: Any) -> dict[str, Any]:
    """Send one request, with botocore's retries, and give the answer.

    Raises:
        AwsRefused: AWS said no; its ``code`` says why.
        Unreachable: no answer, or AWS is too busy.
    """
    from botocore.exceptions import ClientError

    from glisecrets.stores.aws.calling import attempt

    answer = attempt(client, action, params)
    service = client.meta.service_model.service_name
    if isinstance(answer, ClientError):
        failure: ProviderRefused | Unreachable = _refusal(answer, f"{service}:{action}")
    elif isinstance(answer, Exception):
        failure = _unanswered(answer, service)
    else:
        told: dict[str, Any] = answer
        return told
    del answer  # its traceback leads to frames that hold the parameters
    raise failure


def _refusal(error: Any, action: str) -> AwsRefused | Unreachable:
    told = error.response.get("Error", {})
    code = told.get("Code", "Unknown")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code.startswith(_BUSY) or status >= _SERVER_ERRORS:
        return Unreachable(f"AWS answers {action} with {code}", next_step="try again later")
    # Who lacks which right is in the message; others may repeat what was sent.
    said = f": {told.get('Message', '')}" if code in _DENIED else ""
    return AwsRefused(
        f"AWS refuses {action} ({code}){said}",
        code=code,
        next_step=f"allow {action} to whoever rotates, with good credentials, and check this"
        " machine's clock",
    )


def _unanswered(error: Exception, service: str) -> Unreachable | ProviderRefused:
    from botocore import exceptions as boto

    cause = type(error).__name__
    if isinstance(error, boto.HTTPClientError | boto.ConnectionError):
        return Unreachable(
            f"AWS {service} cannot be reached ({cause})",
            next_step="check the network: route, VPC endpoint or NAT, proxy, AWS_ENDPOINT_URL",
        )
    return ProviderRefused(
        f"AWS {service} cannot be asked ({cause})",
        next_step="give whoever rotates credentials: a role, or aws sso login",
    )
