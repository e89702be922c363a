"""Who is asked over HTTP besides the stores: AWS's other APIs, providers of credentials, GitHub."""

from typing import TYPE_CHECKING

from ..lazy import lazy as _lazy

if TYPE_CHECKING:
    from .aws import Patience, make_client
    from .github import GitHub, GitHubPlace, GitHubWrite, SealingBox
    from .http import Answer, Provider, ProviderErrors, checked_url

__getattr__, __dir__ = _lazy(
    __name__,
    {
        "aws": ("Patience", "make_client"),
        "github": ("GitHub", "GitHubPlace", "GitHubWrite", "SealingBox"),
        "http": ("Answer", "Provider", "ProviderErrors", "checked_url"),
    },
)

__all__ = [
    "Answer",
    "GitHub",
    "GitHubPlace",
    "GitHubWrite",
    "Patience",
    "Provider",
    "ProviderErrors",
    "SealingBox",
    "checked_url",
    "make_client",
]
