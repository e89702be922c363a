"""Clients of AWS's APIs: where they ask, how long they wait, and why one cannot be made."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..errors import ConfigurationError, MissingExtra

if TYPE_CHECKING:
    from botocore.client import BaseClient

    from ..stores.aws.options import ClientOptions


class Patience(NamedTuple):
    """How long an API is waited for."""

    #: Seconds for a connection, and for an answer on it.
    connect: float
    read: float
    #: Tries of one request, unless ``AWS_MAX_ATTEMPTS`` or the profile says otherwise.
    attempts: int


def make_client(
    service: str, options: ClientOptions, patience: Patience, *, anywhere: str | None = None
) -> BaseClient:
    """Make a client of a service.

    Args:
        service: botocore's name of it.
        options: what is told about region, profile, endpoint and credentials.
        patience: how long it is waited for.
        anywhere: the region of a service that has none; default: one has to be named.

    Raises:
        MissingExtra: boto3 is not installed.
        ConfigurationError: AWS's configuration files or variables make no sense, or name no region.
    """
    try:
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
        from botocore.session import Session
    except ImportError:
        raise MissingExtra(f"asking AWS {service}", "aws") from None
    try:
        session = Session(profile=options.profile)
        attempts = session.get_config_variable("max_attempts") or patience.attempts
        return session.create_client(
            service,
            region_name=options.region or session.get_config_variable("region") or anywhere,
            endpoint_url=options.endpoint_url,
            config=Config(
                connect_timeout=patience.connect,
                read_timeout=patience.read,
                retries={"mode": "standard", "total_max_attempts": attempts},
            ),
            **options.credentials._asdict(),
        )
    except (BotoCoreError, ValueError) as error:
        cause = type(error).__name__
    raise ConfigurationError(
        f"no client of AWS {service} can be made ({cause})",
        next_step="name a region, or check AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL and"
        " ~/.aws/config",
    )
