"""Whom rotations ask: providers over HTTP, AWS, and GitHub for its copies of a secret."""

from typing import TYPE_CHECKING

from glisecrets.lazy import lazy as _lazy

if TYPE_CHECKING:
    from .aws import AwsRefused, ask_aws, aws_client
    from .github import publish_to_github
    from .http import Answer, Provider, checked_url, host_of

__getattr__, __dir__ = _lazy(
    __name__,
    {
        "aws": ("AwsRefused", "ask_aws", "aws_client"),
        "github": ("publish_to_github",),
        "http": ("Answer", "Provider", "checked_url", "host_of"),
    },
)

__all__ = [
    "Answer",
    "AwsRefused",
    "Provider",
    "ask_aws",
    "aws_client",
    "checked_url",
    "host_of",
    "publish_to_github",
]
