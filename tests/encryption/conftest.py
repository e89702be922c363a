"""A project with encrypted fields, in this process: on a database of its own at a real PostgreSQL.

Django is configured once per process, by whichever test comes first; each module of this folder
then installs the project's apps and leaves them again.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from django.test import override_settings

from glisecrets.keys.envelope import LocalWrappingKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from glisecrets.testing.servers import RunningServer

APPS = [
    "glisecrets.django_integration.encryption",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "hospital",
    "registry",
]
_PROJECT = {
    "INSTALLED_APPS": APPS,
    "MIGRATION_MODULES": dict.fromkeys(
        ("hospital", "registry", "admin", "auth", "contenttypes", "sessions")
    ),
    "ROOT_URLCONF": "hospital.urls",
    "MIDDLEWARE": [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    "TEMPLATES": [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
    "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
    "ALLOWED_HOSTS": ["testserver"],
}

#: What the apps themselves wrote and know by heart, and the data keys that ``migrate`` made.
_KEPT = {"django_content_type", "auth_permission", "glisecrets_encryption_datakey"}


@pytest.fixture(scope="session")
def configured() -> None:
    """Set Django up, as the other tests in one process with these do it."""
    if not settings.configured:
        key = secrets.token_urlsafe(50)
        settings.configure(USE_TZ=True, LOGGING_CONFIG=None, SECRET_KEY=key)
        django.setup()


@pytest.fixture(scope="session")
def database(postgres: RunningServer) -> Iterator[dict[str, Any]]:
    """Make a database for this folder's tests alone; give its entry for ``DATABASES``."""
    name = f"hospital_{secrets.token_hex(4)}"
    with psycopg.connect(postgres.url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        login = {"USER": postgres.user, "PASSWORD": postgres.password}
        place = {"HOST": postgres.host, "PORT": postgres.port, "NAME": name}
        yield {"ENGINE": "django.db.backends.postgresql", **login, **place}
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def wrapping_key(tmp_path_factory: pytest.TempPathFactory) -> LocalWrappingKey:
    """Make a wrapping key for the session."""
    return LocalWrappingKey(tmp_path_factory.mktemp("keys"), key=secrets.token_bytes(32))


@pytest.fixture(scope="module")
def project(
    configured: None, database: dict[str, Any], wrapping_key: LocalWrappingKey
) -> Iterator[None]:
    """Install the project's apps on its database, and leave them again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ENV", "development")
        patch.syspath_prepend(str(Path(__file__).parent))
        patch.setattr(
            connections, "settings", connections.configure_settings({"default": database})
        )
        _forget_connection()
        with override_settings(**_PROJECT, GLISECRETS_WRAPPING_KEY=wrapping_key):
            if not _is_migrated():
                call_command("migrate", run_syncdb=True, verbosity=0)
            yield
        _forget_connection()


@pytest.fixture(autouse=True)
def _rows(project: None) -> Iterator[None]:
    """Leave no rows behind but data keys."""
    yield
    connection.close()  # whatever a test did to it
    tables = set(connection.introspection.django_table_names(only_existing=True)) - _KEPT
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")
    connection.close()


@pytest.fixture
def no_data_keys(project: None) -> None:
    """Begin as in a new project, whose first value makes the first data key."""
    from glisecrets.django_integration.encryption import process_envelope
    from glisecrets.django_integration.encryption.models import DataKey

    DataKey.objects.all().delete()
    process_envelope().cache.clear()


@pytest.fixture
def stored() -> Callable[..., Any]:
    """Give a function that reads a column as the database holds it."""

    def read(model: Any, name: str, **where: Any) -> Any:
        key = model._base_manager.values_list("pk", flat=True).get(**where)
        table, pk = model._meta.db_table, model._meta.pk.column
        with connection.cursor() as cursor:
            cursor.execute(f'SELECT "{name}" FROM "{table}" WHERE "{pk}" = %s', [key])
            return cursor.fetchone()[0]

    return read


@pytest.fixture
def models() -> Any:
    """Give the project's models: they can be imported only while its apps are installed."""
    return sys.modules[apps.get_app_config("hospital").models_module.__name__]


def _is_migrated() -> bool:
    return "hospital_patient" in connection.introspection.table_names()


def _forget_connection() -> None:
    """Let this thread connect anew, by the entry that holds now."""
    connections["default"].close()
    del connections["default"]
