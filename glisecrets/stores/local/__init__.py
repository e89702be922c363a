"""The local store: one encrypted SQLite file in a folder, with the rules of Secrets Manager."""

from .store import LocalStore

__all__ = ["LocalStore"]
