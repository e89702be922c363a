"""What every service of a deployment declares, and what the WebSocket server adds to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote, urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator

from glisecrets.environment import Environment
from glisecrets.placeholders import BUILD_MARK
from glisecrets.redaction import before_send
from glisecrets.settings import Settings

from .logs import logging_config
from .rules import origins_are_named, refuse

if TYPE_CHECKING:
    from glisecrets.ladder import CredentialLadder
    from glisecrets.origins import Origin

__all__ = ["ServiceSettings", "WebSocketSettings"]

Port = Annotated[int, Field(ge=1, le=65_535)]


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


class ServiceSettings(Settings):
    """The common block of a service, Redis and monitoring (GLI guide, section 6.4).

    Every field is optional, and none names a reference: those are a project's own. A subclass
    gives them, in a line each::

        redis_url: SecretStr | None = secret("gli/redis/{environment}#url", None)
    """

    #: The environment that was loaded, whatever a file says.
    django_env: Environment = Environment.PRODUCTION
    port: Port = 8000
    log_level: Annotated[
        Literal["debug", "info", "warn", "warning", "error", "critical"], BeforeValidator(_lower)
    ] = "info"
    log_format: Annotated[Literal["json", "text"], BeforeValidator(_lower)] = "json"

    redis_url: SecretStr | None = None
    redis_host: str | None = None
    redis_port: Port = 6379
    redis_password: SecretStr | None = None
    #: Whether REDIS_HOST is spoken to by TLS, as ElastiCache asks where it asks for a password.
    redis_tls: bool = False

    sentry_dsn: SecretStr | None = None

    @field_validator("django_env", mode="before")
    @classmethod
    def _environment_that_is_loaded(cls, value: Any, info: ValidationInfo) -> Any:
        return (info.context or {}).get("environment", value)

    @field_validator("redis_url")
    @classmethod
    def _redis_url_is_one(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _is_redis_url(value.get_secret_value()):
            refuse("redis_url", "not a redis:// or rediss:// URL; write special characters as %XX")
        return value

    def logging(self) -> dict[str, Any]:
        """Give ``LOGGING``: see :func:`~glisecrets.django_integration.logs.logging_config`."""
        level = "WARNING" if self.log_level == "warn" else self.log_level.upper()
        return logging_config(level, self.log_format)

    def sentry(self, **options: Any) -> dict[str, Any]:
        """Give the arguments of ``sentry_sdk.init``; without SENTRY_DSN, Sentry stays off.

        Args:
            **options: any more of them; each overrides ours.
        """
        dsn = self.sentry_dsn.get_secret_value() if self.sentry_dsn else None
        return {
            "dsn": dsn,
            "environment": str(self.environment_loaded),
            "send_default_pii": False,
            "before_send": before_send,
            "before_send_transaction": before_send,
            **options,
        }

    def redis_location(self, database: int = 0) -> str | None:
        """Give the URL of Redis, with its password; ``None`` where no field names one.

        Of REDIS_URL and REDIS_HOST the one from the stronger layer counts, REDIS_URL at a tie.

        Args:
            database: the database's number, where REDIS_URL does not say.
        """
        named = self.strongest("redis_url", "redis_host")
        if named == "redis_url" and self.redis_url:
            return self.redis_url.get_secret_value()
        if named is None:
            return None
        password = self.redis_password.get_secret_value() if self.redis_password else ""
        login = f":{quote(password, safe='')}@" if password else ""
        scheme = "rediss" if self.redis_tls else "redis"
        return f"{scheme}://{login}{self.redis_host}:{self.redis_port}/{database}"

    def redis_ladder(self) -> CredentialLadder | None:
        """Give the ladder of Redis' credentials; ``None`` where no store gave them.

        ``redis_connect_func=rotating_redis(ladder)`` has redis-py's connections follow it.
        """
        url = self.strongest("redis_url", "redis_host") == "redis_url"
        name = "redis_url" if url else "redis_password"
        value: SecretStr | None = getattr(self, name)
        return self.ladder(name, value.get_secret_value(), "redis") if value else None

    def ladder(
        self, name: str, value: str, service: str = "db", *, deadline: float = 10.0
    ) -> CredentialLadder | None:
        """Give the ladder of a field; ``None`` where no store gave its value.

        Args:
            name: the field's.
            value: what the ladder begins with: JSON, a URL, or a password.
            service: the first word of the log events.
            deadline: seconds after which a connection gives up.
        """
        from .ladders import ladder_of

        resolution = self._loaded.resolution
        return ladder_of(resolution, name, value, service=service, deadline=deadline)

    def strongest(self, *names: str) -> str | None:
        """Give, of fields that say the same in different ways, the one that counts.

        It is the one whose value came from the strongest layer, and of those the first; ``None``
        where none has a value.
        """
        given = [name for name in names if getattr(self, name) is not None]
        return max(given, key=lambda name: self._strength(self.origin(name)), default=None)

    def _strength(self, origin: Origin) -> int:
        layers = ["build", *self.load_options.layers, "arguments"]
        layer = "process" if origin.layer == "github" else origin.layer
        return layers.index(layer)


class WebSocketSettings(ServiceSettings):
    """A Socket.IO server beside the API; ``redis_location()`` is its adapter's (section 6.4)."""

    socket_io_port: Port = 8080
    socket_io_path: str = "/socket.io"
    socket_io_cors_origins: list[str] = Field(default_factory=list)

    _origins_are_named = field_validator("socket_io_cors_origins")(origins_are_named)


def _is_redis_url(text: str) -> bool:
    if BUILD_MARK in text:
        return True
    try:
        parts = urlsplit(text)
        return parts.scheme in {"redis", "rediss"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
