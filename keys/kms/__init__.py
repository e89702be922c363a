"""KMS keys, one per data class and component: the catalogue, and what keeps an account at it.

Names are imported when first used, so that importing the package costs nothing.
"""

from typing import TYPE_CHECKING

from glisecrets.lazy import lazy as _lazy

if TYPE_CHECKING:
    from .auditing import KeyFinding, audit
    from .catalogue import CATALOGUE, read_catalogue
    from .classes import Demands, demands_of
    from .client import KmsClient, KmsRefused
    from .declared import KmsKey
    from .place import Place
    from .planning import Change, KeyPlan
    from .policy import key_policy
    from .signing import KmsSigner
    from .site import Sites

__getattr__, __dir__ = _lazy(
    __name__,
    {
        "auditing": ("KeyFinding", "audit"),
        "catalogue": ("CATALOGUE", "read_catalogue"),
        "classes": ("Demands", "demands_of"),
        "client": ("KmsClient", "KmsRefused"),
        "declared": ("KmsKey",),
        "place": ("Place",),
        "planning": ("Change", "KeyPlan"),
        "policy": ("key_policy",),
        "signing": ("KmsSigner",),
        "site": ("Sites",),
    },
)

__all__ = [
    "CATALOGUE",
    "Change",
    "Demands",
    "KeyFinding",
    "KeyPlan",
    "KmsClient",
    "KmsKey",
    "KmsRefused",
    "KmsSigner",
    "Place",
    "Sites",
    "audit",
    "demands_of",
    "key_policy",
    "read_catalogue",
]
