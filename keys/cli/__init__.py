"""``glisecrets keys …``: JWT keys, KMS keys, and files encrypted under a data key."""

from .commands import app

__all__ = ["app"]
