"""Uses of the public interface as a program writes them: type-checked, never run.

A signature that loses its types fails ``make lint`` here, before a user's own check does.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, assert_type

import psycopg
import redis
from psycopg.rows import TupleRow
from pydantic import Field, SecretStr

from glisecrets import (
    LAYERS_INJECTED,
    Address,
    Change,
    Environment,
    Explanation,
    Fault,
    LiveOptions,
    LoadOptions,
    Origin,
    PemKey,
    Redactor,
    Reference,
    SecretPemKey,
    SecretVersion,
    Settings,
    SettingsError,
    Store,
    current_environment,
    open_store,
    process_redactor,
    rotating,
    rotating_redis,
    secret,
)
from glisecrets.django_integration import DatabaseCredentials, DjangoSettings, Env
from glisecrets.django_integration.encryption import (
    EncryptedDecimalField,
    EncryptedTextField,
    field_envelope,
    process_envelope,
)
from glisecrets.keys import Key, KeyPair, PublicKey, RsaKeyring, SecretKeyring
from glisecrets.keys.envelope import Envelope
from glisecrets.redaction import RedactingFilter
from glisecrets.rotation import (
    Engine,
    NotRotatable,
    Outcome,
    Rotation,
    RotationError,
    Rotator,
    Step,
    Verdict,
    run,
)
from glisecrets.stores import SecretDescription, SecretValue, VersionInfo
from glisecrets.testing import LambdaRuntime, SecretsManagerServer
from glisecrets.testing.servers import RunningServer, postgres_server


class ApiSettings(DjangoSettings):
    """Declared as the README declares it."""

    load_options = LoadOptions(
        layers=LAYERS_INJECTED,
        allow=("gli/licence/production",),
        accounts={"production": ("917891822317",)},
        live=LiveOptions(ttl=60, folder=Path("/var/lib/gli")),
    )

    secret_key: SecretStr = secret("gli/django/{environment}#secret_key", rotate_every="365d")
    database: DatabaseCredentials | None = secret(
        "gli/db/{environment}",
        None,
        kind="postgresql",
        rotate_every="90d",
        rotation={"admin": "gli/db-admin/{environment}"},
    )
    feature_flags: dict[str, bool] = Field(default_factory=dict)


class WorkerSettings(Settings):
    """Not Django."""

    private_key: SecretPemKey = secret("gli/jwt/{environment}#private", data_class="confidential")
    public_key: PemKey = ""


def _settings() -> None:
    settings = ApiSettings.load(environment="staging", environ={}, store="local", debug=True)
    assert_type(settings, ApiSettings)
    assert_type(settings.secret_key, SecretStr)
    assert_type(settings.feature_flags, dict[str, bool])
    assert_type(settings.origin("debug"), Origin)
    assert_type(settings.explain("debug"), Explanation)
    assert_type(settings.explain(), tuple[Explanation, ...])
    assert_type(settings.environment_loaded, Environment)
    assert_type(settings.databases(pool=True), dict[str, Any])
    assert_type(WorkerSettings.load().private_key, SecretStr)


def _live(settings: ApiSettings) -> None:
    def changed(change: Change) -> None:
        assert_type(change.new_version, str)

    settings.on_change("database", changed)
    database: DatabaseCredentials = settings.live("database")
    assert_type(database.password, SecretStr)


def _faults(error: SettingsError) -> None:
    assert_type(error.faults, tuple[Fault, ...])
    assert_type(error.errors(), list[dict[str, object]])
    assert_type(error.json(), str)


def _environments() -> None:
    assert_type(current_environment(), Environment)
    assert_type(current_environment({"DJANGO_ENV": "staging"}).suffixes, tuple[str, ...])


def _stores(store: Store) -> None:
    reference = Reference.parse("gli/db/staging#password")
    assert_type(reference.address, Address)
    assert_type(store.get(reference.address), SecretVersion)
    assert_type(store.describe("gli/db/staging"), SecretDescription)
    assert_type(store.put("gli/db/staging", "{}", labels=("AWSPENDING",)), VersionInfo)
    assert_type(open_store("local"), Store | None)


def _redaction(text: str) -> None:
    assert_type(process_redactor(), Redactor)
    assert_type(process_redactor().redact(text), str)
    assert_type(RedactingFilter(), RedactingFilter)


def _django_environ() -> None:
    env = Env(DEBUG=(bool, False), references={"SECRET_KEY": "gli/django/{environment}#key"})
    assert_type(env.origin("SECRET_KEY"), Origin)


class DoorCode(Rotator):
    """A kind of another package."""

    period: ClassVar = timedelta(days=30)
    overlap: ClassVar = timedelta(days=1)
    options: ClassVar[frozenset[str]] = frozenset({"door"})

    def propose(self, rotation: Rotation) -> SecretValue:
        """Choose a code."""
        if "door" not in rotation.options:
            raise NotRotatable("no door is named", next_step="add the tag glisecrets:door")
        assert_type(rotation.read("gli/doors"), str | bytes)
        return "1234"

    def probe(self, rotation: Rotation, value: SecretValue) -> Verdict:
        """Try it."""
        return Verdict.ACCEPTED if value == rotation.pending else Verdict.REJECTED


def _rotations(store: Store, error: RotationError) -> None:
    def told(outcome: Outcome) -> None:
        assert_type(outcome.step, Step)
        assert_type(outcome.result, str)

    engine = Engine(store, declared={"gli/db/staging": {"rotator": "postgresql"}})
    assert_type(run(engine, "gli/db/staging", urgent=True, told=told), str)
    assert_type(engine.step(Step.CREATE, "gli/db/staging", "token"), Outcome)
    assert_type(error.secret, str | None)
    assert_type(error.passing, bool)
    assert_type(error.next_step, str)


def _clients() -> None:
    connect = rotating(psycopg.connect, "gli/db/{environment}")
    connection: psycopg.Connection[Any] = connect(application_name="report")
    connection.close()
    kind = rotating(psycopg.Connection[TupleRow], "gli/db/{environment}")
    assert_type(kind, type[psycopg.Connection[TupleRow]])
    redis.Redis(redis_connect_func=rotating_redis("gli/redis/{environment}"))


def _keys() -> None:
    now = datetime.now(UTC)
    ring = RsaKeyring.parse("{}")
    assert_type(ring, RsaKeyring)
    assert_type(ring.key_pair, KeyPair)
    assert_type(ring.jwks(now), dict[str, Any])
    assert_type(ring.public_keys(), tuple[PublicKey, ...])
    assert_type(ring.rotated(RsaKeyring.new_key(now), now, timedelta(days=2)), RsaKeyring)
    assert_type(KeyPair.generate().sign(b"message"), bytes)
    assert_type(SecretKeyring.parse("{}").signing, Key)
    assert_type(SecretKeyring.parse("{}").secret_key, str)
    assert_type(SecretKeyring.parse("{}").fallbacks(now), list[str])


def _encrypted_fields() -> None:
    note = EncryptedTextField("Note", data_class="confidential", label="patient/note", null=True)
    EncryptedDecimalField(data_class="internal", label="a/b", max_digits=6, decimal_places=2)
    assert_type(note.label, str)
    assert_type(note.encode("text"), bytes)
    assert_type(note.decode(b"text"), str)
    assert_type(process_envelope(), Envelope)
    assert_type(field_envelope("confidential", "patient/note").encrypt(b""), bytes)


def _servers() -> None:
    with postgres_server() as server:
        assert_type(server, RunningServer)
        assert_type(server.port, int)
    with SecretsManagerServer() as manager:
        assert_type(manager.environ, dict[str, str])
    with LambdaRuntime(Path("rotation.zip"), "glisecrets.rotation.handler.handle") as function:
        assert_type(function, LambdaRuntime)
        SecretsManagerServer(on_rotate=function.invoke)
