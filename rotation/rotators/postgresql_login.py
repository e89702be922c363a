"""How a secret logs in to PostgreSQL: the JSON that AWS gives its database secrets.

``username``, ``password``, ``host`` and, if need be, ``port`` (5432), ``dbname`` (``postgres``),
``engine``, ``sslmode`` and ``sslrootcert``; other keys are kept and not read. Pure: nothing here
connects, nor imports psycopg.

Source: "JSON structure of Secrets Manager secrets", AWS Secrets Manager user guide.
"""

from __future__ import annotations

import json
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from glisecrets.documents import UnreadableValue, parse_object

from ..errors import NotRotatable
from ..rotator import ADMIN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glisecrets.stores.base import SecretValue

    from ..rotator import Rotation

#: Random bytes in a password.
_PASSWORD_BYTES = 32

_NEEDED = ("username", "password", "host")
_DEFAULTS = {"port": "5432", "dbname": "postgres"}
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

#: Endpoints of RDS through which no password can be changed, or none proved right at once: a
#: reader does not write, and a proxy lets only the current version in.
_NOT_THE_WRITER = re.compile(r"\.(cluster-ro|proxy)-[^.]+\.[^.]+\.rds\.amazonaws\.com")


@dataclass(frozen=True, slots=True)
class Login:
    """One role's credentials and where they are for; its ``repr`` shows no password."""

    username: str
    password: str = field(repr=False)
    host: str
    port: str
    dbname: str
    #: As the secret says; else ``require``, and ``prefer`` where traffic stays on the machine.
    sslmode: str
    sslrootcert: str | None = None

    @property
    def place(self) -> str:
        """Host and port, for messages."""
        return f"{self.host}:{self.port}"


def new_password() -> str:
    """Make a password of 43 characters that need no quoting anywhere: letters, digits, - and _."""
    return secrets.token_urlsafe(_PASSWORD_BYTES)


def propose_login(rotation: Rotation, username: str | None = None) -> str:
    """Give the current value with a new password, and another role's name if one is given.

    Raises:
        NotRotatable: the current value is no login, or its host is not where passwords change.
    """
    login = parse_login(rotation.current, rotation.secret)
    if _NOT_THE_WRITER.search(login.host.lower()):
        raise reader_refused(login)
    new = {"username": username or login.username, "password": new_password()}
    return json.dumps(parse_object(rotation.current) | new, ensure_ascii=False)


def parse_login(value: SecretValue | None, secret: str) -> Login:
    """Read the login in a secret's value.

    Raises:
        NotRotatable: no JSON object, keys missing or not usable, or another database's.
    """
    return _login(_texts(value, secret), secret)


def parse_logins(rotation: Rotation) -> tuple[Login, list[Login]]:
    """Give the new login, and the older ones of its role, newest first, for the new one's server.

    Of an older value the password alone counts: a server that the database has left must not be
    changed. A value that does not parse, or is another role's, is of no use.

    Raises:
        NotRotatable: the new value is no login.
    """
    new = parse_login(rotation.pending, rotation.secret)
    older = []
    for value in (rotation.current, rotation.previous):
        with suppress(NotRotatable):
            old = parse_login(value, rotation.secret)
            if old.username == new.username:
                older.append(replace(new, password=old.password))
    return new, older


def parse_administrator(rotation: Rotation, login: Login) -> Login:
    """Read the login of the administrator whom the option ``admin`` names, for a login's database.

    The administrator's secret need not say where the server is; its TLS settings count if it has
    any.

    Raises:
        NotRotatable: there is no such option, or its secret is for another server.
        StoreError: the administrator's secret cannot be read.
    """
    name = rotation.options.get(ADMIN)
    if not name:
        raise rotation.unusable(
            f"no administrator is named who may change role {login.username!r}",
            f"put the name of an administrator's secret in the tag glisecrets:{ADMIN}",
        )
    said = _texts(rotation.read(name), name)
    where = {"host": login.host, "port": login.port, "dbname": login.dbname}
    for key in ("host", "port"):
        if said.get(key, where[key]).lower() != where[key].lower():
            raise NotRotatable(
                f"{name}, the administrator's secret of {rotation.secret}, is for {key}"
                f" {said[key]!r}, not {where[key]!r}",
                next_step="name the administrator of the same server, by the same host name",
            )
    tls = {"sslmode": login.sslmode, "sslrootcert": login.sslrootcert or ""}
    return _login(tls | said | where, name)


def reader_refused(login: Login) -> NotRotatable:
    """Give the error for a host that does not write."""
    return NotRotatable(
        f"{login.place} is a reader, a standby or a proxy: passwords change at the writer only",
        next_step="put the writer's endpoint (in Aurora NAME.cluster-…, not cluster-ro-) in the"
        " secret's key host",
    )


def _texts(value: SecretValue | None, secret: str) -> dict[str, str]:
    """Give the keys of a JSON value as text: a port may be a number."""
    try:
        document = parse_object(value or "")
    except UnreadableValue as error:
        said = error.message
    else:
        return {key: str(text) for key, text in document.items() if _is_text(text)}
    raise NotRotatable(
        f"{secret} {said}",
        next_step='store {"username": …, "password": …, "host": …, "port": …, "dbname": …}',
    )


def _is_text(text: Any) -> bool:
    return bool(text) and isinstance(text, str | int) and not isinstance(text, bool)


def _login(said: Mapping[str, str], secret: str) -> Login:
    missing = [key for key in _NEEDED if key not in said]
    if missing:
        raise NotRotatable(
            f"{secret}: the JSON has no {', '.join(missing)}",
            next_step="add what is missing (a text that is not empty)",
        )
    sslmode = said.get("sslmode", "prefer" if _is_here(said["host"]) else "require")
    login = Login(
        **{key: said[key] for key in _NEEDED},
        **{key: said.get(key, default) for key, default in _DEFAULTS.items()},
        sslmode=sslmode,
        sslrootcert=said.get("sslrootcert"),
    )
    _check(login, said.get("engine", "postgres"), secret)
    return login


def _check(login: Login, engine: str, secret: str) -> None:
    """Refuse what libpq would refuse too, in words that may repeat it."""
    wrong = {
        "engine": "postgres" not in engine.lower(),
        "port": not login.port.isdecimal(),
        "sslmode": login.sslmode not in _SSL_MODES,
        "username": not login.username.isprintable(),
        "password": not login.password.isprintable(),
        "host": not login.host.isprintable(),
        "dbname": not login.dbname.isprintable(),
    }
    if any(wrong.values()):
        keys = ", ".join(key for key, is_wrong in wrong.items() if is_wrong)
        raise NotRotatable(
            f"{secret}: PostgreSQL cannot use what the JSON has for {keys}",
            next_step=f"sslmode is one of {', '.join(_SSL_MODES)}; engine is postgres",
        )


def _is_here(host: str) -> bool:
    """Tell whether a host is this machine: a socket's folder, or a loopback address."""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host.startswith(("/", "@")) or host == "localhost"
