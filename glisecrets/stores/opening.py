"""From a store's address, as text, to the store.

::

    aws                              region and credentials as in any boto3 program
    aws:?region=ap-northeast-2&profile=gli&endpoint_url=http://127.0.0.1:4566
    vault                            VAULT_ADDR, VAULT_NAMESPACE and the login variables
    vault:https://vault.example:8200?namespace=gli&auth=kubernetes&role=api
    local                            .secrets/ in the project
    local:/path/to/folder
    off                              no store
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl

from ..environment import Environment, in_github_actions
from ..errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .base import Store

#: The variable that names the store.
STORE_VARIABLE = "GLISECRETS_STORE"

_SCHEMES = ("aws", "vault", "local", "off")


class StoreAddress(NamedTuple):
    """A store's address, parsed."""

    scheme: str
    path: str
    options: dict[str, str]

    @classmethod
    def parse(cls, text: str) -> StoreAddress:
        """Read one of the forms in the module's description.

        Raises:
            ConfigurationError: the scheme is unknown.
        """
        scheme, _, rest = text.strip().partition(":")
        if scheme not in _SCHEMES:
            raise ConfigurationError(
                f"unknown store {scheme!r}",
                next_step=f"set {STORE_VARIABLE} to one of: {', '.join(_SCHEMES)}",
            )
        path, _, query = rest.partition("?")
        return cls(scheme, path, dict(parse_qsl(query)))


def default_store(environment: Environment, environ: Mapping[str, str]) -> str:
    """Give the store that is used where none is named: see ``docs/layers.md``."""
    if in_github_actions(environ):
        return "off"
    return "local" if environment is Environment.DEVELOPMENT else "aws"


def open_store(
    address: str, *, directory: Path | None = None, environ: Mapping[str, str] | None = None
) -> Store | None:
    """Open the store at an address; ``off`` gives ``None``. Connects only when first asked.

    Args:
        address: one of the forms in the module's description.
        directory: where a relative ``local`` path starts; default the current directory.
        environ: the variables to read; default ``os.environ``.

    Raises:
        ConfigurationError: unknown scheme or option.
        MissingExtra: boto3 or hvac is not installed.
    """
    scheme, path, options = StoreAddress.parse(address)
    if scheme == "aws":
        from .aws import AwsStore

        return AwsStore.from_options(path, options, environ=environ)
    if scheme == "vault":
        from .vault import VaultStore

        return VaultStore.from_options(path, options, environ=environ)
    if scheme == "local":
        from .local import LocalStore

        return LocalStore.from_options(path, options, directory=directory, environ=environ)
    return None
