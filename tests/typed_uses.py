"""Uses of the public interface as a program writes them: type-checked, never run.

A signature that loses its types fails ``make lint`` here, before a user's own check does.
"""

# ruff: noqa: TC001 - imports as a program writes them
from __future__ import annotations

from typing import assert_type

from glisecrets.environment import Environment, current_environment
from glisecrets.references import Address
from glisecrets.stores import SecretDescription, SecretVersion, Store
from glisecrets.testing.servers import RunningServer, postgres_server


def _environments() -> None:
    assert_type(current_environment(), Environment)
    assert_type(current_environment({"DJANGO_ENV": "staging"}).suffixes, tuple[str, ...])


def _stores(store: Store, address: Address) -> None:
    assert_type(store.get(address), SecretVersion)
    assert_type(store.describe("gli/db/staging"), SecretDescription)


def _servers() -> None:
    with postgres_server() as server:
        assert_type(server, RunningServer)
        assert_type(server.port, int)
