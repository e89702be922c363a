"""The providers of the real rotators, for scenarios: real servers, and stubs that keep state.

What a provider accepts is asked of the provider itself, by a login of its own kind.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable  # noqa: TC003 - of dataclasses
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

import psycopg
import redis
from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam.models import iam_backends
from redis.backoff import NoBackoff
from redis.retry import Retry

from glisecrets.keys import KeyPair, Keyring, RsaKeyring, SecretKeyring

from .elasticache_stub import GROUP_ID, USER_ID, ElastiCacheStub
from .faulty_rotators import RealProvider
from .loopback import Asked, Reply
from .postgresql_roles import Role, make, session
from .test_iam import Sts, User
from .test_sendgrid import ADMIN, SendGrid

if TYPE_CHECKING:
    from glisecrets.stores.base import SecretValue
    from glisecrets.testing.servers import RunningServer

ADMIN_SECRET = "gli/admin"
#: To a client, a refused password is a lost connection: it would wait and try again.
ONCE = Retry(NoBackoff(), 0)


# PostgreSQL -----------------------------------------------------------------------------------


@dataclass
class PostgresRole(RealProvider):
    """A role on a real PostgreSQL."""

    server: RunningServer = None  # type: ignore[assignment]
    kind = "postgresql"
    keeps_current = False
    has_lock = True

    def first(self) -> str:
        self.role = make(Role(self.server))
        return self.noted(self.role.value())

    def hidden(self, value: str) -> list[str]:
        return [json.loads(value)["password"]]

    def accepts(self, value: SecretValue) -> bool:
        try:
            with session(self.server, str(value)):
                return True
        except psycopg.OperationalError:
            return False

    def strays(self, labelled: set[str]) -> bool:
        return any(self.accepts(value) for value in {*self.values} - labelled)

    def state(self) -> object:
        return self.role.stored(), self.role.stored(f"{self.role.name}_clone")


@dataclass
class PostgresRoles(PostgresRole):
    """A role and its clone."""

    kind = "postgresql-alternating"
    keeps_current = True

    def options(self) -> dict[str, str]:
        return {"admin": ADMIN_SECRET}

    def administrators(self) -> dict[str, str]:
        return {ADMIN_SECRET: Role(self.server).administrator()}


# Redis ----------------------------------------------------------------------------------------


@dataclass
class RedisUser(RealProvider):
    """A user of a real Valkey."""

    server: RunningServer = None  # type: ignore[assignment]
    admin: redis.Redis = None  # type: ignore[assignment]
    name: str = field(default_factory=lambda: f"faults-{secrets.token_hex(6)}")
    kind = "redis-acl"

    def options(self) -> dict[str, str]:
        return {"admin": ADMIN_SECRET}

    def administrators(self) -> dict[str, str]:
        return {ADMIN_SECRET: self._value(self.server.user, self.server.password)}

    def first(self) -> str:
        password = secrets.token_urlsafe()
        self.admin.execute_command("ACL", "SETUSER", self.name, "on", "+ping", f">{password}")
        return self.noted(self._value(self.name, password))

    def hidden(self, value: str) -> list[str]:
        return [json.loads(value)["password"]]

    def accepts(self, value: SecretValue) -> bool:
        login = json.loads(value)
        with redis.Redis(**login, retry=ONCE) as client:
            try:
                return bool(client.ping())
            except redis.AuthenticationError:
                return False

    def strays(self, labelled: set[str]) -> bool:
        wanted = {hashlib.sha256(self.hidden(value)[0].encode()).hexdigest() for value in labelled}
        return len(self.state()) > 2 or not self.state() <= wanted

    def state(self) -> frozenset[str]:
        return frozenset(self.admin.acl_getuser(self.name)["passwords"])

    def _value(self, user: str, password: str) -> str:
        place = {"host": self.server.host, "port": self.server.port}
        return json.dumps({"username": user, "password": password, **place})


@dataclass
class Stubs:
    """What answers where the environment says that a provider is; each scenario sets its own."""

    url: str = ""
    answer: Callable[[Asked], Reply] = field(default=lambda _: Reply(503))
    #: The scenario's clock, for what a stub dates.
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


@dataclass
class CacheUser(RedisUser):
    """A user of ElastiCache's access control: a stub of the API before a real Valkey."""

    stubs: Stubs = field(default_factory=Stubs)
    kind = "elasticache-user"
    replaces = True

    def options(self) -> dict[str, str]:
        return {"user-id": USER_ID}

    def administrators(self) -> dict[str, str]:
        return {}

    def first(self) -> str:
        value = super().first()
        self.stub = ElastiCacheStub(self.admin, self.name, passwords=self.hidden(value))
        self.stubs.answer = self.stub.answer
        return value


@dataclass
class CacheToken(CacheUser):
    """The AUTH token of a replication group."""

    kind = "elasticache-token"
    replaces = False

    def options(self) -> dict[str, str]:
        return {"replication-group": GROUP_ID}

    def must_accept_current(self) -> bool:
        """Not once two runs have sent one token: nothing in this API can prevent the second."""
        *before, token = self.stub.passwords
        return token not in before


# Minted keys ----------------------------------------------------------------------------------


@dataclass
class IamUser(RealProvider):
    """A user of moto's IAM; STS is a stub, for moto's accepts any key."""

    stubs: Stubs = field(default_factory=Stubs)
    kind = "iam-access-key"

    def first(self) -> str:
        self.stubs.answer, self.stubs.now = self._answer, self.now
        self.user, self.sts = User(self.server), Sts()
        return self.noted(json.dumps(self.user.add()))

    def options(self) -> dict[str, str]:
        return {}

    def hidden(self, value: str) -> list[str]:
        return [json.loads(value)["SecretAccessKey"]]

    def accepts(self, value: SecretValue) -> bool:
        return self.state().get(json.loads(value)["AccessKeyId"]) == "Active"

    def strays(self, labelled: set[str]) -> bool:
        keys = self.state().keys()
        return len(keys) > 2 or not keys <= {json.loads(value)["AccessKeyId"] for value in labelled}

    def state(self) -> dict[str, str]:
        """Give each key's status, from where moto keeps it: a request takes too long."""
        keys = iam_backends[DEFAULT_ACCOUNT_ID]["aws"].list_access_keys(self.user.name)
        return {key.access_key_id: key.status for key in keys}

    def _answer(self, asked: Asked) -> Reply:
        self.sts.known = {key for key, status in self.state().items() if status == "Active"}
        return self.sts.answer(asked)


@dataclass
class SendGridAccount(RealProvider):
    """SendGrid's keys, at a stub of its API."""

    stubs: Stubs = field(default_factory=Stubs)
    grid: SendGrid = field(default_factory=SendGrid)
    kind = "sendgrid"

    def options(self) -> dict[str, str]:
        return {"admin": ADMIN_SECRET, "base-url": self.stubs.url}

    def administrators(self) -> dict[str, str]:
        self.admin = self.grid.add("admin", ["mail.send", *ADMIN])
        return {ADMIN_SECRET: self.admin.text}

    def first(self) -> str:
        self.stubs.answer = self.grid.answer
        return self.noted(self.grid.add("by hand", ["mail.send"]).text)

    def accepts(self, value: SecretValue) -> bool:
        return value in self.state()

    def strays(self, labelled: set[str]) -> bool:
        return len(self.state()) > 2 or not self.state() <= labelled

    def state(self) -> set[str]:
        return {key.text for key in self.grid.keys.values()} - {self.admin.text}


# Values of our own making -----------------------------------------------------------------------


@dataclass
class SecretKey(RealProvider):
    """Programs that have read the version before: they must know the key that signs now."""

    known: Keyring | None = None
    kind = "django-secret-key"
    rings: ClassVar[type[Keyring]] = SecretKeyring

    def first(self) -> str:
        return self.noted(secrets.token_urlsafe(48))

    def hidden(self, value: str) -> list[str]:
        return [key.material for key in self._ring(value).accepted()]

    def accepts(self, value: SecretValue) -> bool:
        ring = self._ring(str(value))
        if self.known and ring.signing.id not in {key.id for key in self.known.accepted()}:
            return False
        self.known = ring
        return True

    def strays(self, labelled: set[str]) -> bool:
        return False  # a value that nobody reads opens nothing

    def state(self) -> object:
        return self.known

    def _ring(self, value: str) -> Keyring:
        if value.startswith("{"):
            return self.rings.parse(value)
        return self.rings.taken_over(value, self.now())


@dataclass
class SigningKey(SecretKey):
    """The same with JSON Web Tokens."""

    kind = "jwt-keyring"
    rings = RsaKeyring

    def first(self) -> str:
        return self.noted(KeyPair.generate().pem)


@dataclass
class SharedText(RealProvider):
    """Random text; who reads the secret has it."""

    kind = "generated"

    def first(self) -> str:
        return self.noted(secrets.token_urlsafe(32))

    def accepts(self, value: SecretValue) -> bool:
        return value in self.values

    def strays(self, labelled: set[str]) -> bool:
        return False

    def state(self) -> object:
        return None
