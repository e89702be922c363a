"""``DjangoSettings``: a Django API's settings, typed, and what Django makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from glisecrets.declaration import declaration_of
from glisecrets.environment import Environment
from glisecrets.pem import PemKey, SecretPemKey  # noqa: TC001 - pydantic reads them
from glisecrets.placeholders import BUILD_MARK

from . import rules
from .databases import (
    DatabaseCredentials,
    build_entry,
    entry_of_credentials,
    entry_of_url,
    following,
    is_readable,
    with_options,
)
from .deployment import cache_of_url, email_settings, following_cache, https_settings, s3_storages
from .logs import with_django
from .secret_keys import key_settings
from .service import ServiceSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glisecrets.ladder import CredentialLadder

__all__ = ["DjangoSettings"]

_REPORTS = "glisecrets.django_integration.error_reports"


class DjangoSettings(ServiceSettings):
    """The settings of a Django API: all of section 6.4 of the GLI guide.

    ::

        class ApiSettings(DjangoSettings):
            secret_key: SecretStr = secret("gli/django/{environment}#secret_key")
            database: DatabaseCredentials | None = secret("gli/db/{environment}", None)

        settings = ApiSettings.load()
        globals().update(settings.django())

    Only SECRET_KEY is required everywhere; a service declares what it uses. References are a
    project's own, so none is named here. A subclass that gives a field a reference keeps the
    field's rules. Outside development DEBUG must be off, ALLOWED_HOSTS named, SECRET_KEY strong
    and CORS closed; each rule that is broken is a fault of the same
    :class:`~glisecrets.errors.SettingsError`.
    """

    secret_key: SecretStr
    debug: bool = False
    allowed_hosts: list[str] = Field(default_factory=list)

    database_url: SecretStr | None = None
    database: DatabaseCredentials | None = None

    cors_allowed_origins: list[str] = Field(default_factory=list)
    frontend_base_url: Annotated[str, Field(pattern=r"^https?://[^\s/]")] | None = None

    jwt_private_key: SecretPemKey | None = None
    jwt_public_key: PemKey | None = None
    #: In place of both: the keyring that is rotated; see ``docs/jwt.md``.
    jwt_keyring: SecretStr | None = None

    aws_storage_bucket_name: str | None = None
    aws_s3_region_name: str = "ap-northeast-2"

    sendgrid_api_key: SecretStr | None = None

    _secret_key_is_strong = field_validator("secret_key")(rules.secret_key_is_strong)
    _debug_is_off = field_validator("debug")(rules.debug_is_off)
    _hosts_are_named = field_validator("allowed_hosts")(rules.hosts_are_named)
    _origins_are_named = field_validator("cors_allowed_origins")(rules.origins_are_named)
    _jwt_keyring_is_one = field_validator("jwt_keyring")(rules.jwt_keyring_is_one)

    @field_validator("database_url")
    @classmethod
    def _database_url_is_one(cls, value: SecretStr | None) -> SecretStr | None:
        text = value.get_secret_value() if value else ""
        if text and BUILD_MARK not in text and not is_readable(text):
            rules.refuse(
                "database_url",
                "not a database URL that django-environ reads; write special characters of the "
                "password as %XX",
            )
        return value

    @field_validator("database")
    @classmethod
    def _some_database_is_given(
        cls, value: DatabaseCredentials | None, info: ValidationInfo
    ) -> DatabaseCredentials | None:
        """Have a class that declares the secret fail without a database, not serve without one."""
        declared = declaration_of(cls.model_fields["database"]) is not None
        missing = value is None and info.data.get("database_url", "faulty") is None
        if declared and missing and not rules.in_build(info):
            rules.refuse(
                "database",
                "neither the secret nor DATABASE_URL gives a database",
                "put the secret that the field names, or set DATABASE_URL",
            )
        return value

    def django(self) -> dict[str, Any]:
        """Give everything below by its names in ``settings.py``: update ``globals()`` with it.

        ``GLISECRETS`` is this object; the app, its checks and ``manage.py glisecrets`` find it
        there. Its ``repr`` hides what is secret, and Django's error pages hide all of it.
        """
        return {
            "GLISECRETS": self,
            **key_settings(self.secret_key.get_secret_value()),
            "DEBUG": self.debug,
            "ALLOWED_HOSTS": list(self.allowed_hosts),
            "LOGGING": self.logging(),
            "DEFAULT_EXCEPTION_REPORTER": f"{_REPORTS}.RedactingExceptionReporter",
            "DEFAULT_EXCEPTION_REPORTER_FILTER": f"{_REPORTS}.RedactingReporterFilter",
            "STORAGES": self.storages(),
            **_given(DATABASES=self.databases(), CACHES=self.caches()),
            **_given(SIMPLE_JWT=self.simple_jwt()),
            **self.email(),
            **self.cors(),
            **self.security(),
            **self._catalogue(),
        }

    def logging(self) -> dict[str, Any]:
        """Give ``LOGGING``: one masked stream, and masked mail to ADMINS."""
        return with_django(super().logging())

    def databases(
        self,
        *,
        pool: bool | dict[str, Any] = False,
        deadline: float = 10.0,
        **entry: Any,
    ) -> dict[str, Any]:
        """Give ``DATABASES``, empty where no field names a database.

        Of DATABASE_URL and the credentials in ``database``, those from the stronger layer count,
        ``database`` at a tie. In the build phase the host is one that cannot exist. PostgreSQL's
        credentials that come from a store are followed through their rotations, unless the caller
        names an ``ENGINE``.

        Args:
            pool: psycopg's pool: ``True``, or the arguments of ``psycopg_pool.ConnectionPool``.
            deadline: seconds after which a connection gives up that finds no password which is
                accepted; below the time-out of a request.
            **entry: more of the entry, by Django's names: ``CONN_MAX_AGE=0``, ``OPTIONS={…}``.
        """
        found = self._database_entry()
        if not found:
            return {}
        completed = with_options(found, pool, entry)
        if "ENGINE" not in entry:
            completed = following(completed, self._ladder(deadline))
        return {"default": completed}

    def _ladder(self, deadline: float) -> CredentialLadder | None:
        if self.database is None or self.strongest("database", "database_url") != "database":
            return None
        return self.ladder("database", self.database.login(), deadline=deadline)

    def _database_entry(self) -> dict[str, Any]:
        named = self.strongest("database", "database_url")
        if self.build_phase and (named is None or self.origin(named).layer == "build"):
            return build_entry()
        if named == "database" and self.database:
            return entry_of_credentials(self.database)
        return entry_of_url(self.database_url.get_secret_value()) if self.database_url else {}

    def caches(self, **entry: Any) -> dict[str, Any]:
        """Give ``CACHES`` on Redis, empty (Django then caches in memory) where none is named.

        Args:
            **entry: more of the entry, by Django's names: ``KEY_PREFIX="gli"``.
        """
        location = self.redis_location()
        if not location:
            return {}
        cache = following_cache(cache_of_url(location), self.redis_ladder())
        return {"default": {**cache, **entry}}

    def email(self) -> dict[str, Any]:
        """Give the settings of mail by SendGrid's SMTP; in development without a key, to stdout."""
        key = self.sendgrid_api_key
        if key is None and self.environment_loaded is not Environment.DEVELOPMENT:
            return {}
        return email_settings(key.get_secret_value() if key else None)

    def simple_jwt(self, **more: Any) -> dict[str, Any]:
        """Give ``SIMPLE_JWT`` of djangorestframework-simplejwt, empty where no key is named.

        With ``jwt_keyring`` it holds no key: the app installs a token backend that follows the
        keyring (:mod:`~glisecrets.django_integration.simple_jwt`), and without the app nothing is
        signed, rather than by a key that is not rotated.

        Args:
            **more: more of it, by simplejwt's names: ``ISSUER="gli"``; each overrides ours.
        """
        private, public = self.jwt_private_key, self.jwt_public_key
        if self.jwt_keyring:
            keys = {"SIGNING_KEY": "", "VERIFYING_KEY": ""}
        elif public:
            signing = private.get_secret_value() if private else ""
            keys = {"SIGNING_KEY": signing, "VERIFYING_KEY": public}
        else:
            return {}
        return {"ALGORITHM": "RS256", **keys, **more}

    def storages(self) -> dict[str, Any]:
        """Give ``STORAGES``: media files in S3 (django-storages) where a bucket is named."""
        return s3_storages(self.aws_storage_bucket_name, self.aws_s3_region_name)

    def cors(self) -> dict[str, Any]:
        """Give the settings of django-cors-headers."""
        if "*" in self.cors_allowed_origins:
            return {"CORS_ALLOW_ALL_ORIGINS": True}
        return {"CORS_ALLOWED_ORIGINS": list(self.cors_allowed_origins)}

    def security(self) -> dict[str, Any]:
        """Give the settings for HTTPS behind a load balancer; none in development."""
        return https_settings(self.environment_loaded)

    def _catalogue(self) -> Mapping[str, Any]:
        private = self.jwt_private_key
        return _given(
            DJANGO_ENV=str(self.environment_loaded),
            FRONTEND_BASE_URL=self.frontend_base_url,
            JWT_PRIVATE_KEY=private.get_secret_value() if private else None,
            JWT_PUBLIC_KEY=self.jwt_public_key,
        )


def _given(**settings: Any) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value}
