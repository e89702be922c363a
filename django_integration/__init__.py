"""Django on glisecrets: typed settings, a drop-in ``environ.Env``, safe error pages, checks.

A service's ``settings.py``::

    from config.env import ApiSettings  # a subclass of DjangoSettings

    settings = ApiSettings.load()
    globals().update(settings.django())

and ``"glisecrets.django_integration"`` among its ``INSTALLED_APPS``.

Names are imported when first used: Django imports this package as an app, before anything of
Django may be used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from glisecrets.errors import MissingExtra

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

#: Public name -> the module that defines it.
_HOMES = {
    "DatabaseCredentials": "databases",
    "DjangoSettings": "settings",
    "Env": "env",
    "JsonFormatter": "logs",
    "RedactingAdminEmailHandler": "error_reports",
    "RedactingExceptionReporter": "error_reports",
    "RedactingReporterFilter": "error_reports",
    "ServiceSettings": "service",
    "WebSocketSettings": "service",
}

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
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f".{_HOMES[name]}", __name__)
    except ModuleNotFoundError as error:
        if error.name not in {"django", "environ"}:
            raise
        raise MissingExtra("the Django integration", "django") from error
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__} - {"MissingExtra"})
