"""The Lambda for real: the zip, AWS's runtime client, Secrets Manager's RotateSecret, PostgreSQL.

Nothing is imported here from what is tested: the function runs in a process that sees the zip,
boto3 and the standard library.
"""

from __future__ import annotations

import json
import platform
import secrets
import sys
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import psycopg
import pytest

from glisecrets.references import Address
from glisecrets.rotation.bundle import build_bundle
from glisecrets.rotation.bundle.wheels import ARCHITECTURES
from glisecrets.testing import LambdaFailed, LambdaRuntime, SecretsManagerServer

from .postgresql_roles import Role, made, session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from glisecrets.testing.servers import RunningServer

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ARCHITECTURES.values(),
    reason="runs a zip that is built for Lambda",
)

HANDLER = "glisecrets.rotation.handler.handle"
LAMBDA = "arn:aws:lambda:ap-northeast-2:123456789012:function:rotate"
STEPS = ["createSecret", "setSecret", "testSecret", "finishSecret"]
#: Loaded with each of these, a cold start would take longer, or the zip would need it.
UNWANTED = {"pydantic", "pydantic_settings", "django", "typer", "rich", "hvac", "sqlite3"}
REPORTER = f"""
import sys
from {HANDLER.rpartition(".")[0]} import handle as rotate

def handle(event, context):
    rotate(event, context)
    return sorted({{name.partition(".")[0] for name in sys.modules}})

def imports(event, context):
    import nacl.public, redis, httpx, psycopg
    return psycopg.pq.__impl__
"""


@dataclass
class Rotated:
    """A database password in Secrets Manager, rotated by the Lambda."""

    function: LambdaRuntime
    role: Role
    name: str = field(default_factory=lambda: f"gli/{secrets.token_hex(6)}")
    #: What the service was told, by ``on_rotate``.
    events: list[Mapping[str, str]] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server = SecretsManagerServer(on_rotate=self.received)

    def received(self, event: Mapping[str, str]) -> None:
        """Pass an event on; a test may put another step in the way."""
        self.step(event)

    def step(self, event: Mapping[str, str]) -> None:
        """Stand between the service and the Lambda, and take notes."""
        self.events.append(event)
        try:
            self.function.invoke(event)
        except LambdaFailed as error:
            self.failures.append((event["Step"], error.error_type))
            raise

    def create(self, value: str | None = None, **tags: str) -> None:
        """Make the secret."""
        named = {f"glisecrets:{key}": text for key, text in tags.items()}
        self.server.store.create(self.name, value or self.role.value(), tags=named)

    def rotate(self) -> str:
        """Call RotateSecret, wait for the end, and give the token."""
        client = self.server.client()
        answer = client.rotate_secret(SecretId=self.name, RotationLambdaARN=LAMBDA)
        client.close()
        self.server.wait_for_rotations(60)
        return answer["VersionId"]

    def password(self, label: str = "AWSCURRENT") -> str:
        """Give the password that a label is on."""
        return json.loads(self.server.store.get(Address(self.name, None, label)).value)["password"]

    def logs_in(self, password: str) -> bool:
        """Ask the database."""
        value = self.role.value(password=password)
        try:
            with session(self.role.server, value):
                return True
        except psycopg.OperationalError:
            return False

    @property
    def steps(self) -> list[str]:
        return [event["Step"] for event in self.events]

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The function's log lines that are ours."""
        return [json.loads(line) for line in self.function.log.splitlines() if line[:1] == "{"]

    def check_done(self, token: str) -> None:
        """The database takes the new password alone, and no label is out of place."""
        assert self.server.store.describe(self.name).labelled("AWSCURRENT") == token
        assert self.server.store.describe(self.name).labelled("AWSPENDING") is None
        assert self.logs_in(self.password())
        assert not self.logs_in(self.role.password)
        for secret in (self.password(), self.role.password):
            assert secret not in self.function.log


class Asked:
    """Counts a step's requests to Secrets Manager, and kills the sandbox after one of them.

    The request has been carried out, and its answer is lost.
    """

    def __init__(self, rotated: Rotated, step: str, killed_at: int) -> None:
        self.number = 0
        self._rotated, self._step, self._killed_at = rotated, step, killed_at
        rotated.server.respond = self.respond

    def respond(self, headers, body):
        answer = SecretsManagerServer.respond(self._rotated.server, headers, body)
        if self._rotated.steps[-1:] == [self._step]:
            self.number += 1
            if self.number == self._killed_at:
                self._rotated.function.kill()
        return answer


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip for this machine, unpacked."""
    folder = tmp_path_factory.mktemp("lambda")
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    names = {machine: name for name, machine in ARCHITECTURES.items()}
    report = build_bundle(
        folder / "rotation.zip",
        python=here,
        architecture=names[platform.machine()],
        extras=("rotation", "github"),
    )
    with ZipFile(report.path) as archive:
        archive.extractall(folder / "task")
    (folder / "task" / "reporter.py").write_text(REPORTER, "utf-8")
    return folder / "task"


@pytest.fixture
def rotated(code: Path, postgres: RunningServer) -> Iterator[Rotated]:
    """A server of Secrets Manager whose RotateSecret invokes the function."""
    with LambdaRuntime(code, HANDLER) as function:
        rotated = Rotated(function, made(postgres))
        with rotated.server as server:
            function.environ.update(server.environ)
            yield rotated


def test_rotate_secret_changes_a_database_password(rotated: Rotated) -> None:
    """Four steps in one sandbox; afterwards the database takes the new password alone."""
    rotated.server.rotations.with_tokens = True
    rotated.create(rotator="postgresql")
    token = rotated.rotate()
    assert rotated.steps == STEPS
    assert rotated.function.cold_starts == 1
    rotated.check_done(token)
    assert [(line["step"], line["result"]) for line in rotated.lines] == [
        ("createSecret", "proposed"),
        ("setSecret", "applied"),
        ("testSecret", "accepted"),
        ("finishSecret", "finished"),
    ]
    assert {line["version"] for line in rotated.lines} == {token[:8]}
    (rotation_token,) = {event["RotationToken"] for event in rotated.events}
    assert rotation_token not in rotated.function.log


def test_the_process_imports_nothing_that_rotation_does_without(code, rotated) -> None:
    """No settings, no Django and no command line in a cold start."""
    rotated.create(rotator="postgresql")
    loaded: set[str] = set()
    with LambdaRuntime(code, "reporter.handle", environ=rotated.server.environ) as function:
        rotated.step = lambda event: loaded.update(function.invoke(event))
        rotated.check_done(rotated.rotate())
    assert {"glisecrets", "botocore", "psycopg"} <= loaded
    assert loaded & UNWANTED == set()


def test_every_package_of_the_zip_can_be_imported(code) -> None:
    """Compiled parts and what they need are there: libpq, libsodium, cffi's back end."""
    with LambdaRuntime(code, "reporter.imports") as function:
        assert function.invoke({}) == "binary"


@pytest.mark.parametrize("step", STEPS)
def test_a_sandbox_that_dies_in_a_step_loses_nothing(rotated: Rotated, step: str) -> None:
    """Killed after any of a step's requests has arrived, the retry ends with the right password."""
    rotated.create(rotator="postgresql")
    for killed_at in count(1):
        asked = Asked(rotated, step, killed_at)
        rotated.events.clear()
        rotated.check_done(rotated.rotate())
        if asked.number < killed_at:  # the step has no further request to die after
            break
        assert rotated.steps.count(step) > 1
        rotated.role = replace(rotated.role, password=rotated.password())
    assert killed_at > 2
    assert {kind for _, kind in rotated.failures} == {"Runtime.ExitError"}


def test_a_step_that_takes_too_long_is_killed_and_retried(rotated: Rotated) -> None:
    """A lock on the role holds setSecret up beyond Lambda's timeout; the next attempt goes on."""
    rotated.create(rotator="postgresql")
    rotated.function.timeout, rotated.server.rotations.attempts = 3.0, 9  # slow machines
    with session(rotated.role.server) as blocker:
        blocker.execute("BEGIN")
        blocker.execute(f'ALTER ROLE "{rotated.role.name}" CONNECTION LIMIT 50')
        step = rotated.step

        def released_after_failure(event):
            try:
                step(event)
            except LambdaFailed:
                blocker.execute("ROLLBACK")
                raise

        rotated.step = released_after_failure
        token = rotated.rotate()
    assert ("setSecret", "Sandbox.Timedout") in rotated.failures
    rotated.check_done(token)


def test_a_set_up_that_is_wrong_fails_at_once_and_says_what_to_do(rotated: Rotated) -> None:
    """Lambda reports a failure whose text tells the secret and the next step, and no value."""
    rotated.create()
    rotated.rotate()
    assert set(rotated.failures) == {("createSecret", "NoRotator")}
    assert {line["error"] for line in rotated.lines if line["Failed"]} == {
        f"{rotated.name} has no tag glisecrets:rotator: nothing says how it is rotated"
    }
    assert all(line["next_step"] for line in rotated.lines)
    assert rotated.role.password not in rotated.function.log
    assert rotated.logs_in(rotated.role.password)


def test_a_database_that_is_away_is_not_a_wrong_password(rotated: Rotated) -> None:
    """The log says that it cannot be reached, and the old password stays in force."""
    rotated.create(rotated.role.value(port=1), rotator="postgresql")
    rotated.rotate()
    assert set(rotated.failures) == {("setSecret", "Unreachable")}
    assert rotated.logs_in(rotated.role.password)
    assert rotated.password("AWSPENDING") not in rotated.function.log


def test_setting_rotation_up_tries_the_current_password(rotated: Rotated) -> None:
    """RotateImmediately=false runs testSecret alone, which tells a wrong network or password."""
    rotated.create(rotator="postgresql")
    client = rotated.server.client()
    rules = {"AutomaticallyAfterDays": 90}
    client.rotate_secret(
        SecretId=rotated.name,
        RotationLambdaARN=LAMBDA,
        RotationRules=rules,
        RotateImmediately=False,
    )
    client.close()
    rotated.server.wait_for_rotations(60)
    assert [(line["step"], line["result"]) for line in rotated.lines] == [
        ("testSecret", "accepted")
    ]
    assert rotated.password() == rotated.role.password
