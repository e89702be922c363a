"""Where a Redis or Valkey server is and who logs in, as a secret says it; and how it is asked.

The secret is a JSON object: ``host``, ``port`` (6379), ``username`` (``default``), ``password``,
``tls`` (or ``ssl``), ``ssl_ca_certs``. Where it has a ``url`` (``rediss://user:password@host``),
what that says counts, for it is what clients connect with; a new password is written wherever
there was one. TLS is used if either says so, and never dropped.
"""

from __future__ import annotations

import json
import secrets
import string
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from glisecrets.documents import UnreadableValue, parse_object
from glisecrets.errors import MissingExtra

from ..errors import NotRotatable, Unreachable

if TYPE_CHECKING:
    from glisecrets.stores.base import SecretValue

#: Of letters and digits alone, which ElastiCache, URLs and shells all take: 285 random bits.
_ALPHABET: Final = string.ascii_letters + string.digits
_LENGTH: Final = 48
#: Seconds to wait for a connection, and for an answer on it.
_CONNECT_TIMEOUT, _ANSWER_TIMEOUT = 5, 10
#: What else an URL or the object may say of TLS, by the names of redis-py.
_TLS_DETAILS: Final = ("ssl_ca_certs", "ssl_cert_reqs", "ssl_check_hostname")


class Refused(NamedTuple):
    """The server said no to one command. Not for messages: it may repeat what was sent."""

    #: ``NOPERM`` or the like; ``ERR`` of what redis-py has no class for.
    code: str
    said: str


@dataclass(frozen=True, slots=True)
class RedisEndpoint:
    """A server and a login. Its ``repr`` shows no password; its text is the address."""

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    tls: bool
    tls_details: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, value: SecretValue, secret: str) -> Self:
        """Read a secret's value.

        Raises:
            NotRotatable: no JSON object, no host or no password; or its URL is none.
        """
        try:
            return cls._read(parse_object(value))
        except UnreadableValue as error:
            fault = error.message
        raise NotRotatable(
            f"{secret} {fault}",
            next_step='store JSON: {"host": …, "port": …, "username": …, "password": …,'
            ' "tls": true}, or {"url": "rediss://…"}',
        )

    @classmethod
    def of_usable(cls, value: SecretValue | None) -> Self | None:
        """Read a value of a version; give ``None`` for what no client could log in with."""
        try:
            return cls._read(parse_object(value or ""))
        except UnreadableValue:
            return None

    @classmethod
    def _read(cls, document: dict[str, Any]) -> Self:
        found = {**document, **_said_by_url(document.get("url"))}
        missing = [name for name in ("host", "password") if not found.get(name)]
        if missing:
            raise UnreadableValue(f"has no key {missing[0]!r}")
        return cls(
            str(found["host"]),
            _port(found.get("port") or 6379),
            str(found.get("username") or "default"),
            str(found["password"]),
            any(_truth(found.get(name), name) for name in ("tls", "ssl", "url_tls")),
            tuple((name, str(found[name])) for name in _TLS_DETAILS if name in found),
        )

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def with_new_password(value: SecretValue, secret: str) -> str:
    """Give the value with a new random password in it.

    Raises:
        NotRotatable: as :meth:`RedisEndpoint.of`.
    """
    RedisEndpoint.of(value, secret)
    document = parse_object(value)
    new = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    return json.dumps({**document, **_passwords(document, new)}, ensure_ascii=False)


def ask(endpoint: RedisEndpoint, *commands: tuple[str, ...]) -> list[Any] | None:
    """Log in on a new connection and send commands.

    Returns:
        An answer for each command, a :class:`Refused` where the server said no; ``None`` if it
        refused the login.

    Raises:
        Unreachable: there is no connection, or it broke, or the server is loading or full.
    """
    try:
        import redis
    except ImportError:
        raise MissingExtra("rotating a Redis user", "rotation") from None
    connection = _connection(endpoint)
    try:
        connection.connect()
        return [_answer(connection, command) for command in commands]
    except redis.AuthenticationError:
        return None
    except (redis.RedisError, OSError, ValueError) as error:
        fault = type(error.__cause__ or error.__context__ or error).__name__
    finally:
        connection.disconnect()
    tls = " by TLS" if endpoint.tls else ""
    raise Unreachable(
        f"Redis at {endpoint}{tls} gives no answer ({fault})",
        next_step="check the host, port and tls of the secret, route and security group",
    )


def _connection(endpoint: RedisEndpoint) -> Any:
    from redis import connection as kinds
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    kind: Any = kinds.SSLConnection if endpoint.tls else kinds.Connection

    options = {
        "host": endpoint.host,
        "port": endpoint.port,
        "username": endpoint.username,
        "password": endpoint.password,
        "socket_connect_timeout": _CONNECT_TIMEOUT,
        "socket_timeout": _ANSWER_TIMEOUT,
        "protocol": 2,
        "decode_responses": True,
        "retry": Retry(NoBackoff(), 0),
    }
    if not endpoint.tls:
        return kind(**options)
    details: dict[str, Any] = {"ssl_check_hostname": "true", **dict(endpoint.tls_details)}
    details["ssl_check_hostname"] = _truth(details["ssl_check_hostname"], "ssl_check_hostname")
    return kind(**options, **details)


def _answer(connection: Any, command: tuple[str, ...]) -> Any:
    from redis.exceptions import NoPermissionError, ResponseError

    connection.send_command(*command)
    try:
        return connection.read_response()
    except NoPermissionError as error:
        return Refused("NOPERM", str(error))
    except ResponseError as error:
        return Refused("ERR", str(error))


def _said_by_url(url: object) -> dict[str, Any]:
    """Give what a URL says, by the keys of the object.

    Raises:
        UnreadableValue: it is no URL of Redis; the message does not repeat it.
    """
    if url is None:
        return {}
    try:
        parts = urlsplit(str(url))
        port = parts.port
    except ValueError:  # its text may hold the password
        parts, port = urlsplit(""), None
    if parts.scheme not in {"redis", "rediss"}:
        raise UnreadableValue("has a url that is no redis:// or rediss:// URL")
    said = {
        "host": parts.hostname,
        "port": port,
        "username": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        **{name: text for name, text in parse_qsl(parts.query) if name in _TLS_DETAILS},
    }
    return {"url_tls": parts.scheme == "rediss", **{k: v for k, v in said.items() if v}}


def _passwords(document: dict[str, Any], new: str) -> dict[str, str]:
    """Give the keys that hold the password, with the new one."""
    parts = urlsplit(document.get("url") or "")
    if not parts.password:
        return {"password": new}
    place = parts.netloc.rpartition("@")[2]
    url = parts._replace(netloc=f"{parts.username or ''}:{new}@{place}").geturl()
    return {"url": url} | ({"password": new} if "password" in document else {})


def _port(text: object) -> int:
    if str(text).isdecimal():
        return int(str(text))
    raise UnreadableValue("has a port that is no number")


def _truth(found: object, name: str) -> bool:
    """Read a boolean, as JSON or as text: what is unclear about TLS must not switch it off."""
    text = str(found).lower()
    if text in {"true", "1", "yes", "required"}:
        return True
    if text in {"none", "false", "0", "no", ""}:
        return False
    raise UnreadableValue(f"has a {name} that is neither true nor false")
