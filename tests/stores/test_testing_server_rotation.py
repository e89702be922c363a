"""RotateSecret of our Secrets Manager server: as the real service is recorded and documented."""

from __future__ import annotations

import secrets
import threading
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from glisecrets.testing import SecretsManagerServer
from glisecrets.testing.schedules import next_rotation

LAMBDA = "arn:aws:lambda:ap-northeast-2:123456789012:function:rotate"
STEPS = ["createSecret", "setSecret", "testSecret", "finishSecret"]
ONE_TRY = Config(retries={"total_max_attempts": 1})
NAME = "gli/db/staging"


class Rotating:
    """A server, a client of it, one secret, and a stand-in for the Lambda that does its work."""

    def __init__(self) -> None:
        self.events: list[dict[str, str]] = []
        #: Steps that fail, each so many times.
        self.failing: dict[str, int] = {}
        self.server = SecretsManagerServer(on_rotate=self.step)
        self.server.start()
        self.client = self.server.client(ONE_TRY)
        made = self.client.create_secret(Name=NAME, SecretString="first")
        self.first, self.arn = made["VersionId"], made["ARN"]

    def step(self, event) -> None:
        """Do what a rotation Lambda does to the labels."""
        self.events.append(dict(event))
        step, token = event["Step"], event["ClientRequestToken"]
        if self.failing.get(step, 0):
            self.failing[step] -= 1
            raise ValueError("a value may stand here")
        if step == "createSecret":
            extra = {"RotationToken": event["RotationToken"]} if "RotationToken" in event else {}
            self.client.put_secret_value(
                SecretId=NAME,
                SecretString="second",
                ClientRequestToken=token,
                VersionStages=["AWSPENDING"],
                **extra,
            )
        if step == "finishSecret" and "AWSCURRENT" not in self.stages().get(token, []):
            self.client.update_secret_version_stage(
                SecretId=NAME,
                VersionStage="AWSCURRENT",
                MoveToVersionId=token,
                RemoveFromVersionId=self.first,
            )

    def rotate(self, **parameters) -> str:
        """Call RotateSecret and wait for the end; give the token."""
        answer = self.client.rotate_secret(
            SecretId=NAME, **({"RotationLambdaARN": LAMBDA} | parameters)
        )
        self.server.wait_for_rotations(10)
        return answer["VersionId"]

    def stages(self) -> dict[str, list[str]]:
        """Give version id -> labels."""
        return self.client.describe_secret(SecretId=NAME)["VersionIdsToStages"]

    @property
    def steps(self) -> list[str]:
        """Give the steps that were called."""
        return [event["Step"] for event in self.events]


@pytest.fixture
def rotating():
    """A server of the test's own."""
    rotating = Rotating()
    yield rotating
    rotating.client.close()
    rotating.server.stop()


@pytest.fixture
def idle():
    """A client of a server whose Lambda does nothing, and a secret's first version."""
    with SecretsManagerServer() as server:
        client = server.client(ONE_TRY)
        yield client, client.create_secret(Name=NAME, SecretString="first")["VersionId"]
        client.close()


def refused(code: str, text: str = ""):
    """Expect an error of Secrets Manager with this code."""
    return pytest.raises(ClientError, match=rf"\({code}\).*{text}")


def stages(client) -> dict[str, list[str]]:
    """Give version id -> labels."""
    return client.describe_secret(SecretId=NAME)["VersionIdsToStages"]


def test_rotation_begins_with_an_empty_pending_version(idle):
    """RotateSecret registers its token as AWSPENDING, which reads as not found until written."""
    client, _ = idle
    with refused("InvalidRequestException"):
        client.rotate_secret(SecretId=NAME)
    token = str(uuid.uuid4())
    client.rotate_secret(SecretId=NAME, ClientRequestToken=token, RotationLambdaARN=LAMBDA)
    assert stages(client)[token] == ["AWSPENDING"]
    with refused("ResourceNotFoundException"):
        client.get_secret_value(SecretId=NAME, VersionStage="AWSPENDING")
    client.put_secret_value(
        SecretId=NAME, SecretString="x", ClientRequestToken=token, VersionStages=["AWSPENDING"]
    )
    pending = client.get_secret_value(SecretId=NAME, VersionId=token, VersionStage="AWSPENDING")
    assert pending["SecretString"] == "x"


def test_the_lambda_is_called_with_the_four_steps_in_order(rotating):
    """The events are those of the service: step, ARN and token; no RotationToken by default."""
    token = rotating.rotate()
    assert rotating.events == [
        {"Step": step, "SecretId": rotating.arn, "ClientRequestToken": token} for step in STEPS
    ]


@pytest.mark.parametrize("step", STEPS)
def test_a_failing_step_has_the_whole_rotation_begin_again(rotating, caplog, step):
    """The same token comes again from createSecret on; the log names type and step alone."""
    rotating.failing = {step: 2}
    token = rotating.rotate()
    once = STEPS[: STEPS.index(step) + 1]
    assert rotating.steps == [*once, *once, *STEPS]
    assert {event["ClientRequestToken"] for event in rotating.events} == {token}
    assert f"failed in {step}: ValueError" in caplog.text
    assert "a value may stand here" not in caplog.text
    assert rotating.stages()[token] == ["AWSCURRENT"]


def test_a_rotation_that_keeps_failing_is_left_as_it_is(rotating):
    """After the last attempt AWSPENDING stays, and the next RotateSecret takes that one up."""
    rotating.server.rotations.attempts, rotating.failing = 2, {"setSecret": 2}
    token = rotating.rotate()
    assert rotating.steps == STEPS[:2] * 2
    assert rotating.stages() == {rotating.first: ["AWSCURRENT"], token: ["AWSPENDING"]}
    with refused(
        "InvalidRequestException",
        r"A previous rotation isn't complete\. That rotation will be reattempted\.",
    ):
        rotating.rotate()
    rotating.server.wait_for_rotations(10)
    assert rotating.stages() == {rotating.first: ["AWSPREVIOUS"], token: ["AWSCURRENT"]}
    rotating.first = token
    assert rotating.rotate() != token


@pytest.mark.parametrize("removed", [True, False])
def test_pending_may_or_may_not_stay_on_the_new_current_version(rotating, removed):
    """Both were seen of the service; both are ends that the next rotation can begin from."""
    rotating.server.rotations.remove_pending = removed
    token = rotating.rotate()
    assert rotating.stages()[token] == ["AWSCURRENT"] + ["AWSPENDING"] * (not removed)
    rotating.first = token
    assert rotating.rotate() in rotating.stages()


def test_without_rotating_at_once_test_secret_runs_alone(rotating):
    """RotateImmediately=false tries testSecret on an empty AWSPENDING that goes afterwards."""
    seen = []
    rotating.step = lambda event: None
    server = SecretsManagerServer(
        rotating.server.store, on_rotate=lambda event: seen.append((event, rotating.stages()))
    )
    with server:
        client = server.client(ONE_TRY)
        client.rotate_secret(
            SecretId=NAME,
            RotationLambdaARN=LAMBDA,
            RotateImmediately=False,
            RotationRules={"AutomaticallyAfterDays": 90},
        )
        server.wait_for_rotations(10)
        client.close()
    ((event, labels),) = seen
    assert event["Step"] == "testSecret"
    assert labels[event["ClientRequestToken"]] == ["AWSPENDING"]
    assert rotating.stages() == {rotating.first: ["AWSCURRENT"]}
    listed = rotating.client.list_secret_version_ids(SecretId=NAME, IncludeDeprecated=True)
    assert len(listed["Versions"]) == 1


def test_cancelling_stops_the_retries_and_leaves_pending(rotating):
    """CancelRotateSecret turns rotation off and touches no label."""
    called, go_on = threading.Event(), threading.Event()

    def step(event):
        called.set()
        go_on.wait(10)
        raise ValueError

    with SecretsManagerServer(rotating.server.store, on_rotate=step) as server:
        client = server.client(ONE_TRY)
        with refused("InvalidRequestException"):
            client.cancel_rotate_secret(SecretId=NAME)
        token = client.rotate_secret(SecretId=NAME, RotationLambdaARN=LAMBDA)["VersionId"]
        assert called.wait(10)
        assert client.cancel_rotate_secret(SecretId=NAME)["VersionId"] == token
        called.clear()
        go_on.set()
        server.wait_for_rotations(10)
        assert not called.is_set()
        told = client.describe_secret(SecretId=NAME)
        client.close()
    assert told["RotationEnabled"] is False
    assert told["VersionIdsToStages"][token] == ["AWSPENDING"]
    assert "NextRotationDate" not in told


def test_a_rotation_token_is_asked_for_and_never_shown(rotating):
    """With tokens on, the new version is written with the event's own or not at all."""
    rotating.server.rotations.with_tokens = True
    version = rotating.rotate()
    (token,) = {event["RotationToken"] for event in rotating.events}
    assert rotating.stages()[version] == ["AWSCURRENT"]
    for wrong in ({}, {"RotationToken": secrets.token_hex(18)}):
        with refused("AccessDeniedException", "RotationToken"):
            rotating.client.put_secret_value(
                SecretId=NAME, SecretString="x", ClientRequestToken=version, **wrong
            )
    assert token not in repr(rotating.server.calls)


def test_rotations_of_one_secret_follow_each_other_and_others_do_not_wait(rotating):
    """Two secrets rotate at the same time: an emergency with hundreds is not one long queue."""
    together = threading.Barrier(2, timeout=10)
    server = SecretsManagerServer(rotating.server.store, on_rotate=lambda _: together.wait())
    with server:
        client = server.client(ONE_TRY)
        client.create_secret(Name="gli/other", SecretString="x")
        for name in (NAME, "gli/other"):
            client.rotate_secret(SecretId=name, RotationLambdaARN=LAMBDA)
        server.wait_for_rotations(10)
        client.close()
    assert not together.broken


def test_rules_and_dates_are_told(idle):
    """DescribeSecret gives the rules as they were set, the last rotation and the next one."""
    client, first = idle
    rules = {"ScheduleExpression": "cron(0 16 1,15 * ? *)", "Duration": "2h"}
    client.rotate_secret(
        SecretId=NAME, RotationLambdaARN=LAMBDA, RotationRules=rules, RotateImmediately=False
    )
    told = client.describe_secret(SecretId=NAME)
    assert (told["RotationEnabled"], told["RotationRules"]) == (True, rules)
    assert told["RotationLambdaARN"] == LAMBDA
    assert list(told["VersionIdsToStages"]) == [first]
    assert "LastRotatedDate" not in told
    due = told["NextRotationDate"]
    assert (due.astimezone(UTC).hour, due.astimezone(UTC).day in {1, 15}) == (18, True)
    client.put_secret_value(SecretId=NAME, SecretString="x")
    assert client.describe_secret(SecretId=NAME)["LastRotatedDate"]


@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"AutomaticallyAfterDays": 30, "ScheduleExpression": "rate(30 days)"},
        {"ScheduleExpression": "rate(3 hours)"},
        {"ScheduleExpression": "rate(1000 days)"},
        {"ScheduleExpression": "every day"},
        {"ScheduleExpression": "cron(5 16 1 * ? *)"},
        {"ScheduleExpression": "cron(0 16 1 * ? 2030)"},
        {"ScheduleExpression": "cron(0 16 1 * * *)"},
        {"AutomaticallyAfterDays": 30, "Duration": "25h"},
    ],
)
def test_rules_that_the_service_refuses_are_refused(idle, rules):
    """A schedule that would fail in production fails in a test."""
    client, _ = idle
    with refused("InvalidParameterException"):
        client.rotate_secret(SecretId=NAME, RotationLambdaARN=LAMBDA, RotationRules=rules)
    assert "RotationEnabled" not in client.describe_secret(SecretId=NAME)


LAST = datetime(2026, 1, 30, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rules", "due"),
    [
        ({"AutomaticallyAfterDays": 10}, "2026-02-09 23:59"),
        ({"ScheduleExpression": "rate(10 days)", "Duration": "3h"}, "2026-02-09 15:30"),
        ({"ScheduleExpression": "rate(4 hours)"}, "2026-01-30 23:59"),
        ({"ScheduleExpression": "cron(0 8-10/2 * * ? *)", "Duration": "1h"}, "2026-01-31 09:00"),
        ({"ScheduleExpression": "cron(0 18 15 */3 ? *)", "Duration": "1h"}, "2026-04-15 19:00"),
        ({"ScheduleExpression": "cron(0 18 ? * 2 *)", "Duration": "1h"}, "2026-02-02 19:00"),
        ({"ScheduleExpression": "cron(0 /8 31 1 ? *)", "Duration": "1h"}, "2026-01-31 01:00"),
        ({"ScheduleExpression": "cron(0 1 L * ? *)", "Duration": "1h"}, None),
    ],
)
def test_the_next_date_is_the_end_of_the_next_window(rules, due):
    """Windows are in UTC; what is not reckoned with has no date rather than a wrong one."""
    found = next_rotation(rules, LAST, LAST + timedelta(hours=1))
    assert (found and f"{found:%F %R}") == due
