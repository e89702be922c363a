"""Who is asked over HTTP besides the stores: providers of credentials, and GitHub."""

from typing import TYPE_CHECKING

from ..lazy import lazy as _lazy

if TYPE_CHECKING:
    from .github import GitHub, GitHubPlace, GitHubWrite, SealingBox
    from .http import Answer, Provider, ProviderErrors, checked_url, host_of

__getattr__, __dir__ = _lazy(
    __name__,
    {
        "github": ("GitHub", "GitHubPlace", "GitHubWrite", "SealingBox"),
        "http": ("Answer", "Provider", "ProviderErrors", "checked_url", "host_of"),
    },
)

__all__ = [
    "Answer",
    "GitHub",
    "GitHubPlace",
    "GitHubWrite",
    "Provider",
    "ProviderErrors",
    "SealingBox",
    "checked_url",
    "host_of",
]
