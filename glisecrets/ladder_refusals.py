"""Which of a driver's errors say that the server does not accept a credential.

Everything else (no such database, too many connections, a server that is down or starting) is the
caller's to see at once: other credentials would not help. No driver is imported to tell.
"""

from __future__ import annotations

#: PostgreSQL's invalid_password and invalid_authorization_specification. psycopg has no SQLSTATE
#: for what fails while connecting (psycopg#1188); asyncpg has, and psycopg may some day.
_SQLSTATES = frozenset({"28P01", "28000"})

#: What PostgreSQL, PgBouncer and RDS Proxy say of a wrong password, an unknown, expired or
#: disabled role; the last two are PostgreSQL's Korean (``lc_messages``).
REFUSALS = (
    "password authentication failed",
    "PAM authentication failed",
    "SASL authentication failed",
    "RDS proxy has no credentials",
    "The password that was provided for the role",
    "not permitted to log in",
    "password 인증을 실패했습니다",
    "롤은 접속을 허용하지 않음",
)


def is_refusal(error: BaseException) -> bool:
    """Tell whether an error of psycopg, asyncpg, redis-py or valkey-py refuses the credential."""
    sqlstate = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    if sqlstate:
        return sqlstate in _SQLSTATES
    # redis-py's and valkey-py's, for WRONGPASS and NOAUTH.
    if any(cls.__name__ == "AuthenticationError" for cls in type(error).__mro__):
        return True
    connection = getattr(error, "pgconn", None)
    # True even for "no such database", and so only half an answer.
    if connection is not None and not connection.used_password:
        return False
    text = str(error)
    return any(words in text for words in REFUSALS)
