"""Fixtures for the whole suite: real servers, started when the first test asks for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from glisecrets.redaction import process_redactor
from glisecrets.testing.servers import RunningServer, postgres_server, valkey_server

if TYPE_CHECKING:
    from collections.abc import Iterator


# A slow machine is no fault of an example: how long something takes is for benchmarks.
settings.register_profile("glisecrets", deadline=None)
settings.load_profile("glisecrets")


@pytest.fixture(autouse=True)
def _redactor_that_knows_nothing() -> Iterator[None]:
    """Let no test's values be masked in the next one's output."""
    yield
    process_redactor().clear()


@pytest.fixture(scope="session")
def postgres() -> Iterator[RunningServer]:
    """One PostgreSQL for the session: a test that changes roles makes its own."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def valkey() -> Iterator[RunningServer]:
    """One Valkey for the session: a test that changes users makes its own."""
    with valkey_server() as server:
        yield server
