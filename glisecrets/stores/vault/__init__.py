"""The Vault / OpenBao store: KV v1 and v2 by hvac, with labels of our own making.

``connection`` logs in and calls, ``options`` and ``login`` say where and as whom, ``failures``
turns hvac's errors into ours; ``documents`` is how a value lies in a KV document; ``stages`` keeps
tokens and labels, which KV v2 has not; ``versioned`` (KV v2) and ``plain`` (KV v1) are the two
engines behind :class:`VaultStore`.
"""

from ...errors import MissingExtra

try:
    from .store import VaultStore
except ModuleNotFoundError as missing:
    if missing.name != "hvac":
        raise
    raise MissingExtra("the Vault store", "vault") from missing

__all__ = ["VaultStore"]
