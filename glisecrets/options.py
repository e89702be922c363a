"""How a settings class is loaded: layer order, store, files and the guard's exceptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from .environment import Environment
from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .stores.base import Store

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


class LoadOptions:
    """A settings class's own choices; set them as ``load_options`` on the class.

    Written out, since a generated class would cost each start half a millisecond.
    """

    def __init__(
        self,
        *,
        layers: tuple[str, ...] = LAYERS,
        store: str | Store | None = None,
        directory: Path | None = None,
        secrets_dir: Path | None = None,
        expand: bool = False,
        allow: tuple[str, ...] = (),
        accounts: Mapping[str, tuple[str, ...]] | None = None,
        live: LiveOptions | None = None,
    ) -> None:
        """Take the choices; what is left out is as usual.

        Args:
            layers: the layers in use, weakest first; ``defaults`` is always the weakest.
            store: a store's address or a store; ``None``: ``GLISECRETS_STORE``, else the
                environment's default.
            directory: where the search for ``.env`` files starts; ``None``: the current directory.
            secrets_dir: folder of mounted secret files; ``None``: ``GLISECRETS_SECRETS_DIR``, else
                ``/run/secrets``.
            expand: whether ``${NAME}`` in ``.env`` files is replaced. Off: a ``$`` in a password
                stays.
            allow: names (as written in references, or hosts) that the environment guard lets pass.
            accounts: the AWS accounts of each environment; an ARN of another account is then
                refused.
            live: how live values are kept fresh.

        Raises:
            ConfigurationError: an unknown layer or environment, or a layer that is named twice.
        """
        self.layers: Final = _checked_layers(layers)
        self.store: Final = store
        self.directory: Final = directory
        self.secrets_dir: Final = secrets_dir
        self.expand: Final = expand
        self.allow: Final = allow
        self.accounts: Final = _checked_accounts(accounts or {})
        self.live: Final = live or LiveOptions()


def _checked_layers(layers: tuple[str, ...]) -> tuple[str, ...]:
    if set(layers) <= set(LAYERS) and len(set(layers)) == len(layers):
        return layers
    raise ConfigurationError(
        f"layers must be different ones of {', '.join(LAYERS)}",
        next_step="see load_options.layers of the settings class",
    )


def _checked_accounts(accounts: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    for name in accounts:
        Environment.parse(name)
    return accounts
