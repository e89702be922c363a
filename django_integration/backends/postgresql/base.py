"""The backend: Django's own, but that a refused password is answered by the ladder.

::

    DATABASES = {
        "default": {
            "ENGINE": "glisecrets.django_integration.backends.postgresql",
            "HOST": "db.internal", "NAME": "gli",
            "OPTIONS": {"credentials": "gli/db/{environment}"},
        }
    }

``settings.databases()`` writes this by itself for a database that comes from a store. The option
``credentials`` is a reference, or a :class:`~glisecrets.ladder.CredentialLadder`; user and
password come from there, everything else from the entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.backends.postgresql import base
from django.utils.asyncio import async_unsafe

from glisecrets.ladder_credentials import HiddenText
from glisecrets.rotating_clients import climbing_class

from ...ladders import ladder_in
from .client import DatabaseClient

if TYPE_CHECKING:
    from glisecrets.ladder import CredentialLadder
    from glisecrets.ladder_climb import Switch
    from glisecrets.ladder_credentials import Credentials

__all__ = ["DatabaseWrapper"]


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection whose user and password are those that are in force."""

    client_class = DatabaseClient

    @property
    def ladder(self) -> CredentialLadder | None:
        """The ladder, which all threads share; ``None`` where the entry names no credentials."""
        return ladder_in(self.settings_dict["OPTIONS"])

    def get_connection_params(self) -> dict[str, Any]:
        """Give psycopg's arguments; the password is hidden from the ``repr`` of any frame."""
        params: dict[str, Any] = super().get_connection_params()
        for ours in ("credentials", "credentials_deadline"):
            params.pop(ours, None)
        if "password" in params:
            params["password"] = HiddenText(params["password"])
        return params

    @async_unsafe
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect, or take a connection of the pool, whose own connections climb."""
        plain = super().get_new_connection
        if self.ladder is None or self.pool:
            return plain(conn_params)
        return self.ladder.connect(lambda credentials: plain(conn_params | credentials.login()))

    @property
    def pool(self) -> Any:
        """Django's pool. It is built once, with arguments that never change: its class climbs."""
        pool = super().pool
        if pool is not None and self.ladder is not None and not _climbs(pool):
            pool.connection_class = climbing_class(
                pool.connection_class, self.ladder, _as_given_but_login
            )
            self.ladder.on_switch(lambda switch: _drain(pool, switch))
        return pool

    def find_credentials(self) -> Credentials | None:
        """Give the credentials that are in force, after a connection has proved it."""
        if self.ladder is None:
            return None
        params = self.get_connection_params()
        connect = self.Database.connect
        self.ladder.connect(lambda it: connect(**params | it.login())).close()
        return self.ladder.held


def _climbs(pool: Any) -> bool:
    return "ladder" in vars(pool.connection_class)


def _as_given_but_login(it: Credentials, conninfo: str, given: dict[str, Any]) -> dict[str, Any]:
    return {"conninfo": conninfo, **given, **it.login()}


def _drain(pool: Any, switch: Switch) -> None:
    """Let connections of another user go: that user's password is the next one to change."""
    if switch.old and switch.old.username != switch.new.username and not pool.closed:
        pool.drain()
