"""Ask a provider over HTTP: patient while it is busy, and no value in an error or a log.

A request is not sent again after a failure of the network: a rotation does that, from the step's
start. One that mints is not sent again even after a server's error, for it may have minted.
"""

from __future__ import annotations

import ipaddress
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from ..documents import parse_json
from ..errors import MissingExtra

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..errors import GlisecretsError

#: Seconds to wait for a connection or an answer.
TIMEOUT = 10.0
#: Seconds that one request waits in all while the provider is busy.
PATIENCE = 30.0
#: A provider that says to come back at once is not hammered all the same, in seconds.
_SHORTEST = 1.0

_TOO_MANY, _SERVER_ERRORS, _FORBIDDEN = 429, 500, 403


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider answered; its ``repr`` shows the status alone."""

    status: int
    #: Names in lower case find them.
    headers: Mapping[str, str] = field(repr=False)
    text: str = field(repr=False)

    @property
    def document(self) -> dict[str, Any]:
        """The JSON object in it; empty if it holds none."""
        found = parse_json(self.text)
        return found if isinstance(found, dict) else {}

    @property
    def is_busy(self) -> bool:
        """Whether the same request may succeed later."""
        # GitHub says 403 to whoever asks too often: "Rate limits for the REST API".
        limited = "retry-after" in self.headers or self.headers.get("x-ratelimit-remaining") == "0"
        return (
            self.status == _TOO_MANY
            or self.status >= _SERVER_ERRORS
            or (self.status == _FORBIDDEN and limited)
        )

    def wait(self, now: datetime) -> float | None:
        """Tell how many seconds the provider asks to wait; ``None`` if it does not say."""
        asked = self.headers.get("retry-after", "")
        reset = self.headers.get("x-ratelimit-reset", "")
        if asked.isdecimal():
            return float(asked)
        if asked:
            return _seconds_until(asked, now)
        return max(0.0, float(reset) - now.timestamp()) if reset.isdecimal() else None


class ProviderErrors(NamedTuple):
    """What whoever asks raises, made of a message and ``next_step``: a rotation has its own."""

    #: For a URL or a token that makes no sense.
    unusable: Callable[..., GlisecretsError]
    #: For a provider that understood and said no.
    refused: Callable[..., GlisecretsError]
    #: For one that did not answer, or stays busy.
    unreachable: Callable[..., GlisecretsError]


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider's HTTP API, asked as one caller."""

    #: Its name, for messages.
    name: str
    #: Where its API is: see :func:`checked_url`.
    url: str
    #: Sent as Bearer token.
    token: str = field(repr=False)
    errors: ProviderErrors = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    #: What to do while it is busy, in words.
    when_busy: str = "try again later"
    #: The extra that brings httpx.
    extra: str = "rotation"
    #: The time, aware.
    now: Callable[[], datetime] = field(repr=False, default=lambda: datetime.now(UTC))
    #: Wait so many seconds, between two tries of one request.
    pause: Callable[[float], None] = field(repr=False, default=time.sleep)

    def __post_init__(self) -> None:
        if not (self.token.isascii() and self.token.isprintable() and self.token.strip()):
            raise self.errors.unusable(
                f"{self.name}: what it should be asked with is empty or has characters that no"
                " HTTP header may have",
                next_step="store it again, without quotes or line ends",
            )

    def ask(
        self, method: str, path: str = "", body: object = None, *, repeatable: bool = True
    ) -> Answer:
        """Send a request, again while the provider is busy, and give its answer.

        Args:
            method: of HTTP.
            path: what follows the API's URL.
            body: sent as JSON.
            repeatable: whether a second time does no harm.

        Raises:
            GlisecretsError: no answer, or the provider stays busy or broken: ``unreachable``.
            MissingExtra: httpx is not installed.
        """
        waited, pause = 0.0, 1.0
        while True:
            answer = self._send(method, path, body)
            if not answer.is_busy:
                return answer
            asked = answer.wait(self.now())
            pause = pause * 2 if asked is None else max(asked, _SHORTEST)
            again = repeatable or answer.status < _SERVER_ERRORS
            if not again or waited + pause > PATIENCE:
                raise self._busy(answer, asked)
            self.pause(pause)
            waited += pause

    def _send(self, method: str, path: str, body: object) -> Answer:
        try:
            import httpx
        except ImportError:
            raise MissingExtra(f"asking {self.name}", self.extra) from None
        headers = {**self.headers, "Authorization": f"Bearer {self.token}"}
        try:
            with httpx.Client(timeout=TIMEOUT, headers=headers) as client:
                got = client.request(method, self.url + path, json=body)
            return Answer(got.status_code, got.headers, got.text)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            cause = type(error).__name__
        raise self.errors.unreachable(
            f"{self.name} at {_host_of(self.url)} cannot be reached ({cause})",
            next_step="check the network: route, proxy, security group, DNS",
        )

    def _busy(self, answer: Answer, asked: float | None) -> GlisecretsError:
        until = "" if asked is None else f", and asks to wait {asked:.0f} s"
        return self.errors.unreachable(
            f"{self.name} at {_host_of(self.url)} answers {answer.status}{until}",
            next_step=self.when_busy,
        )


def checked_url(url: str, told_by: str, errors: ProviderErrors) -> str:
    """Give a URL that a value may be sent to, without a slash at its end.

    Args:
        url: the URL.
        told_by: what says it, for the message: an option, a variable.
        errors: whose ``unusable`` is raised for one that is neither ``https`` nor on this machine.
    """
    try:
        scheme, host = urlsplit(url).scheme, urlsplit(url).hostname
    except ValueError:
        scheme, host = "", None
    if host and (scheme == "https" or (scheme == "http" and _is_loopback(host))):
        return url.rstrip("/")
    raise errors.unusable(
        f"{told_by} is no URL that a secret may be sent to",
        next_step="write https://…; http is allowed on this machine (127.0.0.1) alone",
    )


def _host_of(url: str) -> str:
    """Give a URL's host and port, for messages: its user, path and query may be confidential."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _seconds_until(date: str, now: datetime) -> float | None:
    try:
        then = parsedate_to_datetime(date)
    except ValueError:
        return None
    if then.tzinfo is None:  # no zone, or "-0000"
        then = then.replace(tzinfo=UTC)
    return max(0.0, (then - now).total_seconds())
