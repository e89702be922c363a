"""After a refusal ``AWSCURRENT`` is read afresh, once, and tried once.

So do AWS's JDBC driver for Secrets Manager and the plug-ins of the AWS Advanced Wrappers.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.session import get_session
from django.db.backends.postgresql import base
from psycopg import OperationalError

if TYPE_CHECKING:
    from collections.abc import Callable

_SECRET = "gli/db/staging"


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection with the current version's user and password."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        plain = super().get_new_connection
        if self.pool:
            return plain(conn_params)
        return _connected(lambda login: plain(conn_params | login))

    @property
    def pool(self) -> Any:
        pool = super().pool
        if pool is not None and not issubclass(pool.connection_class, _Refreshing):
            name, bases = "Refreshing", (_Refreshing, pool.connection_class)
            pool.connection_class = type(name, bases, {})
        return pool


class _Refreshing:
    @classmethod
    def connect(cls, conninfo: str = "", **given: Any) -> Any:
        plain = super().connect  # type: ignore[misc]  # of the class that it is mixed into
        return _connected(lambda login: plain(conninfo, **given | login))


class _Current:
    """The version that was read last, for all threads."""

    def __init__(self) -> None:
        self._client = get_session().create_client("secretsmanager")
        self.login = self._read()

    def refresh(self) -> dict[str, str]:
        self.login = self._read()
        return self.login

    def _read(self) -> dict[str, str]:
        secret = json.loads(self._client.get_secret_value(SecretId=_SECRET)["SecretString"])
        return {"user": secret["username"], "password": secret["password"]}


_current = _Current()


def _connected(connect: Callable[[dict[str, str]], Any]) -> Any:
    try:
        return connect(_current.login)
    except OperationalError as error:
        if "password authentication failed" not in str(error):
            raise
    return connect(_current.refresh())
