"""How a settings class is loaded: layer order, store, files and the guard's exceptions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from .environment import Environment
from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .stores.base import Store

__all__ = ["LAYERS", "LAYERS_INJECTED", "LiveOptions", "LoadOptions"]

#: The layers, weakest first.
LAYERS = ("defaults", "template", "dotenv", "process", "store")

#: The order for a platform that injects secrets itself (ECS ``secrets``, ExternalSecret).
LAYERS_INJECTED = ("defaults", "template", "dotenv", "store", "process")


class LiveOptions(NamedTuple):
    """How ``settings.live(name)`` keeps a value fresh."""

    #: Seconds after which a value is read again, ±20 % so that workers spread out.
    ttl: float = 300.0
    #: Seconds for which the last known good value is served while the store is down.
    max_age: float = 86_400.0
    #: Folder of the encrypted last known good values that all workers of a host share.
    #: ``None``: kept in each process's memory only.
    folder: Path | None = None


@dataclass(frozen=True)
class LoadOptions:
    """A settings class's own choices; set them as ``load_options`` on the class."""

    #: The layers in use, weakest first; ``defaults`` is always the weakest.
    layers: tuple[str, ...] = LAYERS
    #: A store's address or a store; ``None``: ``GLISECRETS_STORE``, else the environment's default.
    store: str | Store | None = None
    #: Where the search for ``.env`` files starts; ``None``: the current directory.
    directory: Path | None = None
    #: Folder of mounted secret files; ``None``: ``GLISECRETS_SECRETS_DIR``, else ``/run/secrets``.
    secrets_dir: Path | None = None
    #: Whether ``${NAME}`` in ``.env`` files is replaced. Off: a ``$`` in a password stays.
    expand: bool = False
    #: Names (as written in references, or hosts) that the environment guard lets pass.
    allow: tuple[str, ...] = ()
    #: The AWS accounts of each environment; an ARN of another account is then refused.
    accounts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    live: LiveOptions = field(default_factory=LiveOptions)

    def __post_init__(self) -> None:
        unknown = [layer for layer in self.layers if layer not in LAYERS]
        if unknown or len(set(self.layers)) != len(self.layers):
            raise ConfigurationError(
                f"layers must be different ones of {', '.join(LAYERS)}",
                next_step="see load_options.layers of the settings class",
            )
        for name in self.accounts:
            Environment.parse(name)
