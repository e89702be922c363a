"""A project folder, and a store whose calls are counted, for tests of the settings core."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from glisecrets.stores.local import LocalStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from glisecrets import Address, SecretVersion, StoreError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository's root folder."""
    root = tmp_path / "project"
    (root / ".git").mkdir(parents=True)
    return root


@pytest.fixture
def value() -> Callable[[], str]:
    """Makes a secret value that no test writes down."""
    return lambda: secrets.token_urlsafe(24)


class CountingStore(LocalStore):
    """A real local store that remembers what it was asked for, and can be made to fail."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, key=secrets.token_bytes(32))
        self.asked: list[tuple[Address, ...]] = []
        self.failure: StoreError | None = None

    def get_many(self, addresses: Iterable[Address]) -> dict[Address, SecretVersion | StoreError]:
        """Count, then answer."""
        wanted = tuple(addresses)
        self.asked.append(wanted)
        if self.failure is not None:
            return dict.fromkeys(wanted, self.failure)
        return super().get_many(wanted)


@pytest.fixture
def store(tmp_path: Path) -> CountingStore:
    """A store with nothing in it."""
    return CountingStore(tmp_path / "store")
