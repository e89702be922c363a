"""Django on glisecrets: typed settings, a drop-in ``environ.Env``, safe error pages, checks.

A service's ``settings.py``::

    from config.env import ApiSettings  # a subclass of DjangoSettings

    settings = ApiSettings.load()
    globals().update(settings.django())

and ``"glisecrets.django_integration"`` among its ``INSTALLED_APPS``.

Names are imported when first used: Django imports this package as an app, before anything of
Django may be used.
"""

from typing import TYPE_CHECKING, Any

from glisecrets.errors import MissingExtra
from glisecrets.lazy import lazy as _lazy

if TYPE_CHECKING:
    from .databases import DatabaseCredentials
    from .env import Env
    from .error_reports import (
        RedactingAdminEmailHandler,
        RedactingExceptionReporter,
        RedactingReporterFilter,
    )
    from .logs import JsonFormatter
    from .service import ServiceSettings, WebSocketSettings
    from .settings import DjangoSettings

_get, __dir__ = _lazy(
    __name__,
    {
        "databases": ("DatabaseCredentials",),
        "env": ("Env",),
        "error_reports": (
            "RedactingAdminEmailHandler",
            "RedactingExceptionReporter",
            "RedactingReporterFilter",
        ),
        "logs": ("JsonFormatter",),
        "service": ("ServiceSettings", "WebSocketSettings"),
        "settings": ("DjangoSettings",),
    },
)

__all__ = [
    "DatabaseCredentials",
    "DjangoSettings",
    "Env",
    "JsonFormatter",
    "RedactingAdminEmailHandler",
    "RedactingExceptionReporter",
    "RedactingReporterFilter",
    "ServiceSettings",
    "WebSocketSettings",
]


def __getattr__(name: str) -> Any:
    try:
        return _get(name)
    except ModuleNotFoundError as error:
        if error.name not in {"django", "environ"}:
            raise
        raise MissingExtra("the Django integration", "django") from error
