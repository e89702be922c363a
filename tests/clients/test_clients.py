"""The recipes of ``docs/clients.md`` under traffic while passwords are rotated: nothing fails."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import redis
import redis.asyncio
from psycopg_pool import AsyncConnectionPool

from glisecrets import EnvironmentMismatch, open_ladder, rotating, rotating_redis
from glisecrets.references import AWSCURRENT, AWSPENDING, Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from glisecrets.testing.servers import RunningServer

    from .conftest import RotatedSecret, Traffic, WatchedStore

ROOT = Path(__file__).parents[2]
WHO = "SELECT current_user"
REFERENCE = "gli/db/{environment}"

pytestmark = pytest.mark.usefixtures("process")


def recipe(heading: str, **changed: str) -> dict[str, Any]:
    """Run a section's code of the page, with some words changed; give its names."""
    page = ROOT / "docs" / "clients.md"
    if not page.exists():
        pytest.skip("reads the source tree, which is not here")
    text = page.read_text("utf-8")
    found = re.search(rf"^## {heading}\n.*?```python\n(.*?)```", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    code = found[1]
    for old, new in changed.items():
        assert old in code
        code = code.replace(old, new)
    names: dict[str, Any] = {}
    exec(compile(code, str(page), "exec"), names)
    return names


def rotate_under(traffic: Traffic, rotated: RotatedSecret, users: list[str]) -> None:
    """Rotate to each of the users in turn, with requests in every state that there is."""
    with traffic:
        for user in users:
            traffic.wait_for(12)
            token = rotated.propose(user)
            traffic.wait_for(6)
            rotated.apply(token)
            traffic.wait_for(24)  # the window: the database has it, AWSCURRENT has not
            rotated.finish(token)
    assert traffic.failures == []


def the_users(rotated: RotatedSecret, kind: str) -> list[str]:
    """Give whose password each of three rotations changes."""
    first, second = rotated.users
    return [first] * 3 if kind == "single" else [second, first, second]


# PostgreSQL ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["single", "alternating"])
def test_no_new_connection_fails_while_passwords_change(
    rotated: RotatedSecret, traffic: type[Traffic], kind: str
) -> None:
    """Six threads that connect for each query, three rotations: every query is answered."""
    connect = rotating(psycopg.connect, REFERENCE)

    def request() -> None:
        with connect() as connection:
            connection.execute(WHO)

    rotate_under(traffic(request), rotated, the_users(rotated, kind))


def test_without_the_ladder_the_same_traffic_fails(
    rotated: RotatedSecret, traffic: type[Traffic]
) -> None:
    """The rotation of these tests does harm whoever reads the password once."""
    connect = rotating(psycopg.connect, REFERENCE)
    connect().close()
    held = open_ladder(REFERENCE).connect(lambda it: it)
    with traffic(lambda: psycopg.connect(**held.parameters()).close()) as plain:
        plain.wait_for(6)
        rotated.apply(rotated.propose())
        plain.wait_for(6)
    assert plain.failures


def test_psycopg(rotated: RotatedSecret) -> None:
    """The page's code connects as the secret says, with what the program adds."""
    connect = recipe("psycopg")["connect"]
    rotated.apply(rotated.propose())
    with connect(application_name="report") as connection:
        assert connection.execute(WHO).fetchone() == (rotated.users[0],)
        assert connection.info.parameter_status("application_name") == "report"


def test_what_the_caller_gives_overrides(rotated: RotatedSecret) -> None:
    """Also in a connection string: the test database, a replica's host."""
    connect = rotating(psycopg.connect, REFERENCE)
    with pytest.raises(psycopg.OperationalError, match='"elsewhere" does not exist'):
        connect("dbname=elsewhere")
    with pytest.raises(psycopg.OperationalError, match='"elsewhere" does not exist'):
        connect(dbname="elsewhere")


@pytest.mark.parametrize("kind", ["single", "alternating"])
def test_psycopg_pool(rotated: RotatedSecret, traffic: type[Traffic], kind: str) -> None:
    """The page's pool makes its new connections with what is in force."""
    pool = recipe("psycopg_pool", **{"max_lifetime=1800": "max_lifetime=0.05, max_size=6"})["pool"]

    def request() -> None:
        with pool.connection() as connection:
            connection.execute(WHO)

    with pool:
        rotate_under(traffic(request), rotated, the_users(rotated, kind))


def test_sqlalchemy(rotated: RotatedSecret, traffic: type[Traffic]) -> None:
    """The page's engine, each of whose connections is new here."""
    names = recipe("SQLAlchemy", **{"pool_recycle=1800": "pool_recycle=0"})
    engine = names["engine"]

    def request() -> None:
        with engine.connect() as connection:
            connection.exec_driver_sql(WHO)

    try:
        rotate_under(traffic(request), rotated, the_users(rotated, "alternating"))
    finally:
        engine.dispose()


def test_a_thousand_tasks_wait_for_one_climb(rotated: RotatedSecret) -> None:
    """asyncio: the loop goes on, and the store is asked as often as by one task."""
    ladder = open_ladder(REFERENCE, rotated.store)
    connect = rotating(psycopg.AsyncConnection.connect, ladder)

    async def ask() -> str:
        async with await connect() as connection:
            row = await (await connection.execute(WHO)).fetchone()
            assert row is not None
            return str(row[0])

    async def all_of_them() -> set[str]:
        await ask()
        rotated.apply(rotated.propose())
        rotated.store.asked.clear()
        return set(await asyncio.gather(*(ask() for _ in range(20))))

    assert asyncio.run(all_of_them()) == {rotated.users[0]}
    assert rotated.store.asked == [AWSCURRENT, AWSPENDING]


def test_a_task_that_is_cancelled_lets_the_others_climb(rotated: RotatedSecret) -> None:
    """A request that its client has given up holds nobody else."""
    ladder = open_ladder(REFERENCE, rotated.store)
    rotated.apply(rotated.propose())

    async def scene() -> str:
        entered = asyncio.Event()

        async def hang(_: Any) -> Any:
            entered.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(ladder.connect_async(hang))
        await entered.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        connection = await rotating(psycopg.AsyncConnection.connect, ladder)()
        async with connection:
            return str(connection.info.user)

    assert asyncio.run(scene()) == rotated.users[0]


def test_an_asynchronous_pool(rotated: RotatedSecret) -> None:
    """The class that ``rotating`` gives is one that the pool takes."""

    async def scene() -> None:
        cls = rotating(psycopg.AsyncConnection, REFERENCE)
        pool = AsyncConnectionPool(connection_class=cls, min_size=1, open=False)
        async with pool:
            rotated.apply(rotated.propose())
            await pool.drain()
            async with pool.connection() as connection:
                assert isinstance(connection, psycopg.AsyncConnection)
                await connection.execute(WHO)

    asyncio.run(scene())


def test_another_environments_secret_is_refused() -> None:
    """A program without a settings class has the environment guard all the same."""
    with pytest.raises(EnvironmentMismatch):
        rotating(psycopg.connect, "gli/db/production")


# Redis --------------------------------------------------------------------------------------


class RotatedUser:
    """A user of a real Valkey, and its secret."""

    name = "gli/redis/development"

    def __init__(self, store: WatchedStore, server: RunningServer) -> None:
        self.store, self.server = store, server
        self.user = f"api_{secrets.token_hex(4)}"
        self.admin = redis.Redis.from_url(server.url)
        value, password = self._value()
        self.token = store.create(self.name, value).version_id
        self.acl("on", "~*", "&*", "+@all", f">{password}")
        self.password = password

    def acl(self, *rules: str) -> None:
        """Change the user as the administrator."""
        self.admin.execute_command("ACL", "SETUSER", self.user, *rules)

    def rotate(self, during: Callable[[], Any] = lambda: None) -> None:
        """Replace the password at once, which is harder than Redis' own overlap."""
        value, password = self._value()
        token = self.store.put(self.name, value, labels=[AWSPENDING]).version_id
        self.acl("resetpass", f">{password}")
        during()
        self.store.move_label(self.name, AWSCURRENT, to=token, expected=self.token)
        self.token, self.password = token, password

    def remove(self) -> None:
        """Leave the server as it was."""
        self.admin.execute_command("ACL", "DELUSER", self.user)
        self.admin.close()

    def _value(self) -> tuple[str, str]:
        password = secrets.token_hex()
        return json.dumps({"username": self.user, "password": password}), password


@pytest.fixture
def user(store: WatchedStore, valkey: RunningServer) -> Iterator[RotatedUser]:
    """Give a user whose secret is in force."""
    user = RotatedUser(store, valkey)
    yield user
    user.remove()


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis(user: RotatedUser, traffic: type[Traffic], protocol: int) -> None:
    """The page's client; each request connects anew, as a pool does after an idle night."""
    host = f'"{user.server.host}", protocol={protocol}'
    client = recipe("redis-py", **{'"localhost"': host, "6379": str(user.server.port)})["client"]

    def request() -> None:
        with redis.Redis(connection_pool=new_pool()) as one:
            assert one.ping()

    def new_pool() -> redis.ConnectionPool:
        return redis.ConnectionPool(**client.connection_pool.connection_kwargs)

    with client, traffic(request, threads=4) as requests:
        for _ in range(3):
            requests.wait_for(8)
            user.rotate(during=lambda: requests.wait_for(16))
    assert requests.failures == []


def test_redis_for_asyncio(user: RotatedUser) -> None:
    """The same hook, awaited."""
    log_in = rotating_redis("gli/redis/{environment}", asynchronous=True)

    async def ask() -> None:
        place = {"host": user.server.host, "port": user.server.port}
        async with redis.asyncio.Redis(**place, redis_connect_func=log_in) as client:
            await client.ping()

    async def scene() -> None:
        await ask()
        user.rotate()
        await ask()

    asyncio.run(scene())


def test_redis_without_a_right_is_told_at_once(user: RotatedUser) -> None:
    """A command that the user may not give is no refused credential."""
    ladder = open_ladder("gli/redis/{environment}", user.store)
    user.acl("-ping")
    pool = redis.ConnectionPool(
        host=user.server.host, port=user.server.port, redis_connect_func=rotating_redis(ladder)
    )
    with (
        redis.Redis(connection_pool=pool) as client,
        pytest.raises(redis.exceptions.NoPermissionError),
    ):
        client.ping()
    pool.disconnect()
    assert user.store.asked == [AWSCURRENT]


def test_a_password_alone_has_the_urls_user(user: RotatedUser) -> None:
    """REDIS_URL may name the user, and the secret only the password."""
    ladder = open_ladder("gli/redis/{environment}#password", user.store)
    url = f"redis://{user.user}:old@{user.server.host}:{user.server.port}/0"
    with redis.Redis.from_url(url, redis_connect_func=rotating_redis(ladder)) as client:
        assert client.execute_command("ACL", "WHOAMI") == user.user.encode()
    assert ladder.reference == Reference.parse("gli/redis/development#password")
