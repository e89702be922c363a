"""What a service gets from ``DjangoSettings``: its fields, its rules, and Django's settings."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from redis import ConnectionPool

from glisecrets import LAYERS_INJECTED, LoadOptions, SettingsError, secret
from glisecrets.django_integration import (
    DatabaseCredentials,
    DjangoSettings,
    ServiceSettings,
    WebSocketSettings,
)
from glisecrets.stores.local import LocalStore

if TYPE_CHECKING:
    from pathlib import Path

DATABASE = {"engine": "postgres", "username": "api", "host": "db.internal", "port": 5432}


class ApiSettings(DjangoSettings):
    """As a project writes it."""

    secret_key: SecretStr = secret("gli/django/{environment}#secret_key")
    database: DatabaseCredentials | None = secret("gli/db/{environment}", None)


class InjectedSettings(ApiSettings):
    """On a platform that injects the secrets."""

    load_options = LoadOptions(layers=LAYERS_INJECTED)


def fit(**more: str) -> dict[str, str]:
    """Give the variables of a service that is fit for production."""
    key = secrets.token_urlsafe(50)
    url = f"postgres://api:{secrets.token_urlsafe()}@db.internal/gli"
    return {"SECRET_KEY": key, "ALLOWED_HOSTS": "api.example.com", "DATABASE_URL": url, **more}


def load(cls: Any, folder: Path, environ: dict[str, str], store: Any = "off") -> Any:
    """Load from these variables alone."""
    return cls.load(directory=folder, environ=environ, store=store)


def rules_broken(folder: Path, environ: dict[str, str]) -> dict[str, str]:
    """Give the faults of a load, by field."""
    with pytest.raises(SettingsError) as caught:
        load(ApiSettings, folder, environ)
    shown = str(caught.value) + caught.value.json()
    hidden = [environ.get(name, "") for name in ("SECRET_KEY", "DATABASE_URL", "REDIS_URL")]
    assert [value for value in hidden if value and value in shown] == []
    return {fault.field: fault.kind for fault in caught.value.faults}


# Rules --------------------------------------------------------------------------------------


@pytest.mark.parametrize("environment", ["production", "staging", ""])
def test_every_broken_rule_is_told_at_once(tmp_path: Path, environment: str) -> None:
    """One deployment attempt shows all that is wrong; an unset DJANGO_ENV is production."""
    bad = {
        "DJANGO_ENV": environment,
        "SECRET_KEY": f"django-insecure-{secrets.token_urlsafe(50)}",
        "DEBUG": "true",
        "ALLOWED_HOSTS": "api.example.com, *",
        "CORS_ALLOWED_ORIGINS": "*",
        "DATABASE_URL": f"nonsense-{secrets.token_hex()}",
    }
    broken = rules_broken(tmp_path, bad)
    names = ["secret_key", "debug", "allowed_hosts", "database_url", "cors_allowed_origins"]
    assert broken == dict.fromkeys(names, "rule")


def test_development_is_exempt(tmp_path: Path) -> None:
    """A laptop may run with DEBUG, any host and a short key."""
    loose = {"DJANGO_ENV": "development", "SECRET_KEY": secrets.token_hex(4), "DEBUG": "1"}
    more = {"ALLOWED_HOSTS": "*", "CORS_ALLOWED_ORIGINS": "*", "DATABASE_URL": "sqlite:///db"}
    settings = load(ApiSettings, tmp_path, loose | more)
    assert settings.django()["DEBUG"] is True
    assert settings.cors() == {"CORS_ALLOW_ALL_ORIGINS": True}
    assert settings.security() == {}


def test_a_weak_secret_key_is_refused(tmp_path: Path) -> None:
    """Sessions and tokens are signed with it: 49 characters, or all the same, will not do."""
    for key in (secrets.token_hex(25)[:49], "a" * 60):
        assert rules_broken(tmp_path, fit(SECRET_KEY=key)) == {"secret_key": "rule"}
    assert load(ApiSettings, tmp_path, fit(SECRET_KEY=secrets.token_hex(25)))


def test_no_hosts_are_refused(tmp_path: Path) -> None:
    """An API that answers to no host fails its first request; it is told at the start instead."""
    assert rules_broken(tmp_path, fit(ALLOWED_HOSTS="")) == {"allowed_hosts": "rule"}


def test_a_service_that_declares_a_database_needs_one(tmp_path: Path) -> None:
    """Without secret and DATABASE_URL Django would start, and fail at the first query."""
    environ = fit()
    del environ["DATABASE_URL"]
    assert rules_broken(tmp_path, environ) == {"database": "rule"}


@pytest.mark.parametrize(
    "url",
    [
        "postgres://api:{}/x@db.internal/gli",
        "postgres://api:12/{}@db.internal:5432/gli",
        "postgres://api:{}?x@db.internal/gli",
        "oracel://api:{}@db.internal/gli",
        '{{"username": "api", "password": "{}"}}',
    ],
)
def test_an_unreadable_database_url_is_refused_without_a_word_of_it(
    tmp_path: Path, url: str
) -> None:
    """An unquoted '/' in a password would connect to a host named after its first half."""
    broken = rules_broken(tmp_path, fit(DATABASE_URL=url.format(secrets.token_hex())))
    assert broken == {"database_url": "rule"}


@pytest.mark.parametrize("environment", ["prod", "staging", "development"])
def test_the_environment_is_the_one_that_is_loaded(tmp_path: Path, environment: str) -> None:
    """DJANGO_ENV in settings.py is the name that layers and references are chosen by."""
    settings = load(ApiSettings, tmp_path, fit(DJANGO_ENV=environment))
    assert settings.django()["DJANGO_ENV"] == settings.django_env == settings.environment_loaded


# Databases ----------------------------------------------------------------------------------

passwords = st.text(
    st.characters(exclude_categories=["C"], exclude_characters="\0"), min_size=1, max_size=30
).filter(lambda text: text.strip() == text)


@given(password=passwords)
def test_any_password_reaches_django_unchanged(
    tmp_path_factory: pytest.TempPathFactory, password: str
) -> None:
    """From a URL with %XX, and from JSON: what the database expects is what Django sends."""
    folder = tmp_path_factory.getbasetemp()
    environ = fit(DATABASE_URL=f"postgres://api:{quote(password, safe='')}@db.internal/gli")
    assert load(ApiSettings, folder, environ).databases()["default"]["PASSWORD"] == password
    environ = fit(DATABASE_URL=json.dumps({**DATABASE, "password": password, "dbname": "gli"}))
    assert load(ApiSettings, folder, environ).databases()["default"]["PASSWORD"] == password


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """A store with production's two secrets, the database's with all that RDS writes."""
    store = LocalStore(tmp_path / "store")
    rds = {"dbInstanceIdentifier": "gli-db", "masterarn": "arn:aws:…", "dbname": "gli"}
    value = {**DATABASE, "password": secrets.token_urlsafe(), **rds}
    store.create("gli/db/production", json.dumps(value))
    store.create("gli/django/production", json.dumps({"secret_key": secrets.token_urlsafe(50)}))
    return store


def test_the_json_of_rds_becomes_a_database(tmp_path: Path, store: LocalStore) -> None:
    """The secret of section 5.2.7 is all that a service needs, keys of other tools or not."""
    settings = load(ApiSettings, tmp_path, {"ALLOWED_HOSTS": "api.example.com"}, store)
    entry = settings.databases()["default"]
    assert entry["PASSWORD"] == settings.database.password.get_secret_value()
    ladder = entry.pop("OPTIONS")["credentials"]
    assert str(ladder.reference) == "gli/db/production"
    assert entry | {"PASSWORD": ""} == {
        "ENGINE": "glisecrets.django_integration.backends.postgresql",
        "NAME": "gli",
        "USER": "api",
        "PASSWORD": "",
        "HOST": "db.internal",
        "PORT": 5432,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


@pytest.mark.parametrize(
    ("cls", "host"), [(ApiSettings, "db.internal"), (InjectedSettings, "injected.internal")]
)
def test_the_database_of_the_stronger_layer_counts(
    tmp_path: Path, store: LocalStore, cls: type[ApiSettings], host: str
) -> None:
    """DATABASE_URL and the secret say the same thing: the order of the layers decides."""
    environ = fit(DATABASE_URL=f"postgres://api:{secrets.token_hex()}@injected.internal/gli")
    assert load(cls, tmp_path, environ, store).databases()["default"]["HOST"] == host


def test_of_the_same_layer_the_json_counts(tmp_path: Path) -> None:
    """The secret is what is rotated; a DATABASE_URL beside it may be of yesterday."""
    value = {**DATABASE, "password": secrets.token_urlsafe(), "dbname": "gli"}
    settings = load(ApiSettings, tmp_path, fit(DATABASE=json.dumps(value)))
    assert settings.databases()["default"]["PASSWORD"] == value["password"]


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        ("aurora-postgresql", "django.db.backends.postgresql"),
        ("mariadb", "django.db.backends.mysql"),
        ("my.own.backend", "my.own.backend"),
    ],
)
def test_the_engines_of_rds_have_their_backends(tmp_path: Path, engine: str, expected: str) -> None:
    """What RDS calls an engine is not what Django calls it."""
    value = {**DATABASE, "engine": engine, "password": secrets.token_hex(), "dbname": "gli"}
    settings = load(ApiSettings, tmp_path, fit(DATABASE_URL=json.dumps(value)))
    assert settings.databases()["default"]["ENGINE"] == expected


def test_a_pool_gives_up_persistent_connections(tmp_path: Path) -> None:
    """Django refuses both at once; options of the URL and of the caller stay."""
    url = "postgres://api:{}@db.internal/gli?sslmode=require&conn_max_age=5"
    settings = load(ApiSettings, tmp_path, fit(DATABASE_URL=url.format(secrets.token_hex())))
    entry = settings.databases(pool={"max_size": 4}, OPTIONS={"connect_timeout": 3})["default"]
    options = {"sslmode": "require", "connect_timeout": 3, "pool": {"max_size": 4}}
    assert (entry["CONN_MAX_AGE"], entry["OPTIONS"]) == (0, options)
    assert settings.databases()["default"]["CONN_MAX_AGE"] == 5
    assert settings.databases(CONN_MAX_AGE=7)["default"]["CONN_MAX_AGE"] == 7


# The rest of the catalogue ------------------------------------------------------------------


@given(password=passwords)
def test_any_redis_password_arrives(
    tmp_path_factory: pytest.TempPathFactory, password: str
) -> None:
    """REDIS_PASSWORD is taken as it is: redis-py, asked what it reads, gives it back."""
    environ = fit(REDIS_HOST="cache.internal", REDIS_PASSWORD=password, REDIS_TLS="true")
    settings = load(ApiSettings, tmp_path_factory.getbasetemp(), environ)
    location = settings.caches(KEY_PREFIX="gli")["default"]["LOCATION"]
    read = ConnectionPool.from_url(location).connection_kwargs
    assert (read["host"], read["port"], read["password"]) == ("cache.internal", 6379, password)
    assert location.startswith("rediss://")


def test_without_redis_django_caches_as_it_does_by_default(tmp_path: Path) -> None:
    """A small service needs no Redis, no bucket, no mail: what it has not is not set."""
    django = load(ApiSettings, tmp_path, fit()).django()
    unset = {"CACHES", "EMAIL_BACKEND", "MAILERS", "FRONTEND_BASE_URL", "JWT_PRIVATE_KEY"}
    assert unset.isdisjoint(django)
    assert "FileSystemStorage" in django["STORAGES"]["default"]["BACKEND"]


def test_a_redis_url_that_is_none_is_refused(tmp_path: Path) -> None:
    """Told at the start, not by the first request that needs the cache."""
    broken = rules_broken(tmp_path, fit(REDIS_URL=f"http://{secrets.token_hex()}"))
    assert broken == {"redis_url": "rule"}


def test_the_guides_catalogue_fills_the_packages_settings(tmp_path: Path) -> None:
    """The variables of section 6.4, as they stand there, are all that settings.py needs."""
    key = f"SG.{secrets.token_urlsafe(16)}"
    environ = fit(
        CORS_ALLOWED_ORIGINS="https://glibiz.com,https://admin.glibiz.com",
        FRONTEND_BASE_URL="https://glibiz.com",
        AWS_STORAGE_BUCKET_NAME="gli-platform-media-prod",
        SENDGRID_API_KEY=key,
        SENTRY_DSN="https://abcdef123456@sentry.io/1",
        PORT="8000",
        LOG_LEVEL="warn",
        LOG_FORMAT="text",
    )
    settings = load(ApiSettings, tmp_path, environ)
    django = settings.django()
    assert django["CORS_ALLOWED_ORIGINS"] == ["https://glibiz.com", "https://admin.glibiz.com"]
    assert django["STORAGES"]["default"]["OPTIONS"] == {
        "bucket_name": "gli-platform-media-prod",
        "region_name": "ap-northeast-2",
    }
    mail = django.get("MAILERS", {"default": {"OPTIONS": {}}})["default"]["OPTIONS"]
    assert mail.get("password", django.get("EMAIL_HOST_PASSWORD")) == key
    assert mail.get("username", django.get("EMAIL_HOST_USER")) == "apikey"
    assert django["LOGGING"]["root"]["level"] == "WARNING"
    assert settings.sentry(release="1")["dsn"] == "https://abcdef123456@sentry.io/1"


def test_behind_a_load_balancer_https_is_kept(tmp_path: Path) -> None:
    """Cookies travel by TLS only, browsers are told to stay, and the health check still works."""
    flags = load(ApiSettings, tmp_path, fit()).django()
    assert flags["SESSION_COOKIE_SECURE"] is flags["CSRF_COOKIE_SECURE"] is True
    assert flags["SECURE_PROXY_SSL_HEADER"] == ("HTTP_X_FORWARDED_PROTO", "https")
    assert flags["SECURE_HSTS_SECONDS"] >= 31_536_000
    staging = load(ApiSettings, tmp_path, fit(DJANGO_ENV="staging")).security()
    assert 0 < staging["SECURE_HSTS_SECONDS"] < 86_400


def test_the_websocket_server_needs_nothing_of_django(tmp_path: Path) -> None:
    """It shares the common block and Redis with the API, and its own rule for origins."""
    password = secrets.token_urlsafe()
    environ = {
        "SOCKET_IO_CORS_ORIGINS": "https://glibiz.com",
        "REDIS_HOST": "cache.internal",
        "REDIS_PASSWORD": password,
    }
    settings = load(WebSocketSettings, tmp_path, environ)
    assert settings.socket_io_port == 8080
    assert unquote(settings.redis_location(2)) == f"redis://:{password}@cache.internal:6379/2"
    with pytest.raises(SettingsError, match="socket_io_cors_origins"):
        load(WebSocketSettings, tmp_path, {"SOCKET_IO_CORS_ORIGINS": "*"})


def test_the_settings_object_shows_no_secret(tmp_path: Path) -> None:
    """It stands among Django's settings, so any page, log or shell may print it."""
    environ = fit(REDIS_PASSWORD=secrets.token_urlsafe(), SENDGRID_API_KEY=secrets.token_urlsafe())
    shown = repr(load(ApiSettings, tmp_path, environ).django()["GLISECRETS"])
    hidden = ["SECRET_KEY", "DATABASE_URL", "REDIS_PASSWORD", "SENDGRID_API_KEY"]
    assert [name for name in hidden if environ[name] in shown] == []


def test_credentials_are_masked_whatever_way_they_came(tmp_path: Path) -> None:
    """A class that names no reference may still be given JSON credentials by the platform."""
    from glisecrets import process_redactor

    password = secrets.token_urlsafe()
    value = json.dumps({**DATABASE, "password": password, "dbname": "gli"})
    load(DjangoSettings, tmp_path, fit(DATABASE=value))
    assert password not in process_redactor().redact(f"refused: {password}")


@pytest.mark.parametrize("cls", [ServiceSettings, WebSocketSettings])
def test_a_service_starts_with_nothing_set(tmp_path: Path, cls: type[ServiceSettings]) -> None:
    """Everything in the common block has a default."""
    assert load(cls, tmp_path, {}).port == 8000
