"""Whom rotations ask: providers over HTTP, AWS, and GitHub for its copies of a secret."""

from typing import TYPE_CHECKING

from glisecrets.lazy import lazy as _lazy

if TYPE_CHECKING:
    from .aws import AwsRefused, ask_aws, aws_client
    from .github import publish_to_github
    from .http import provider_for

__getattr__, __dir__ = _lazy(
    __name__,
    {
        "aws": ("AwsRefused", "ask_aws", "aws_client"),
        "github": ("publish_to_github",),
        "http": ("provider_for",),
    },
)

__all__ = [
    "AwsRefused",
    "ask_aws",
    "aws_client",
    "provider_for",
    "publish_to_github",
]
