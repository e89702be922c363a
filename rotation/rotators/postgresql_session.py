"""Sessions at PostgreSQL: who is let in, and one change under a lock, with what may go wrong.

psycopg's errors are never chained nor passed on: their tracebacks and connections hold the
password. What the server said is quoted, with the password masked.
"""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from glisecrets.errors import MissingExtra
from glisecrets.ladder_refusals import REFUSALS

from ..errors import NotRotatable, ProviderRefused, RotationError, Unreachable
from ..rotator import ADMIN
from .postgresql_login import parse_administrator, reader_refused

try:
    import psycopg
    from psycopg import sql
except ImportError:
    raise MissingExtra("rotating a password of PostgreSQL", "rotation") from None

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..rotator import Rotation
    from .postgresql_login import Login

    Connection = psycopg.Connection[tuple[Any, ...]]

#: Seconds to connect, per address of the host.
_CONNECT_SECONDS: Final = 5
#: Milliseconds after which a silent network counts as gone.
_SILENCE: Final = 20_000

#: Said after the password was found right.
_LET_IN_BUT_FULL: Final = "too many connections for role"

#: What else a failed connect may say that no retry mends, and what to do.
_NEEDS_A_PERSON: Final[tuple[tuple[str, type[RotationError], str], ...]] = (
    (r"database \".*\" does not exist", NotRotatable, "correct dbname in the secret"),
    (r"permission denied for database", ProviderRefused, "GRANT CONNECT ON DATABASE to the role"),
    (
        r"no pg_hba\.conf entry",
        ProviderRefused,
        "let this machine in for the role and database; 'no encryption' asks for TLS: sslmode",
    ),
    (
        r"does not support SSL|certificate|sslrootcert",
        ProviderRefused,
        "make sslmode and sslrootcert in the secret fit the server; TLS is never dropped",
    ),
)

#: Another session was changing the same role: the same again, after so many seconds.
_COLLISIONS: Final = ("XX000", "42710", "23505", "40001", "40P01")
_WAITS: Final = (0.05, 0.1, 0.2, 0.4, 0.8)

#: Classes of SQLSTATE that pass: connection, resources, operator (a timeout, a shutdown), locks.
_PASSING: Final = ("08", "53", "57", "55P03")

#: PostgreSQL 10; an older server takes a SCRAM verifier for a password in clear.
_SCRAM_SINCE = 100_000

#: Settings of the role itself must not change what our statements mean, nor make them wait.
_PREPARE: Final = """
    SET LOCAL ROLE NONE;
    SET LOCAL search_path = pg_catalog, pg_temp;
    SET LOCAL lock_timeout = '15s';
    SET LOCAL statement_timeout = '30s'
"""


@dataclass(frozen=True, slots=True)
class _Refusal:
    """What the server or the driver said, without the error and its traceback."""

    sqlstate: str
    said: str

    @classmethod
    def of(cls, error: Exception, password: str) -> _Refusal:
        diagnosis = error.diag.message_primary if isinstance(error, psycopg.Error) else None
        said = " ".join((diagnosis or str(error)).split()).replace(password, "***")
        return cls(getattr(error, "sqlstate", None) or "", said)


def accepts(login: Login) -> bool:
    """Tell whether the server lets a login in; ``False`` only after a clear no.

    Raises:
        Unreachable: there was no clear answer.
        NotRotatable: the server asks for no password, or has no such database.
        ProviderRefused: TLS or ``pg_hba.conf`` is in the way.
    """
    found = _dial(login)
    if isinstance(found, _Refusal):
        if _LET_IN_BUT_FULL in found.said:
            return True
        _check_clear_no(found, login)
        return False
    with closing(found):
        _check_password_was_asked(found, login)
        refusal = _attempt(lambda: found.execute("SELECT 1"), login)
    if refusal:
        raise _statement_error(refusal, login)
    return True


def connect(login: Login) -> Connection | None:
    """Open a session; ``None`` after a clear no. The rest as :func:`accepts`."""
    found = _dial(login)
    if isinstance(found, _Refusal):
        _check_clear_no(found, login)
        return None
    return found


def change_password(
    connection: Connection,
    new: Login,
    rotation: Rotation,
    *,
    lock: str,
    prepare: Callable[[Connection], None] = lambda _: None,
) -> None:
    """Give a role its new password, in one transaction and under a lock, and close the session.

    The server gets a SCRAM-SHA-256 verifier, made here, so no log of it can have the password.
    That suits any ``password_encryption``, and all password methods of ``pg_hba.conf``.

    Args:
        connection: of the role itself, or of who may change it.
        new: the role and its new password.
        rotation: is asked, under the lock, whether it is still the one under way.
        lock: the name that runs share which must not meet.
        prepare: what else the transaction does, before the password.

    Raises:
        ProviderRefused: a right or the role is missing, or the server knows no SCRAM.
        NotRotatable: the server does not write.
        StaleRotation: it is no longer under way; nothing was changed.
        Unreachable: the session broke (the password is the old or the new one), or others kept
            changing the role.
    """
    change = partial(_change, connection, new, rotation, lock, prepare)
    with closing(connection):
        refusal = _attempt(change, new)
        for wait in _WAITS:
            if refusal is None or refusal.sqlstate not in _COLLISIONS:
                break
            rotation.pause(wait)
            refusal = _attempt(change, new)
    if refusal:
        raise _statement_error(refusal, new)


def change_as_administrator(
    rotation: Rotation,
    new: Login,
    *,
    lock: str,
    prepare: Callable[[Connection], None] = lambda _: None,
) -> None:
    """Do :func:`change_password` in a session of the administrator whom the option names.

    Raises:
        NotRotatable: there is none, or it is another server's.
        StoreError: its secret cannot be read.
        ProviderRefused: the server does not let the administrator in, or it may not.
    """
    administrator = parse_administrator(rotation, new)
    connection = connect(administrator)
    if connection is None:
        raise ProviderRefused(
            f"{new.place} does not let the administrator {administrator.username!r} in",
            next_step=f"correct the secret {rotation.options[ADMIN]}, or rotate it first",
        )
    change_password(connection, new, rotation, lock=lock, prepare=prepare)


def _dial(login: Login) -> Connection | _Refusal:
    try:
        return psycopg.connect(
            host=login.host,
            port=login.port,
            dbname=login.dbname,
            user=login.username,
            password=login.password,
            sslmode=login.sslmode,
            sslrootcert=login.sslrootcert,
            application_name="glisecrets rotation",
            autocommit=True,
            connect_timeout=_CONNECT_SECONDS,
            tcp_user_timeout=_SILENCE,
            keepalives_idle=5,
            keepalives_interval=5,
            keepalives_count=3,
        )
    except (psycopg.Error, UnicodeError) as error:  # UnicodeError: no such host name can be
        return _Refusal.of(error, login.password)


def _attempt(work: Callable[[], object], login: Login) -> _Refusal | None:
    try:
        work()
    except psycopg.Error as error:
        return _Refusal.of(error, login.password)
    return None


def _change(
    connection: Connection,
    new: Login,
    rotation: Rotation,
    lock: str,
    prepare: Callable[[Connection], None],
) -> None:
    _check_server(connection, new)
    connection.read_only = False  # the role's default may be otherwise
    with connection.transaction():
        connection.execute(_PREPARE)
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_lock_key(lock)])
        rotation.confirm()
        prepare(connection)
        verifier = connection.pgconn.encrypt_password(
            new.password.encode(), new.username.encode(), b"scram-sha-256"
        ).decode()
        statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
        connection.execute(statement.format(sql.Identifier(new.username), verifier))


def _lock_key(name: str) -> int:
    """Give the key of an advisory lock, which is a signed number of 64 bits."""
    digest = blake2b(name.encode(), digest_size=8, person=b"glisecrets").digest()
    return int.from_bytes(digest, signed=True)


def _check_server(connection: Connection, login: Login) -> None:
    if connection.info.server_version < _SCRAM_SINCE:
        raise ProviderRefused(
            f"{login.place} runs a PostgreSQL older than 10, which knows no SCRAM-SHA-256",
            next_step="upgrade it: an md5 password can be used by whoever reads its hash",
        )
    standby = connection.execute("SELECT pg_catalog.pg_is_in_recovery()").fetchone()
    if standby == (True,):
        raise reader_refused(login)


def _check_password_was_asked(connection: Connection, login: Login) -> None:
    if not connection.pgconn.used_password:
        raise NotRotatable(
            f"{login.place} lets {login.username!r} in without asking for the password",
            next_step="have pg_hba.conf ask for scram-sha-256 from this machine",
        )


def _check_clear_no(refusal: _Refusal, login: Login) -> None:
    """Return if the credentials are what is wrong, and raise what else it is."""
    # The server tells a wrong password, no such role, an expired one, or one without LOGIN apart
    # in its own log only. psycopg gives no SQLSTATE for a failed connect (#1188).
    if refusal.sqlstate == "28P01" or any(words in refusal.said for words in REFUSALS):
        return
    for pattern, error, next_step in _NEEDS_A_PERSON:
        if re.search(pattern, refusal.said):
            raise error(
                f"{login.place} refuses {login.username!r}: {refusal.said}", next_step=next_step
            )
    raise Unreachable(
        f"PostgreSQL at {login.place} gives no clear answer: {refusal.said}",
        next_step="check that it runs, and the route, security group and DNS to it; if it speaks"
        " neither English nor Korean: lc_messages = 'C'",
    )


def _statement_error(refusal: _Refusal, login: Login) -> RotationError:
    what = f"{login.place}, role {login.username!r}: {refusal.said}"
    match refusal.sqlstate:
        case "25006":
            return reader_refused(login)
        case "42501":
            return ProviderRefused(
                what,
                next_step="name an administrator's secret in the tag glisecrets:admin; it needs"
                " CREATEROLE, and since PostgreSQL 16 the ADMIN OPTION on the role",
            )
        case "42704":
            return ProviderRefused(what, next_step="create it, or correct the name")
        case state if not state or state.startswith(_PASSING) or state in _COLLISIONS:
            return Unreachable(what, next_step="try again")
    return ProviderRefused(f"{what} (SQLSTATE {refusal.sqlstate})")
