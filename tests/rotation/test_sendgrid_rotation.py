"""Whole rotations of minted keys by the engine, with their copies at GitHub."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from glisecrets.references import AWSPREVIOUS, Address
from glisecrets.rotation import Engine, ProviderRefused, run
from glisecrets.rotation.retiring import retire
from glisecrets.rotation.subject import Clock
from glisecrets.stores.local import LocalStore

from .loopback import serving
from .test_github import GitHub
from .test_sendgrid import ADMIN, SendGrid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "gli/sendgrid"


@dataclass
class House:
    """A store with one SendGrid key, SendGrid, and GitHub which has a copy."""

    store: LocalStore
    sendgrid: SendGrid
    github: GitHub
    time: datetime

    def __post_init__(self) -> None:
        tags = {
            "rotator": "sendgrid",
            "base-url": self.sendgrid.url,
            "github": "gli/api",
            "github-url": self.github.url,
            "github-token": "gli/github",
            "github-secret": "SENDGRID_API_KEY",
        }
        key = self.sendgrid.add("by hand", ["mail.send", *ADMIN])
        named = {f"glisecrets:{name}": text for name, text in tags.items()}
        self.store.create(NAME, key.text, tags=named)
        self.store.create("gli/github", self.github.token)

    @property
    def engine(self) -> Engine:
        return Engine(self.store, clock=Clock(lambda: self.time, lambda _: None))

    @property
    def current(self) -> str:
        return str(self.store.get(Address(NAME)).value)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    sendgrid, github, store = SendGrid(), GitHub(), LocalStore(tmp_path)
    with serving(sendgrid.answer) as sendgrid.url, serving(github.answer) as github.url:
        yield House(store, sendgrid, github, datetime.now(UTC))
    store.close()


def test_a_key_is_rotated_copied_and_the_old_one_deleted_after_the_overlap(house: House) -> None:
    """The service, GitHub and SendGrid agree all the time."""
    old = house.current
    run(house.engine, NAME)
    assert house.current != old
    assert house.github.named("SENDGRID_API_KEY") == house.current
    assert len(house.sendgrid.keys) == 2
    assert house.store.get(Address(NAME, label=AWSPREVIOUS)).value == old
    house.time += timedelta(days=1, minutes=1)
    retire(house.engine.subject(NAME))
    assert [key.text for key in house.sendgrid.keys.values()] == [house.current]


def test_a_publication_that_failed_is_made_good_with_the_same_key(house: House) -> None:
    """GitHub's token had expired: nobody lost a key, and no second one was minted."""
    old = house.current
    house.github.writes_left = 0
    with pytest.raises(ProviderRefused, match="not written: SENDGRID_API_KEY"):
        run(house.engine, NAME)
    assert house.current == old
    minted = {key.text for key in house.sendgrid.keys.values()} - {old}
    house.github.writes_left = 99
    run(house.engine, NAME)
    assert {house.current} == minted
    assert house.github.named("SENDGRID_API_KEY") == house.current
