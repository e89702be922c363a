"""Which store a settings class uses, opened when first needed and never for the wrong place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .environment import in_build_phase
from .errors import ConfigurationError, GlisecretsError
from .stores.opening import STORE_VARIABLE, StoreAddress, default_store, open_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from .environment import Environment
    from .errors import StoreError
    from .guard import Guard
    from .loading import LoadContext
    from .options import LoadOptions
    from .references import Address, Reference
    from .stores.base import SecretVersion, Store


class ReadableStore(Protocol):
    """As much of a store as settings need."""

    scheme: str

    def get_many(self, addresses: Iterable[Address]) -> dict[Address, SecretVersion | StoreError]:
        """Read many versions: see :meth:`glisecrets.stores.base.Store.get_many`."""
        ...


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
        self._live = options.live
        self._chosen = context.store or _chosen(environment, options, context.environ)
        self._open: dict[str | None, ReadableStore | None] = {}

    def __call__(self, scheme: str | None = None) -> ReadableStore | None:
        """Give the store of a scheme, or the settings' own; ``None`` when stores are off.

        Raises:
            ConfigurationError: unknown store or option, missing extra.
            EnvironmentMismatch: the store's address belongs to another environment.
        """
        if scheme not in self._open:
            self._open[scheme] = self._remembering(self.opened(scheme))
        return self._open[scheme]

    @property
    def off(self) -> bool:
        """Whether no store is asked at all."""
        return self._chosen == "off"

    def read(self, reference: Reference, *, younger_than: float = 0.0) -> SecretVersion:
        """Read one version now, or as another worker read it less than so many seconds ago.

        Raises:
            GlisecretsError: the store does not give it.
        """
        store = self(reference.store)
        if store is None:
            raise ConfigurationError("the store is off", next_step=f"set {STORE_VARIABLE}")
        address = reference.address
        answer = self._recent(store, address, younger_than) or store.get_many([address])[address]
        if isinstance(answer, GlisecretsError):
            raise answer
        return answer

    def _recent(
        self, store: ReadableStore, address: Address, younger_than: float
    ) -> SecretVersion | None:
        if self._live.folder is None:
            return None  # nothing is remembered
        from .last_known_good import RememberingStore

        if isinstance(store, RememberingStore):
            return store.recent(address, younger_than)
        return None

    def _remembering(self, store: Store | None) -> ReadableStore | None:
        if store is None or self._live.folder is None:
            return store
        from .last_known_good import LastKnownGood, RememberingStore

        memory = LastKnownGood(self._live.folder, self._environ)
        return RememberingStore(store, memory, self._live.max_age)

    def opened(self, scheme: str | None = None) -> Store | None:
        """Give the store itself, to write to: no last known good value stands in for it.

        Raises:
            ConfigurationError: unknown store or option, missing extra.
            EnvironmentMismatch: the store's address belongs to another environment.
        """
        chosen = self._chosen
        if chosen == "off":
            return None
        own = StoreAddress.parse(chosen).scheme if isinstance(chosen, str) else chosen.scheme
        if scheme not in (None, own):
            return self._at(str(scheme))
        if isinstance(chosen, str):
            return self._at(chosen)
        self._guard.check_place(own, chosen.location, self._environ)
        return chosen

    def _at(self, address: str) -> Store | None:
        self._guard.check_address(address, self._environ)
        return open_store(address, directory=self._directory, environ=self._environ)


def _chosen(
    environment: Environment, options: LoadOptions, environ: Mapping[str, str]
) -> str | Store:
    if in_build_phase(environ) or "store" not in options.layers:
        return "off"
    named = environ.get(STORE_VARIABLE, "").strip()
    return named or options.store or default_store(environment, environ)
