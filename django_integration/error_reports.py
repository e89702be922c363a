"""Django's error pages and mails to admins, without the secrets that this process knows.

Django hides settings whose names sound secret. It shows local variables, request data and the
exception's own text as they are; in mails too, and there with DEBUG off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.log import AdminEmailHandler
from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from glisecrets.redaction import process_redactor

if TYPE_CHECKING:
    from types import FrameType

    from django.http import HttpRequest

__all__ = ["RedactingAdminEmailHandler", "RedactingExceptionReporter", "RedactingReporterFilter"]

#: What Django's report prints over several lines, and we leave to it where we can.
_BUILT_IN = frozenset({str, bytes, dict, list, tuple, set, frozenset})


class RedactingReporterFilter(SafeExceptionReporterFilter):
    """Masks what Django cuts, wraps or counts before the page is rendered.

    The report wraps long texts and bytes, and ends each variable after 4,096 characters: half a
    secret that is left over there would no longer be known for one.
    """

    def get_safe_settings(self) -> dict[str, Any]:
        """Give the settings, masked."""
        return _masked(super().get_safe_settings())

    def get_safe_request_meta(self, request: HttpRequest) -> dict[str, Any]:
        """Give the request's environment, masked."""
        return _masked(super().get_safe_request_meta(request))

    def get_safe_cookies(self, request: HttpRequest) -> dict[str, Any]:
        """Give the request's cookies, masked."""
        return _masked(super().get_safe_cookies(request))

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        """Give what was posted, masked."""
        return _masked(dict(super().get_post_parameters(request).items()))

    def get_traceback_frame_variables(  # type: ignore[override]  # the stubs say dict_items
        self, request: Any, tb_frame: FrameType
    ) -> list[tuple[str, Any]]:
        """Give a frame's variables, those that show a secret as masked text."""
        variables = super().get_traceback_frame_variables(request, tb_frame)
        return [(name, _shown(value)) for name, value in variables]


class RedactingExceptionReporter(ExceptionReporter):
    """Masks the whole report once it is rendered, and what it quotes in part before."""

    def get_traceback_data(self) -> dict[str, Any]:
        """Give what the templates render, without pieces of a secret."""
        data = super().get_traceback_data()
        if "request_GET_items" in data:
            data["request_GET_items"] = _masked(dict(data["request_GET_items"])).items()
        # Django quotes the characters around one that cannot be encoded.
        error = self.exc_value
        if isinstance(error, UnicodeError) and process_redactor().finds(error.args[1]):
            data["unicode_hint"] = "[redacted]"
        return data

    def get_traceback_html(self) -> SafeString:
        """Give the page, masked."""
        return SafeString(process_redactor().redact(super().get_traceback_html()))

    def get_traceback_text(self) -> SafeString:
        """Give the text, masked."""
        return SafeString(process_redactor().redact(super().get_traceback_text()))


class RedactingAdminEmailHandler(AdminEmailHandler):
    """Masks mails to ADMINS, subject included."""

    def send_mail(self, subject: Any, message: Any, *args: Any, **kwargs: Any) -> None:
        """Send the mail, masked."""
        redact = process_redactor().redact
        masked = {name: redact(it) if isinstance(it, str) else it for name, it in kwargs.items()}
        super().send_mail(redact(str(subject)), redact(str(message)), *args, **masked)


class _Shown:
    """Stands for a value in a report, which prints its ``repr``."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _shown(value: Any) -> Any:
    """Give what the report is to print: the value itself if it is built in and holds no secret."""
    plain = type(value) in _BUILT_IN
    redactor = process_redactor()
    try:
        # First the texts in a container as they are: repr escapes what is escaped already.
        masked = redactor.redact(repr(redactor.redact_object(value) if plain else value))
    except Exception:  # noqa: BLE001 - any class's own repr; Django tells of it
        return value
    return value if plain and masked == repr(value) else _Shown(masked)


def _masked(items: dict[str, Any]) -> dict[str, Any]:
    masked: dict[str, Any] = process_redactor().redact_object(items)
    return masked
