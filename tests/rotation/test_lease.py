"""One run at a time where the store itself keeps no two apart, however long it takes."""

from __future__ import annotations

import os
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from glisecrets.errors import StoreUnavailable
from glisecrets.references import AWSCURRENT, AWSPENDING
from glisecrets.rotation import Engine, Rotation, Rotator, Step, Verdict, run
from glisecrets.rotation.errors import RotationBusy
from glisecrets.rotation.lease import DURATION, SUFFIX, lease
from glisecrets.stores.local import LocalStore

from .fault_injection import Time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from glisecrets.references import Address
    from glisecrets.rotation import Outcome
    from glisecrets.stores.base import SecretValue, SecretVersion

NAME = "gli/db/staging"


class Slow(Rotator):
    """A kind whose steps take as long, and see as much happen, as a test likes."""

    def __init__(self) -> None:
        self.setting: Callable[[], object] = lambda: None
        self.testing: Callable[[], object] = lambda: None

    def propose(self, rotation: Rotation) -> SecretValue:
        return os.urandom(12).hex()

    def apply(self, rotation: Rotation) -> None:
        self.setting()

    def probe(self, rotation: Rotation, value: SecretValue) -> Verdict:
        self.testing()
        return Verdict.ACCEPTED


class LosesTheLease(LocalStore):
    """A local store that can no longer read leases, from a given moment on."""

    broken = False

    def get(self, address: Address) -> SecretVersion:
        if self.broken and address.secret.endswith(SUFFIX):
            raise StoreUnavailable("no answer", store="local")
        return super().get(address)


class Case:
    """A secret, its rotator, and the time."""

    def __init__(self, folder: Path) -> None:
        self.store, self.rotator, self.time = LosesTheLease(folder), Slow(), Time()
        self.store.create(NAME, os.urandom(12).hex(), tags={"glisecrets:rotator": "slow"})

    def run(self, told: Callable[[Outcome], Any] = lambda _: None) -> str:
        """Rotate; another call of it is another run."""
        engine = Engine(self.store, clock=self.time, find=lambda _: self.rotator)  # type: ignore[arg-type]
        return run(engine, NAME, told=told)

    def later(self, share: float) -> None:
        """Let a share of a lease's duration pass."""
        self.time.later(seconds=share * DURATION.total_seconds())


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


@pytest.fixture
def thief(case: Case) -> Iterator[Callable[[], None]]:
    """Give what has another run take the lease and hold it for the rest of the test."""
    with ExitStack() as held:
        yield lambda: held.enter_context(lease(case.store, NAME, case.time))  # type: ignore[arg-type]


def test_a_run_that_takes_long_renews_its_lease(case: Case) -> None:
    """Another one stays out after the lease's first end, too."""
    refused: list[RotationBusy] = []

    def tested() -> None:
        case.rotator.testing = lambda: None
        case.later(0.6)  # 1.2 durations after the beginning
        with pytest.raises(RotationBusy, match="is being rotated by") as busy:
            case.run()
        refused.append(busy.value)

    case.rotator.setting = lambda: case.later(0.6)
    case.rotator.testing = tested
    token = case.run()
    assert len(refused) == 1
    assert case.store.describe(NAME).labelled(AWSCURRENT) == token


def test_who_lost_the_lease_stops(case: Case, thief: Callable[[], None]) -> None:
    """A step took so long that another run is at it: this one changes nothing more."""

    def too_slow() -> None:
        case.later(1.1)
        thief()

    case.rotator.setting = too_slow
    begun: list[Outcome] = []
    before = case.store.describe(NAME).labelled(AWSCURRENT)
    with pytest.raises(RotationBusy, match="was taken by another run") as lost:
        case.run(begun.append)
    assert "rotate status" in lost.value.next_step
    assert [outcome.step for outcome in begun] == [Step.CREATE, Step.SET]
    described = case.store.describe(NAME)
    assert described.labelled(AWSCURRENT) == before
    assert described.labelled(AWSPENDING) is not None


def test_a_lease_that_ended_unnoticed_is_taken_again(case: Case) -> None:
    """Slow, but nobody else came: there is no reason to stop."""
    case.rotator.setting = lambda: case.later(1.1)
    assert case.run() == case.store.describe(NAME).labelled(AWSCURRENT)


def test_a_finished_rotation_is_no_failure_though_its_lease_stays(
    case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    """The store fails at the very end: the log tells, and the next run waits for the end."""

    def finished(outcome: Outcome) -> None:
        case.store.broken = outcome.step is Step.FINISH

    token = case.run(finished)
    assert case.store.describe(NAME).labelled(AWSCURRENT) == token
    assert f"{NAME}{SUFFIX} is left to end by itself" in caplog.text
    case.store.broken = False
    with pytest.raises(RotationBusy, match="is being rotated by"):
        case.run()
    case.time.ahead += DURATION + timedelta(seconds=1)
    assert case.run() != token
