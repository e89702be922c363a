"""The service: a Django API whose every request is answered from PostgreSQL.

``gunicorn under_load.api:application``; CLIENT and POOL in the environment choose how it connects.
"""

from __future__ import annotations

import json
import os
from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path
from pydantic import SecretStr

from glisecrets import secret
from glisecrets.django_integration import DatabaseCredentials, DjangoSettings

#: Client -> the backend that it names itself; ours is what ``databases()`` takes unasked.
_BACKENDS = {
    "glisecrets": {},
    "refresh once": {"ENGINE": "under_load.refresh_once"},
    "static": {"ENGINE": "django.db.backends.postgresql"},
}


class ApiSettings(DjangoSettings):
    """What the service declares."""

    secret_key: SecretStr = secret("gli/django/{environment}#secret_key")
    database: DatabaseCredentials | None = secret("gli/db/{environment}", None)


def word(_request: HttpRequest, number: int) -> HttpResponse:
    """Answer with one row of the table."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT word FROM words WHERE number = %s", [number])
        (found,) = cursor.fetchone()
    return HttpResponse(found, content_type="text/plain")


def _databases(loaded: ApiSettings) -> dict[str, Any]:
    entry = {"CONN_MAX_AGE": 0, "OPTIONS": {"application_name": "api"}}
    pool = json.loads(os.environ["POOL"])
    return loaded.databases(pool=pool, **entry, **_BACKENDS[os.environ["CLIENT"]])


_loaded = ApiSettings.load()
settings.configure(
    SECRET_KEY=_loaded.secret_key.get_secret_value(),
    ALLOWED_HOSTS=_loaded.allowed_hosts,
    DATABASES=_databases(_loaded),
    LOGGING=_loaded.logging(),
    ROOT_URLCONF=__name__,
    USE_TZ=True,
)
urlpatterns = [path("words/<int:number>/", word)]
application = get_wsgi_application()
