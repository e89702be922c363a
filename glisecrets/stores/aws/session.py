"""A botocore client for Secrets Manager, as any boto3 program makes it, but made faster.

Everything is botocore's own: session, credential chain, signing, retries, proxies, FIPS and
dual-stack endpoints; so moto, Stubber and tracing patches work on it. Only the loader of its data
files is ours, and it leaves out work that this one service does not need: 1.2 MB of other
services' endpoints, and a walk through 400 folders. Where botocore's files do not look as
expected, or the user has put in own ones (``AWS_DATA_PATH``, ``~/.aws/models``), botocore's loader
does its usual work.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader, create_loader
from botocore.session import Session

from ...errors import ConfigurationError
from .endpoints import endpoints_of
from .failures import client_refused

if TYPE_CHECKING:
    from botocore.client import BaseClient

    from ...errors import GlisecretsError
    from .options import ClientOptions

__all__ = ["CONNECTIONS", "fast_session", "new_client"]

#: Seconds to wait for a connection, and for an answer on it.
CONNECT_TIMEOUT, READ_TIMEOUT = 2, 5

#: Tries per request, the first included; ``AWS_MAX_ATTEMPTS`` or the profile may say otherwise.
#: botocore waits 0.5, 1, 2, 4 and 8 s on average between throttled ones, which outlives 5 s of
#: throttling, and at most 1.6 s in all between failed connections: a store that refuses
#: connections is reported within 2 s, one that drops them within 14 s, a mute one within 32 s.
ATTEMPTS = 6

#: Requests on their way at once.
CONNECTIONS = 8

#: The services that such a session talks to, by endpoint prefix: ours, and those that give
#: credentials (assumed roles, web identity, SSO and console log-in).
_SERVICES = ("secretsmanager", "sts", "portal.sso", "oidc", "signin")


def new_client(options: ClientOptions) -> BaseClient:
    """Make a client. For credentials, this may ask the metadata service of container or machine.

    Raises:
        ConfigurationError: no region is known, no such profile, or an option makes no sense.
        AccessDenied: the credentials' source failed.
    """
    try:
        session = fast_session(options.profile)
        region = options.region or session.get_config_variable("region")
        if region:
            return _client(session, region, options)
        refusal: GlisecretsError = _no_region()
    except (BotoCoreError, ClientError, ValueError) as error:
        refusal = client_refused(error)
    raise refusal


def fast_session(profile: str | None = None) -> Session:
    """Make a botocore session with the fast loader."""
    session = Session(profile=profile)
    usual = create_loader(session.get_config_variable("data_path"))
    loader = _FastLoader(usual.search_paths, include_default_search_paths=False)
    session.register_component("data_loader", loader)
    return session


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


class _FastLoader(Loader):
    """botocore's loader, less what one service's client does not need."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - Loader's own
        """Give every folder's name; which of them hold this type is asked of one folder later."""
        folders = filter(Path.is_dir, map(Path, self.search_paths))
        return sorted({path.name for folder in folders for path in folder.iterdir()})

    def load_data_with_path(self, name: str) -> tuple[Any, str]:
        """Load a file; of ``endpoints``, the part about a few services if that can be done."""
        if name == "endpoints":
            files = (Path(folder, "endpoints.json") for folder in self.search_paths)
            first = next(filter(Path.is_file, files), None)
            if first is not None and self.is_builtin_path(str(first)):
                endpoints = endpoints_of(first.read_bytes(), _SERVICES)
                if endpoints:
                    return endpoints, str(first.with_suffix(""))
        found: tuple[Any, str] = super().load_data_with_path(name)
        return found
