"""The same on every store there is: the local one, Secrets Manager, and Vault.

Real servers: our own Secrets Manager, spoken to by boto3, and an OpenBao. Each call of one provider
or another is broken in one of the modes; GLISECRETS_ALL_FAULTS=1 plays each call of each provider
with each mode.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from glisecrets.stores.local import LocalStore
from glisecrets.testing import SecretsManagerServer

from .faulty_plans import broken, sampled_singles
from .faulty_rotation import played
from .faulty_stores import on_local, on_secrets_manager, on_vault
from .providers import AlternatingUsers, KeyIssuer, Provider, SingleUser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..stores.openbao import OpenBao
    from .faulty_plans import Play
    from .faulty_stores import OnStore

KINDS = [SingleUser, AlternatingUsers, KeyIssuer]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder in memory, where the system has one: else each write waits for the disk."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def local(folder: Path) -> OnStore:
    return partial(on_local, LocalStore(folder / "local"))


@pytest.fixture(scope="module")
def secrets_manager(folder: Path) -> Iterator[OnStore]:
    from glisecrets.stores.aws import AwsStore

    with SecretsManagerServer(LocalStore(folder / "server")) as server:
        store = AwsStore(environ=server.environ)
        client = server.client()
        yield partial(on_secrets_manager, store, client)
        client.close()
        store.close()


@pytest.fixture(scope="module")
def vault(openbao: OpenBao) -> Iterator[OnStore]:
    from glisecrets.stores.vault import VaultStore

    store = VaultStore.from_options("", {}, environ=openbao.environ())
    yield partial(on_vault, store)
    store.close()


def check(play: Play, turn: int, one_of: int, count_cases: Callable[[int], None]) -> None:
    plans = sampled_singles(play, turn, one_of)
    assert broken(play, plans) == {}
    assert len(plans) > 20 // one_of
    count_cases(len(plans))


@each_kind
def test_one_fault_is_survived_on_the_local_store(
    kind: type[Provider], local: OnStore, count_cases: Callable[[int], None]
) -> None:
    """A run in this process, on a folder of this machine."""
    play = partial(played, kind, local, begun_by_service=False)
    check(play, KINDS.index(kind), 1, count_cases)


@each_kind
@pytest.mark.parametrize("begun_by_service", [True, False], ids=["lambda", "in-process"])
def test_one_fault_is_survived_on_secrets_manager(
    kind: type[Provider],
    begun_by_service: bool,
    secrets_manager: OnStore,
    count_cases: Callable[[int], None],
) -> None:
    """Begun by RotateSecret, and by a run in this process; no lease keeps two apart there."""
    play = partial(played, kind, secrets_manager, begun_by_service=begun_by_service)
    check(play, KINDS.index(kind), 2, count_cases)


@each_kind
def test_one_fault_is_survived_on_vault(
    kind: type[Provider], vault: OnStore, count_cases: Callable[[int], None]
) -> None:
    """A run in this process, on OpenBao; the labels are documents of ours there."""
    play = partial(played, kind, vault, begun_by_service=False)
    check(play, KINDS.index(kind), 3, count_cases)
