"""An error whose text and local variables hold the database password, and what is written of it."""

from __future__ import annotations

import json
import logging
import sys
from types import TracebackType

from config.wsgi import application  # noqa: F401 - importing it sets Django up
from django.conf import settings
from django.utils.module_loading import import_string
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

Caught = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]


def charge_customer() -> None:
    """Fail as libraries do that put a connection's parameters into their errors."""
    password = settings.DATABASES["default"]["PASSWORD"]
    address = f"postgresql://glidbadmin:{password}@db.internal/gli"
    raise ConnectionError(f"could not connect to {address}")


def caught() -> Caught:
    """Let it fail, log it, and give the error."""
    try:
        charge_customer()
    except ConnectionError:
        logging.getLogger("gli.billing").exception("charging order 1042 failed")
        return sys.exc_info()
    return None, None, None


def main() -> None:
    """Print this project's report of the error, and how often it and Django's own show it."""
    error = caught()
    reporter = import_string(settings.DEFAULT_EXCEPTION_REPORTER)(None, *error)
    report = reporter.get_traceback_html()
    django_report = ExceptionReporter(None, *error)
    django_report.filter = SafeExceptionReporterFilter()
    password = settings.DATABASES["default"]["PASSWORD"]
    shown = {
        "by_django": django_report.get_traceback_html().count(password),
        "by_us": report.count(password),
    }
    print(json.dumps({"report": report, "shown": shown}))


if __name__ == "__main__":
    main()
