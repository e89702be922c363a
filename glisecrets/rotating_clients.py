"""Connections that survive a rotation, for programs that are not Django.

::

    connect = rotating(psycopg.connect, "gli/db/{environment}")
    with connect() as connection: …

Where the server refuses the credential, the ladder of :mod:`glisecrets.ladder` finds the one that
is in force. Recipes for pools, SQLAlchemy and redis-py: ``docs/clients.md``.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import wraps
from inspect import iscoroutinefunction
from pathlib import Path
from types import new_class
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from .ladder import DEADLINE, CredentialLadder
from .references import Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .ladder_credentials import Credentials
    from .stores.base import Store

    #: Credentials, a connection string and other arguments -> the arguments to connect with.
    Arguments = Callable[[Credentials, str, dict[str, Any]], dict[str, Any]]

C = TypeVar("C")
T = TypeVar("T")


def open_ladder(
    reference: str,
    store: str | Store | None = None,
    deadline: float = DEADLINE,
    service: str = "db",
) -> CredentialLadder:
    """Give the ladder of a reference; ``{environment}`` in it stands for the environment's name.

    Args:
        reference: see :mod:`glisecrets.references`.
        store: a store or its address; ``None``: ``GLISECRETS_STORE``, else the environment's own.
        deadline: seconds that a connection may take until the ladder gives up.
        service: the first word of the log events.

    Raises:
        ConfigurationError: no reference, or one that names a version.
        EnvironmentMismatch: it belongs to another environment.
    """
    from .access import StoreAccess
    from .guard import Guard
    from .loading import LoadContext
    from .options import LoadOptions

    context, options = LoadContext(store=store), LoadOptions()
    guard = Guard.of(context.environment, options)
    parsed = Reference.parse(reference.replace("{environment}", context.environment))
    guard.check_reference(parsed)
    access = StoreAccess(context.environment, options, context, guard, Path.cwd())
    return CredentialLadder(access.read, parsed, deadline=deadline, service=service)


@overload
def rotating(
    connect: type[C],
    reference: str | CredentialLadder,
    *,
    store: str | Store | None = None,
    deadline: float = DEADLINE,
) -> type[C]: ...
@overload
def rotating(
    connect: Callable[..., T],
    reference: str | CredentialLadder,
    *,
    store: str | Store | None = None,
    deadline: float = DEADLINE,
) -> Callable[..., T]: ...
def rotating(
    connect: Callable[..., Any],
    reference: str | CredentialLadder,
    *,
    store: str | Store | None = None,
    deadline: float = DEADLINE,
) -> Callable[..., Any]:
    """Give what connects as ``connect`` does, with the credentials that are in force.

    User, password, host, port and database come from the secret; what the caller gives overrides.

    Args:
        connect: ``psycopg.connect``, ``psycopg.AsyncConnection.connect``, or a connection class,
            which gives a subclass for a pool's ``connection_class``.
        reference: the secret, with ``{environment}`` for the environment's name; or a ladder, to
            share what it has found.
        store: as for :func:`open_ladder`.
        deadline: as for :func:`open_ladder`.

    Raises:
        ConfigurationError: as :func:`open_ladder`; so are the others.
    """
    ladder = open_ladder(reference, store, deadline) if isinstance(reference, str) else reference
    if isinstance(connect, type):
        return climbing_class(connect, ladder, _all_but_asked)
    return _climbing(connect, ladder, _all_but_asked)


def rotating_redis(
    reference: str | CredentialLadder,
    *,
    store: str | Store | None = None,
    deadline: float = DEADLINE,
    asynchronous: bool = False,
) -> Callable[..., Any]:
    """Give the ``redis_connect_func`` of redis-py that logs in with the credentials in force.

    redis-py's ``CredentialProvider`` is never told that what it gave was refused; this hook is
    asked for each new connection too, and sees what comes of it.

    Args:
        reference: as for :func:`rotating`.
        store: as for :func:`open_ladder`.
        deadline: as for :func:`open_ladder`.
        asynchronous: whether it is for ``redis.asyncio``.

    Raises:
        ConfigurationError: as :func:`open_ladder`; so are the others.
    """
    ladder = (
        open_ladder(reference, store, deadline, "redis")
        if isinstance(reference, str)
        else reference
    )

    # A connection that is refused is closed, by the server or by redis-py: the next rung opens it.

    def log_in(connection: Any) -> None:
        def attempt(credentials: Credentials) -> None:
            if _is_another(connection, credentials):
                connection.disconnect()
                connection.connect()
            else:
                connection.on_connect()

        with _plain(connection):
            ladder.connect(attempt)

    async def log_in_async(connection: Any) -> None:
        async def attempt(credentials: Credentials) -> None:
            if _is_another(connection, credentials):
                await connection.disconnect()
                await connection.connect()
            else:
                await connection.on_connect()

        with _plain(connection):
            await ladder.connect_async(attempt)

    return log_in_async if asynchronous else log_in


def climbing_class(base: type[C], ladder: CredentialLadder, arguments: Arguments) -> type[C]:
    """Give a subclass whose ``connect`` climbs, for a pool; its ``ladder`` is the one climbed.

    Args:
        base: a connection class of psycopg, synchronous or not.
        ladder: what to climb.
        arguments: as for :func:`_climbing`.
    """

    def connect(cls: type[Any], /, conninfo: str = "", **given: Any) -> Any:
        own = cast("Any", super(climbing, cls)).connect
        return _climbing(own, ladder, arguments)(conninfo, **given)

    body = {"connect": classmethod(connect), "ladder": ladder, "__module__": base.__module__}
    name = f"Rotating{base.__name__}"
    climbing = cast("type[C]", new_class(name, (base,), exec_body=lambda it: it.update(body)))
    return climbing


def _climbing(
    connect: Callable[..., Any], ladder: CredentialLadder, arguments: Arguments
) -> Callable[..., Any]:
    """Give what connects as ``connect`` does, climbing.

    Args:
        connect: of psycopg, synchronous or not.
        ladder: what to climb.
        arguments: gives its arguments for credentials, of the connection string and the others
            that the caller gave.
    """
    if iscoroutinefunction(connect):

        @wraps(connect)
        async def connected_async(conninfo: str = "", **given: Any) -> Any:
            return await ladder.connect_async(lambda it: connect(**arguments(it, conninfo, given)))

        return connected_async

    @wraps(connect)
    def connected(conninfo: str = "", **given: Any) -> Any:
        return ladder.connect(lambda it: connect(**arguments(it, conninfo, given)))

    return connected


def _all_but_asked(it: Credentials, conninfo: str, given: dict[str, Any]) -> dict[str, Any]:
    """Give all that the secret says, but for what the caller says otherwise."""
    if conninfo:
        from psycopg.conninfo import conninfo_to_dict

        # Taken apart: in one call, a connection string would be weaker than what the secret says.
        given = {**conninfo_to_dict(conninfo), **given}
    return it.parameters() | given


@contextmanager
def _plain(connection: Any) -> Iterator[None]:
    """Have one connection neither come back here nor try a refused password again by itself."""
    from redis.backoff import NoBackoff

    kept = connection.redis_connect_func, connection.retry, connection.credential_provider
    connection.redis_connect_func, connection.credential_provider = None, None
    connection.retry = type(connection.retry)(NoBackoff(), 0)
    try:
        yield
    finally:
        connection.redis_connect_func, connection.retry, connection.credential_provider = kept


def _is_another(connection: Any, credentials: Credentials) -> bool:
    """Give a connection its credentials; tell whether it had others, which were refused."""
    from redis.credentials import UsernamePasswordCredentialProvider

    had = connection.credential_provider
    # The URL's user, where the secret is a password alone.
    user = credentials.username or connection.username
    provider = UsernamePasswordCredentialProvider(user, credentials.password)
    connection.credential_provider = provider
    return had is not None
