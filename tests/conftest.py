"""Fixtures for the whole suite: real servers, started when the first test asks for one."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from glisecrets.redaction import process_redactor
from glisecrets.testing.servers import RunningServer, postgres_server, valkey_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .stores.openbao import OpenBao

#: What a test's report calls the cases of broken rotations that it has played.
FAULT_CASES = "rotation faults"


# A slow machine is no fault of an example: how long something takes is for benchmarks.
settings.register_profile("glisecrets", deadline=None)
settings.load_profile("glisecrets")

# A shell has what it starts in the background ignore SIGINT, and nohup has it ignore SIGHUP; so
# would all that a test starts, and one that waits for it would wait for ever.
for _number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda *_: None)


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


@pytest.fixture(scope="session")
def openbao() -> Iterator[OpenBao]:
    """One OpenBao for the session: a test that seals it or counts its mounts starts its own."""
    from .stores.openbao import openbao_server  # with hvac, which few tests need

    with openbao_server() as server:
        yield server


@pytest.fixture
def count_cases(record_property: Callable[[str, object], None]) -> Callable[[int], None]:
    """Tell how many cases of broken rotations a test has played."""
    return lambda number: record_property(FAULT_CASES, number)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many there were, over all of pytest-xdist's workers."""
    reports = terminalreporter.stats.get("passed", [])
    properties = (pair for report in reports for pair in report.user_properties)
    cases = sum(number for name, number in properties if name == FAULT_CASES)
    if cases:
        terminalreporter.write_line(f"{FAULT_CASES}: {cases:,} cases survived")
