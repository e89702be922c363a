"""``rotate status``, ``run`` and ``retire``, as an operator uses them."""

from __future__ import annotations

import secrets
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, ClassVar

import pytest

from glisecrets.references import AWSCURRENT, AWSPENDING, Address
from glisecrets.rotation import Engine, Rotation, Rotator, Step, Verdict
from glisecrets.rotation.running import begin
from glisecrets.stores.aws import AwsStore

from .loopback import closed_port

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glisecrets.stores.base import SecretValue
    from glisecrets.testing import SecretsManagerServer

    from .conftest import Service

WEBHOOK = (
    'webhook: SecretStr = secret("gli/webhook/{environment}", kind="generated", rotate_every="90d")'
)
LOGIN = 'login: SecretStr = secret("gli/login/{environment}")'


def state(service: Service, secret: str = "gli/webhook/staging") -> str:
    """Give what ``rotate status`` says of a secret."""
    listed = service.call("status", "--format", "json").document["secrets"]
    return next(each["state"] for each in listed if each["secret"] == secret)


# status -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "expected", "code"), [(89, "fine", 0), (92, "due", 0), (95, "overdue", 1)]
)
def test_a_secret_past_its_period_is_overdue_and_fails(
    service: Service, days: int, expected: str, code: int
) -> None:
    """A monitor need only look at the exit code. Quarters may have 92 days: due is not overdue."""
    service.declare(WEBHOOK)
    service.create("gli/webhook/staging")
    service.later(days=days)
    assert state(service) == expected
    assert service.call("status").code == code


def test_status_fits_eighty_columns(service: Service) -> None:
    """Everything that matters can be read in a plain terminal."""
    service.declare(WEBHOOK, LOGIN)
    service.create("gli/webhook/staging")
    service.create("gli/login/staging")
    service.monkeypatch.setenv("COLUMNS", "80")
    service.later(days=100)
    done = service.call("status")
    assert max(map(len, done.out.splitlines())) <= 80
    for text in ("gli/webhook/staging", "100 d", "overdue", "no rotator"):
        assert text in done.out


def test_a_rotation_that_hangs_is_stuck_after_an_hour(service: Service) -> None:
    """Under way is fine; for more than an hour somebody has to look."""
    service.declare(WEBHOOK)
    service.create("gli/webhook/staging", rotator="generated")
    begin(Engine(service.store), "gli/webhook/staging")
    assert state(service) == "under way"
    service.later(hours=2)
    assert state(service) == "stuck"
    done = service.call("status")
    assert (done.code, "stuck since 20" in done.out) == (1, True)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [({}, "no rotator"), ({"rotator": "nothing"}, "broken"), ({"rotator": "generated"}, "fine")],
)
def test_the_tags_say_how_a_secret_is_rotated_where_the_class_does_not(
    service: Service, tags: dict[str, str], expected: str
) -> None:
    """No tag: it is not rotated, which is shown and no fault. A wrong tag is one."""
    service.declare(LOGIN)
    service.create("gli/login/staging", **tags)
    assert state(service, "gli/login/staging") == expected
    assert service.call("status").code == (1 if expected == "broken" else 0)


def test_a_tag_that_is_no_duration_is_told(service: Service) -> None:
    """A slip in a tag must not take the whole report away."""
    service.declare(WEBHOOK, LOGIN)
    service.create("gli/webhook/staging")
    service.create("gli/login/staging", rotator="generated", rotate_every="quarterly")
    assert state(service, "gli/login/staging") == "broken"
    assert "'quarterly' is not a duration" in service.call("status").out


def test_a_declared_secret_that_is_not_there_is_told(service: Service) -> None:
    """It is neither rotated nor readable."""
    service.declare(WEBHOOK)
    assert state(service) == "not in the store"
    assert service.call("status").code == 1


def test_rotation_that_is_turned_off_is_no_silence(
    aws_service: Service, aws_server: SecretsManagerServer
) -> None:
    """CancelRotateSecret in an incident, then forgotten: status says so and fails."""
    aws_service.declare(WEBHOOK)
    aws_service.create("gli/webhook/staging")
    client = aws_server.client()
    client.rotate_secret(
        SecretId="gli/webhook/staging",
        RotationLambdaARN="arn:aws:lambda:ap-northeast-2:123456789012:function:x",
        RotationRules={"AutomaticallyAfterDays": 90},
        RotateImmediately=False,
    )
    aws_server.wait_for_rotations()
    client.cancel_rotate_secret(SecretId="gli/webhook/staging")
    assert state(aws_service) == "broken"
    assert "rotation is turned off" in aws_service.call("status").out


# run ----------------------------------------------------------------------------------------


def test_run_rotates_what_is_named(service: Service) -> None:
    """The new version is current, the old one kept, and no value is printed."""
    service.declare(WEBHOOK)
    old = service.create("gli/webhook/staging")
    done = service.call("run", "gli/webhook/{environment}")
    assert done.code == 0
    version = service.store.get(Address("gli/webhook/staging"))
    assert version.version_id[:8] in done.out
    assert version.version_id != old
    assert str(version.value) not in done.out + done.err


def test_run_goes_by_tags_where_no_class_is_named(service: Service) -> None:
    """On a host that only operates, there is no settings class."""
    old = service.create("gli/webhook/staging", rotator="generated")
    assert service.call("run", "gli/webhook/staging").code == 0
    assert service.store.describe("gli/webhook/staging").labelled(AWSCURRENT) != old


def test_run_finishes_what_was_left_half_way(service: Service) -> None:
    """After a crash the same value is taken up again, not a second one made."""
    service.declare(WEBHOOK)
    service.create("gli/webhook/staging", rotator="generated")
    token = begin(Engine(service.store), "gli/webhook/staging")
    assert service.call("run", "gli/webhook/staging").code == 0
    assert service.store.describe("gli/webhook/staging").labelled(AWSCURRENT) == token


def test_what_is_due_is_run_and_nothing_else(service: Service) -> None:
    """A daily cron job or Celery beat needs this one command."""
    monthly = WEBHOOK.replace("webhook", "monthly").replace("90d", "30d")
    service.declare(WEBHOOK, monthly, LOGIN)
    kept = service.create("gli/webhook/staging")
    service.create("gli/monthly/staging")
    service.create("gli/login/staging")
    service.later(days=45)
    done = service.call("run", "--due", "--format", "json")
    assert [each["secret"] for each in done.document["secrets"]] == ["gli/monthly/staging"]
    assert service.store.describe("gli/webhook/staging").labelled(AWSCURRENT) == kept
    service.later(days=0)
    assert "nothing is due" in service.call("run", "--due").err


def test_one_that_fails_stops_no_other(service: Service) -> None:
    """The report names the failed one with its next step, and the exit code tells."""
    service.declare(WEBHOOK, LOGIN)
    service.create("gli/webhook/staging")
    service.create("gli/login/staging")
    done = service.call("run", "gli/login/staging", "gli/webhook/staging")
    assert done.code == 1
    assert "has no tag glisecrets:rotator" in done.out
    assert "rotated" in done.out


def test_an_error_says_whose_it_is(service: Service) -> None:
    """Of several secrets that use one provider: what it answers names none of them."""
    service.declare(WEBHOOK, LOGIN)
    service.later()  # and nobody waits between two tries
    names = "gli/webhook/staging", "gli/login/staging"
    with closed_port() as url:
        for name in names:
            service.create(name, rotator="generated", probe_url=url)
        done = service.call("run", *names)
    assert done.code == 1
    for name in names:
        assert f"secret  {name}" in done.out


def test_a_store_that_refuses_is_told_apart(
    aws_service: Service, aws_server: SecretsManagerServer
) -> None:
    """Exit code 3, as in every other command."""
    aws_service.declare(WEBHOOK)
    aws_service.create("gli/webhook/staging")
    aws_server.faults.denied_operations.add("DescribeSecret")
    done = aws_service.call("run", "gli/webhook/staging")
    assert (done.code, "allow secretsmanager:DescribeSecret" in done.out) == (3, True)


@pytest.mark.parametrize("command", ["run", "retire", "repair"])
def test_another_environments_secret_is_refused(service: Service, command: str) -> None:
    """A name pasted from production's runbook must not reach production's store."""
    service.declare(WEBHOOK)
    done = service.call(command, "gli/webhook/production")
    assert done.code == 2
    assert "belongs to production, and this is staging" in done.err


@pytest.mark.parametrize("arguments", [(), ("gli/webhook/staging", "--due")])
def test_run_wants_names_or_due(service: Service, arguments: tuple[str, ...]) -> None:
    """An empty list of names, as from a script's unset variable, never means all."""
    service.declare(WEBHOOK)
    assert service.call("run", *arguments).code == 2


def turned_on(server: SecretsManagerServer, secret: str) -> None:
    """Have Secrets Manager rotate a secret by a Lambda, for which the engine stands in."""

    def handle(event: Mapping[str, str]) -> None:
        engine = Engine(AwsStore(environ=server.environ))
        engine.step(Step(event["Step"]), event["SecretId"], event["ClientRequestToken"])

    server.rotations._on_rotate = handle
    server.client().rotate_secret(
        SecretId=secret,
        RotationLambdaARN="arn:aws:lambda:ap-northeast-2:123456789012:function:x",
        RotationRules={"ScheduleExpression": "cron(0 17 1 * ? *)"},
        RotateImmediately=False,
    )
    server.wait_for_rotations()


@pytest.mark.parametrize(("options", "calls"), [((), 1), (("--here",), 0)])
def test_a_lambda_rotates_what_it_usually_rotates(
    aws_service: Service,
    aws_server: SecretsManagerServer,
    options: tuple[str, ...],
    calls: int,
) -> None:
    """A laptop cannot reach the database in the VPC, the Lambda can; --here insists."""
    aws_service.declare(WEBHOOK)
    old = aws_service.create("gli/webhook/staging", rotator="generated")
    turned_on(aws_server, "gli/webhook/staging")
    aws_server.calls.clear()
    assert aws_service.call("run", "gli/webhook/staging", *options).code == 0
    assert [call.operation for call in aws_server.calls].count("RotateSecret") == calls
    description = aws_service.store.describe("gli/webhook/staging")
    assert description.labelled(AWSCURRENT) != old


# retire -------------------------------------------------------------------------------------

KEYRING = 'key: SecretStr = secret("gli/key/{environment}", kind="generated")'


def test_retire_tells_of_every_declared_secret(service: Service) -> None:
    """A kind without an overlap has nothing to retire; secrets without a rotator are left out."""
    service.declare(KEYRING, LOGIN)
    service.create("gli/key/staging")
    service.create("gli/login/staging")
    done = service.call("retire", "--format", "json")
    assert done.document["secrets"] == [
        {
            "secret": "gli/key/staging",
            "outcome": "nothing to retire",
            "version_id": None,
            "error": None,
        }
    ]


def test_nothing_is_left_pending(service: Service) -> None:
    """After a run, no label says that a rotation is under way."""
    service.declare(WEBHOOK)
    service.create("gli/webhook/staging")
    service.call("run", "gli/webhook/staging")
    description = service.store.describe("gli/webhook/staging")
    assert description.labelled(AWSPENDING) is None


class Ticket(Rotator):
    """A kind with an overlap; its provider remembers what was revoked."""

    overlap: ClassVar[timedelta | None] = timedelta(days=7)
    revoked: ClassVar[set[SecretValue]] = set()

    def propose(self, rotation: Rotation) -> SecretValue:
        return secrets.token_urlsafe(12)

    def probe(self, rotation: Rotation, value: SecretValue) -> Verdict:
        return Verdict.REJECTED if value in self.revoked else Verdict.ACCEPTED

    def retire(self, rotation: Rotation, old: SecretValue) -> None:
        self.revoked.add(old)


@pytest.fixture
def ticket(service: Service, monkeypatch: pytest.MonkeyPatch) -> SecretValue:
    """A secret of that kind that has been rotated once; give the value before."""
    kinds = {"ticket": SimpleNamespace(load=lambda: Ticket, dist=None)}
    monkeypatch.setattr("glisecrets.rotation.finding._entry_points", lambda: kinds)
    service.declare('ticket: SecretStr = secret("gli/ticket/{environment}", kind="ticket")')
    service.create("gli/ticket/staging")
    old = service.store.get(Address("gli/ticket/staging")).value
    assert service.call("run", "gli/ticket/staging").code == 0
    return old


def test_the_old_value_is_good_for_its_overlap_then_revoked(
    service: Service, ticket: SecretValue
) -> None:
    """Status tells until when; the daily sweep revokes it after that, not before."""
    assert "old value good until 20" in service.call("status").out
    assert "nothing to retire" in service.call("retire").out
    service.later(days=8)
    assert "old value to retire" in service.call("status").out
    done = service.call("retire")
    assert (done.code, " retired " in done.out) == (0, True)
    assert ticket in Ticket.revoked
    assert "old value" not in service.call("status").out


def test_retire_now_does_not_wait(service: Service, ticket: SecretValue) -> None:
    """When the old value has leaked, seven days are too long."""
    assert service.call("retire", "gli/ticket/staging", "--now").code == 0
    assert ticket in Ticket.revoked


def test_an_emergency_does_not_wait_for_an_overlap(service: Service, ticket: SecretValue) -> None:
    """An everyday rotation is refused within it; in an emergency the older value goes at once."""
    refused = service.call("run", "gli/ticket/staging")
    assert (refused.code, "is good until" in refused.out) == (1, True)
    done = service.call("all", "--because", "laptop stolen", "--yes")
    assert done.code == 0
    assert ticket in Ticket.revoked
    assert "rotate retire --now" in done.err


def test_an_emergency_goes_through_the_lambda_too(
    aws_service: Service, aws_server: SecretsManagerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Lambda refuses within an overlap; what is in its way is revoked from here first."""
    kinds = {"ticket": SimpleNamespace(load=lambda: Ticket, dist=None)}
    monkeypatch.setattr("glisecrets.rotation.finding._entry_points", lambda: kinds)
    aws_service.declare('ticket: SecretStr = secret("gli/ticket/{environment}", kind="ticket")')
    aws_service.create("gli/ticket/staging", rotator="ticket")
    old = aws_service.store.get(Address("gli/ticket/staging")).value
    assert aws_service.call("run", "gli/ticket/staging").code == 0
    turned_on(aws_server, "gli/ticket/staging")
    aws_server.calls.clear()
    assert aws_service.call("all", "--because", "laptop stolen", "--yes").code == 0
    assert [call.operation for call in aws_server.calls].count("RotateSecret") == 1
    assert old in Ticket.revoked


def test_a_lambda_that_does_not_exist_gets_no_bundle(service: Service) -> None:
    """A slip in the version is told before anything is downloaded."""
    done = service.call("bundle", "--python", "2.7", "-o", "rotation.zip")
    assert done.code == 2
    assert not (service.root / "rotation.zip").exists()
