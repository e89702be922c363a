"""The same with every rotator that there is, over a store in memory.

Real PostgreSQL and Valkey; moto's IAM; stubs of the APIs of STS, ElastiCache and SendGrid. Calls
of the store, of the rotator's methods and of the provider are broken, each in some of the modes;
GLISECRETS_ALL_FAULTS=1 plays all calls with all modes.
"""

from __future__ import annotations

import secrets
from functools import cache, partial
from itertools import cycle
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import redis
from botocore.loaders import JSONFileLoader
from moto.server import ThreadedMotoServer

from glisecrets.keys import KeyPair
from glisecrets.rotation.finding import kinds
from glisecrets.rotation.providers.aws import aws_client
from glisecrets.rotation.rotators import elasticache, iam_access_key, iam_user

from . import faulty_providers as of
from .faulty_plans import broken, sampled_singles
from .faulty_rotation import played
from .faulty_rotators import WIRES, RealProvider, Wire
from .loopback import serving
from .memory_store import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from glisecrets.testing.servers import RunningServer

    from .fault_injection import Time

PROVIDERS = [
    of.PostgresRole,
    of.PostgresRoles,
    of.RedisUser,
    of.CacheUser,
    of.CacheToken,
    of.IamUser,
    of.SendGridAccount,
    of.SecretKey,
    of.SigningKey,
    of.SharedText,
]
#: Of these, one call of so many is broken; and those that change a provider, in so many modes.
SLOW = {
    of.PostgresRole: (3, 5),
    of.PostgresRoles: (3, 5),
    of.IamUser: (6, 4),
    of.SigningKey: (3, 4),
}
each_way = pytest.mark.parametrize("begun_by_service", [True, False], ids=["lambda", "in-process"])


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> Iterator[of.Stubs]:
    """Something in the places of STS, ElastiCache and SendGrid."""
    made = of.Stubs()
    with serving(lambda asked: made.answer(asked)) as made.url:  # noqa: PLW0108 - it changes
        for service in ("STS", "ELASTICACHE"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", made.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOFWHOEVERROTATES")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secrets.token_hex())
        monkeypatch.setenv("AWS_REGION", "ap-northeast-2")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        # To make one of these takes longer than the rest of a rotation.
        contexts = cache(httpx.create_ssl_context)
        monkeypatch.setattr("httpx._transports.default.create_ssl_context", contexts)
        load = JSONFileLoader.load_file
        loaded = cache(lambda path: load(JSONFileLoader(), path))
        monkeypatch.setattr(JSONFileLoader, "load_file", lambda _, path: loaded(path))
        clients = cache(aws_client)
        for module in (elasticache, iam_access_key, iam_user):
            monkeypatch.setattr(module, "aws_client", clients)
        yield made


@pytest.fixture
def moto(stubs: of.Stubs, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """IAM, on the scenario's clock."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setattr("moto.iam.models.utcnow", lambda: stubs.now().replace(tzinfo=None))
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def signing_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stock of keys, each read once: to make or check one takes longer than a rotation."""
    stock = cycle([KeyPair.generate() for _ in range(12)])
    monkeypatch.setattr(KeyPair, "generate", lambda *_: next(stock))
    monkeypatch.setattr(KeyPair, "from_pem", staticmethod(cache(KeyPair.from_pem)))


@pytest.fixture
def admin(valkey: RunningServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey.url, decode_responses=True) as client:
        yield client


@pytest.fixture(autouse=True)
def _wires(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count what crosses the wire."""
    for module, function, reads in WIRES:
        monkeypatch.setattr(module, function, Wire.counted(getattr(module, function), reads))


@pytest.fixture
def provider(kind: type[RealProvider], request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Give what makes the provider of a scenario."""
    needs: dict[type, dict[str, str]] = {
        of.PostgresRole: {"server": "postgres"},
        of.RedisUser: {"server": "valkey", "admin": "admin"},
        of.CacheUser: {"stubs": "stubs"},
        of.IamUser: {"server": "moto", "stubs": "stubs"},
        of.SendGridAccount: {"stubs": "stubs"},
    }
    if kind is of.SigningKey:
        request.getfixturevalue("signing_keys")
    wanted = {
        name: fixture
        for parent, fixtures in needs.items()
        if issubclass(kind, parent)
        for name, fixture in fixtures.items()
    }
    values = {name: request.getfixturevalue(fixture) for name, fixture in wanted.items()}
    return partial(kind, **values)


@each_way
@pytest.mark.parametrize("kind", PROVIDERS, ids=lambda kind: kind.kind)
def test_one_fault_is_survived_by_every_kind(
    kind: type[RealProvider],
    provider: Callable[..., Any],
    begun_by_service: bool,
    count_cases: Callable[[int], None],
) -> None:
    """No login is refused and none is left over, whichever call of a rotation fails."""

    def store(time: Time) -> MemoryStore:
        return MemoryStore(time.now)

    play = partial(played, provider, store, begun_by_service=begun_by_service)
    plans = sampled_singles(play, int(not begun_by_service), *SLOW.get(kind, (1, 5)))
    assert broken(play, plans) == {}
    assert len(plans) > 8
    count_cases(len(plans))


def test_every_kind_is_among_them() -> None:
    """A kind that is added must be broken too."""
    assert {provider.kind for provider in PROVIDERS} == set(kinds()) - {"example-motd"}
