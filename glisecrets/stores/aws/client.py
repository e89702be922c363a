"""The client for Secrets Manager: its region, its patience, and why one cannot be made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ...errors import ConfigurationError
from .failures import client_refused
from .session import make_session

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.session import Session

    from ...errors import GlisecretsError
    from .options import ClientOptions

#: Seconds to wait for a connection, and for an answer on it.
CONNECT_TIMEOUT, READ_TIMEOUT = 2, 5

#: Tries per request, the first included; ``AWS_MAX_ATTEMPTS`` or the profile may say otherwise.
#: botocore waits 0.5, 1, 2, 4 and 8 s on average between throttled ones, which outlives 5 s of
#: throttling, and at most 1.6 s in all between failed connections: a store that refuses
#: connections is reported within 2 s, one that drops them within 14 s, a mute one within 32 s.
#: (Older botocore waits between failed connections as long as between throttled requests.)
ATTEMPTS = 6

#: Requests on their way at once.
CONNECTIONS = 8


def new_client(options: ClientOptions) -> BaseClient:
    """Make a client. For credentials, this may ask the metadata service of container or machine.

    Raises:
        ConfigurationError: no region is known, no such profile, or an option makes no sense.
        AccessDenied: the credentials' source failed.
    """
    try:
        session = make_session(options.profile)
        region = options.region or session.get_config_variable("region")
        if region:
            return _client(session, region, options)
        refusal: GlisecretsError = _no_region()
    except (BotoCoreError, ClientError, ValueError) as error:
        refusal = client_refused(error)
    raise refusal


def _client(session: Session, region: str, options: ClientOptions) -> BaseClient:
    attempts = session.get_config_variable("max_attempts") or ATTEMPTS
    config = Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        max_pool_connections=CONNECTIONS,
        retries={"mode": "adaptive", "total_max_attempts": attempts},
    )
    return session.create_client(
        "secretsmanager",
        region_name=region,
        endpoint_url=options.endpoint_url,
        config=config,
        **options.credentials._asdict(),
    )


def _no_region() -> ConfigurationError:
    return ConfigurationError(
        "no AWS region is known: not in the store's address, AWS_REGION, AWS_DEFAULT_REGION or"
        " the profile",
        next_step="set AWS_REGION=ap-northeast-2, or GLISECRETS_STORE=aws:?region=ap-northeast-2",
    )
