"""``rotate status`` tells what became of the last rotation, whoever ran it."""

from __future__ import annotations

import secrets
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from glisecrets.errors import AccessDenied
from glisecrets.rotation import Engine, ProbeRejected, run
from glisecrets.rotation.policy.inspection import inspect
from glisecrets.rotation.subject import Clock
from glisecrets.stores.local import LocalStore

from .test_repair import Database

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAME = "gli/db/staging"


class Deaf(Database):
    """A database that never accepts what is new."""

    def apply(self, rotation: object) -> None:
        pass


class Case:
    """A secret whose rotations fail until ``heals`` is called."""

    def __init__(self, store: LocalStore) -> None:
        first = secrets.token_urlsafe(12)
        store.create(NAME, first, tags={"glisecrets:rotator": "database"})
        self.store, self.database = store, Deaf({first})
        self.time = datetime.now(UTC)
        clock = Clock(lambda: self.time, lambda _: None)
        self.engine = Engine(store, clock=clock, find=lambda _: self.database)

    def heals(self) -> None:
        self.database = Database(self.database.accepted)

    def fails(self) -> str:
        with pytest.raises(ProbeRejected):
            run(self.engine, NAME)
        return self.told()

    def told(self) -> str:
        return inspect(self.engine, NAME).last_result or ""


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(LocalStore(tmp_path))


def test_a_failure_is_told_until_a_rotation_ends(case: Case) -> None:
    """Whoever looks in the morning sees which step failed at night, and how."""
    assert case.fails().endswith("testSecret ProbeRejected")
    case.heals()
    run(case.engine, NAME)
    assert case.told().endswith(" finished")


def test_a_failure_that_comes_again_keeps_its_first_date(case: Case) -> None:
    """So it is seen for how long it has been failing."""
    first = case.fails()
    case.time += timedelta(hours=4)
    assert case.fails() == first


def test_who_may_not_tag_can_rotate_all_the_same(case: Case) -> None:
    """The note is a convenience: no rotation fails for want of it."""

    def refused(secret: str, tags: Mapping[str, str]) -> None:
        raise AccessDenied("may not tag", store="local", secret=secret)

    case.store.tag = refused  # type: ignore[method-assign]
    case.heals()
    run(case.engine, NAME)
    assert case.told() == ""


def test_no_value_is_in_the_note(case: Case) -> None:
    """A tag is read by more people than a secret."""
    with suppress(ProbeRejected):
        run(case.engine, NAME)
    tags = str(case.store.describe(NAME).tags)
    assert not any(value in tags for value in case.database.accepted if isinstance(value, str))
