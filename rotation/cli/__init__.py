"""``glisecrets rotate …``: schedules, rotations by hand, and what to do when something is wrong."""

from .commands import app

__all__ = ["app"]
