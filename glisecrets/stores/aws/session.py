"""A botocore session for Secrets Manager, as any boto3 program makes it, but made faster.

Everything is botocore's own: session, credential chain, signing, retries, proxies, FIPS and
dual-stack endpoints; so moto, Stubber and tracing patches work on it. It only leaves out what
this one service does not need: 1.2 MB of other services' endpoints, a walk through 400 folders
of their models, and their 80 event handlers. Where botocore's files do not look as expected, or
the user has put in own ones (``AWS_DATA_PATH``, ``~/.aws/models``), botocore does its usual work.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore import handlers
from botocore.exceptions import BotoCoreError
from botocore.loaders import Loader, create_loader
from botocore.session import Session

from .endpoints import endpoints_of

if TYPE_CHECKING:
    from collections.abc import Callable

#: The services that such a session talks to, by endpoint prefix: ours, and those that give
#: credentials (assumed roles, web identity, SSO and console log-in).
_SERVICES = ("secretsmanager", "sts", "portal.sso", "oidc", "signin")

#: The same by service id, as botocore's event names have them, and what stands for any service.
_EVENT_SERVICES = {"secrets-manager", "secretsmanager", "sts", "sso", "sso-oidc", "signin", "*"}


def make_session(profile: str | None = None) -> Session:
    """Make a botocore session, the fast way if this version of botocore allows.

    Raises:
        BotoCoreError: no such profile, or a configuration file that cannot be read.
    """
    try:
        return _fast_session(profile)
    except BotoCoreError:
        raise
    except Exception:  # noqa: BLE001 - whatever a changed botocore makes of it
        return Session(profile=profile)


def _fast_session(profile: str | None) -> Session:
    session = Session(profile=profile, include_builtin_handlers=False)
    _register_handlers(session)
    usual = create_loader(session.get_config_variable("data_path"))
    loader = _FastLoader(usual.search_paths, include_default_search_paths=False)
    session.register_component("data_loader", loader)
    return session


def _register_handlers(session: Session) -> None:
    """Register botocore's handlers, and any that moto added to them, less other services'."""
    events = session.get_component("event_emitter")
    ordered: dict[object, Callable[..., None]] = {
        handlers.REGISTER_FIRST: events.register_first,
        handlers.REGISTER_LAST: events.register_last,
    }
    for name, handler, *order in handlers.BUILTIN_HANDLERS:
        event, _, rest = name.partition(".")
        if event != "docs" and (not rest or rest.partition(".")[0] in _EVENT_SERVICES):
            register = ordered[order[0]] if order else events.register
            register(name, handler)


class _FastLoader(Loader):
    """botocore's loader, less what one service's client does not need."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - Loader's own
        """Give every folder's name; which of them hold this type is asked of one folder later."""
        # os rather than pathlib: they are 440 names, asked for twice.
        folders = filter(os.path.isdir, self.search_paths)
        return sorted({name for folder in folders for name in os.listdir(folder)})  # noqa: PTH208

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
