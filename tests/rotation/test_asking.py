"""A provider that is busy is waited for as it asks, but neither hammered nor for ever."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest

from glisecrets.providers.http import PATIENCE
from glisecrets.rotation import Rotation
from glisecrets.rotation.errors import Unreachable
from glisecrets.rotation.providers import provider_for

from .loopback import Asked, Reply, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
#: Ways to say "come back at once", or that the moment to come back has gone by.
AT_ONCE = {
    "nought": {"Retry-After": "0"},
    "past date": {"Retry-After": format_datetime(NOW - HOUR, usegmt=True)},
    "past reset": {"X-RateLimit-Reset": str(int((NOW - HOUR).timestamp()))},
}


class Busy:
    """A provider that answers no request but says when to come back, and a clock that flies."""

    def __init__(self) -> None:
        self.url = ""
        self.headers: dict[str, str] = {}
        self.asked = 0
        self.free_at = 1000
        self.pauses: list[float] = []

    def answer(self, _: Asked) -> Reply:
        self.asked += 1
        return Reply(200) if self.asked >= self.free_at else Reply(429, headers=self.headers)

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        assert len(self.pauses) < 100, "it would go on for ever"

    def ask(self) -> int:
        token = secrets.token_hex(12)
        rotation = Rotation(
            "gli/hook",
            secrets.token_hex(16),
            token,
            options={"url": self.url},
            now=lambda: NOW,
            pause=self.pause,
        )
        return provider_for(rotation, "the provider", token, option="url").ask("GET").status


@pytest.fixture
def busy() -> Iterator[Busy]:
    made = Busy()
    with serving(made.answer) as made.url:
        yield made


@pytest.mark.parametrize("headers", AT_ONCE.values(), ids=AT_ONCE)
def test_a_provider_that_is_always_busy_is_not_hammered(
    busy: Busy, headers: dict[str, str]
) -> None:
    """A second at least lies between two requests, and half a minute ends it."""
    busy.headers = headers
    with pytest.raises(Unreachable, match="answers 429"):
        busy.ask()
    assert min(busy.pauses) >= 1
    assert sum(busy.pauses) <= PATIENCE
    assert busy.asked == len(busy.pauses) + 1 > 2


@pytest.mark.parametrize("headers", AT_ONCE.values(), ids=AT_ONCE)
def test_one_that_is_free_again_answers(busy: Busy, headers: dict[str, str]) -> None:
    """What it asks for is a matter of seconds."""
    busy.headers, busy.free_at = headers, 3
    assert busy.ask() == 200
    assert len(busy.pauses) == 2
