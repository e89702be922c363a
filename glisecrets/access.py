"""Which store a settings class uses, opened when first needed and never for the wrong place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .environment import in_build_phase
from .errors import ConfigurationError, GlisecretsError
from .stores.opening import StoreAddress, default_store, open_store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .environment import Environment
    from .guard import Guard
    from .loading import LoadContext
    from .options import LoadOptions
    from .references import Reference
    from .stores.base import SecretVersion, Store

__all__ = ["VARIABLE", "StoreAccess"]

#: The variable that names the store.
VARIABLE = "GLISECRETS_STORE"

#: Variables that lead a store to a place; a name of another environment in one is refused.
_LEADING = {
    "aws": ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SECRETS_MANAGER"),
    "vault": ("VAULT_ADDR", "VAULT_NAMESPACE"),
}


class StoreAccess:
    """Gives the stores of one load, each opened once."""

    def __init__(
        self,
        environment: Environment,
        options: LoadOptions,
        context: LoadContext,
        guard: Guard,
        directory: Path,
    ) -> None:
        self._environ = context.environ
        self._guard = guard
        self._directory = directory
        self._chosen = context.store or _chosen(environment, options, context.environ)
        self._open: dict[str | None, Store | None] = {}

    def __call__(self, scheme: str | None = None) -> Store | None:
        """Give the store of a scheme, or the settings' own; ``None`` when stores are off.

        Raises:
            ConfigurationError: unknown store or option, missing extra.
            EnvironmentMismatch: the store's address belongs to another environment.
        """
        if scheme not in self._open:
            self._open[scheme] = self._opened(scheme)
        return self._open[scheme]

    def read(self, reference: Reference) -> SecretVersion:
        """Read one version now.

        Raises:
            GlisecretsError: the store does not give it.
        """
        store = self(reference.store)
        if store is None:
            raise ConfigurationError("the store is off", next_step=f"set {VARIABLE}")
        answer = store.get_many([reference.address])[reference.address]
        if isinstance(answer, GlisecretsError):
            raise answer
        return answer

    def _opened(self, scheme: str | None) -> Store | None:
        if not isinstance(self._chosen, str):
            return self._chosen if scheme in (None, self._chosen.scheme) else self._at(str(scheme))
        if self._chosen == "off":
            return None
        own = StoreAddress.parse(self._chosen).scheme
        if scheme in (None, own):
            return self._at(self._chosen)
        return self._at(str(scheme))

    def _at(self, address: str) -> Store | None:
        scheme = StoreAddress.parse(address).scheme
        names = [self._environ.get(name, "") for name in _LEADING.get(scheme, ())]
        for name in [address, *names] if scheme in _LEADING else []:
            self._guard.check_name(name, f"store {name}")
        return open_store(address, directory=self._directory, environ=self._environ)


def _chosen(
    environment: Environment, options: LoadOptions, environ: Mapping[str, str]
) -> str | Store:
    if in_build_phase(environ) or "store" not in options.layers:
        return "off"
    named = environ.get(VARIABLE, "").strip()
    return named or options.store or default_store(environment, environ)
