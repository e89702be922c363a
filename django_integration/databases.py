"""``DATABASES`` from a URL or from the JSON that Secrets Manager keeps for RDS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import environ  # type: ignore[import-untyped]
from pydantic import BaseModel, ConfigDict, SecretStr, field_validator

from glisecrets.placeholders import BUILD_MARK
from glisecrets.redaction.process import remember

from .rules import refuse

if TYPE_CHECKING:
    from glisecrets.ladder import CredentialLadder

__all__ = [
    "DatabaseCredentials",
    "build_entry",
    "entry_of_credentials",
    "entry_of_url",
    "following",
    "is_readable",
    "with_options",
]

#: What RDS calls its engines, beside the schemes that django-environ knows.
_RDS_ENGINES = {
    "aurora": "mysql",
    "aurora-mysql": "mysql",
    "aurora-postgresql": "postgres",
    "mariadb": "mysql",
    "sqlserver": "mssql",
}

#: What an entry has unless the URL or the caller says otherwise. A connection is kept for a
#: minute and checked before use: it may have been cut by a failover or a rotation.
_DEFAULTS = {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}


_POSTGRESQL = "django.db.backends.postgresql"
_FOLLOWING = "glisecrets.django_integration.backends.postgresql"


class DatabaseCredentials(BaseModel):
    """The JSON of a database secret, as RDS and its rotation functions write it.

    Other keys (``dbInstanceIdentifier``, ``masterarn``) are accepted and left out. Source: GLI
    guide, section 5.2.7; AWS, "JSON structure of Secrets Manager secrets".
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    username: str
    password: SecretStr
    engine: str = "postgres"
    host: str
    port: int | None = None
    dbname: str

    @field_validator("engine")
    @classmethod
    def _engine_is_known(cls, value: str) -> str:
        if _django_engine(value) is None:
            refuse("engine", "not an engine that Django or RDS has a name for")
        return value

    def login(self) -> str:
        """Give user and password as JSON, for the ladder to begin with."""
        return json.dumps({"username": self.username, "password": self.password.get_secret_value()})

    def model_post_init(self, _context: Any, /) -> None:
        """Have the password masked, whatever way the credentials came."""
        remember(self.password.get_secret_value(), name="database.password")


def _django_engine(name: str) -> str | None:
    if "." in name:
        return name
    found: str | None = environ.Env.DB_SCHEMES.get(_RDS_ENGINES.get(name, name))
    return found


def entry_of_credentials(credentials: DatabaseCredentials) -> dict[str, Any]:
    """Give the ``DATABASES`` entry of the JSON credentials."""
    return {
        "ENGINE": _django_engine(credentials.engine),
        "NAME": credentials.dbname,
        "USER": credentials.username,
        "PASSWORD": credentials.password.get_secret_value(),
        "HOST": credentials.host,
        "PORT": credentials.port or "",
    }


def entry_of_url(url: str) -> dict[str, Any]:
    """Give the ``DATABASES`` entry of a URL, by django-environ.

    The JSON credentials are taken too: an ECS task definition whose ``valueFrom`` names the whole
    secret puts them into DATABASE_URL (GLI guide, section 5.2.1).

    Raises:
        ValueError: not a URL of a known engine. The error may show the URL: see
            :func:`is_readable`.
    """
    if url.lstrip().startswith("{"):
        return entry_of_credentials(DatabaseCredentials.model_validate_json(url))
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in environ.Env.DB_SCHEMES:
        raise ValueError("unknown engine")
    # An unquoted '/' or '?' in the password ends the host part too early, and what django-environ
    # then reads is another host.
    host_part = rest.replace("?", "/").partition("/")[0]
    if "@" in rest and "@" not in host_part and "#" not in host_part:
        raise ValueError("special characters in the password")
    entry: dict[str, Any] = environ.Env.db_url_config(url)
    return entry


def is_readable(url: str) -> bool:
    """Tell whether :func:`entry_of_url` reads it, without an error that could show it."""
    try:
        entry_of_url(url)
    except Exception:  # noqa: BLE001 - whatever urllib, django-environ or pydantic raise
        return False
    return True


def build_entry() -> dict[str, Any]:
    """Give an entry for the build phase: Django can load it, and nothing can connect with it."""
    user = {"USER": BUILD_MARK, "PASSWORD": BUILD_MARK, "PORT": ""}
    host = {"HOST": f"{BUILD_MARK}.invalid", "NAME": BUILD_MARK}
    return {"ENGINE": environ.Env.DB_SCHEMES["postgres"], **user, **host}


def with_options(
    entry: dict[str, Any], pool: bool | dict[str, Any], overrides: dict[str, Any]
) -> dict[str, Any]:
    """Complete an entry: defaults below it, the caller's choices above.

    Args:
        entry: from a URL or credentials.
        pool: psycopg's pool: ``True``, or the arguments of ``psycopg_pool.ConnectionPool``.
        overrides: by Django's names; ``OPTIONS`` is merged.
    """
    options = {**entry.get("OPTIONS", {}), **overrides.get("OPTIONS", {})}
    completed = {**_DEFAULTS, **entry, **overrides}
    if pool:
        options["pool"] = pool
        completed["CONN_MAX_AGE"] = 0  # Django refuses to pool persistent connections
    return {**completed, "OPTIONS": options} if options else completed


def following(entry: dict[str, Any], ladder: CredentialLadder | None) -> dict[str, Any]:
    """Give an entry whose connections survive a rotation; another engine's stays as it is."""
    if ladder is None or entry["ENGINE"] != _POSTGRESQL:
        return entry
    options = {"credentials": ladder, **entry.get("OPTIONS", {})}
    return {**entry, "ENGINE": _FOLLOWING, "OPTIONS": options}
