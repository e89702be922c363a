"""The Lambda's entry point in this process: what it answers, logs and raises."""

from __future__ import annotations

import json
import logging
import secrets
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from glisecrets.errors import GlisecretsError, SecretNotFound
from glisecrets.references import Address
from glisecrets.rotation import finding, handler
from glisecrets.rotation.errors import NotRotatable, ProviderRefused, RotationError
from glisecrets.rotation.rotator import Rotation, Rotator, Verdict
from glisecrets.testing import SecretsManagerServer

if TYPE_CHECKING:
    from collections.abc import Iterator

LAMBDA = "arn:aws:lambda:ap-northeast-2:123456789012:function:rotate"
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
EVENT = {"Step": STEPS[0], "SecretId": "gli/hook", "ClientRequestToken": "x"}


class Scripted(Rotator):
    """Makes random values; a test may have it raise."""

    overlap = timedelta(0)
    raised: ClassVar[list[Exception]] = []
    retired: ClassVar[list[str]] = []

    def propose(self, rotation: Rotation) -> str:
        if self.raised:
            raise self.raised.pop()
        return secrets.token_urlsafe(24)

    def probe(self, rotation: Rotation, value: Any) -> Verdict:
        return Verdict.ACCEPTED

    def retire(self, rotation: Rotation, old: Any) -> None:
        if self.raised:
            raise self.raised.pop()
        self.retired.append(rotation.secret)


class Kind:
    """Stands for an entry point."""

    @staticmethod
    def load() -> type[Rotator]:
        return Scripted


class Function:
    """The handler, with a server behind it and its log read."""

    def __init__(self, server: SecretsManagerServer, capsys: pytest.CaptureFixture[str]) -> None:
        self.server = server
        self._capsys = capsys
        self.printed = ""

    def create(self, name: str = "gli/hook", **tags: str) -> str:
        """Make a secret and give its value."""
        value = secrets.token_urlsafe(24)
        named = {f"glisecrets:{key}": text for key, text in tags.items()}
        self.server.store.create(name, value, tags=named)
        return value

    def begin(self, name: str = "gli/hook") -> dict[str, str]:
        """Begin a rotation, and give the event of its first step."""
        client = self.server.client()
        answer = client.rotate_secret(SecretId=name, RotationLambdaARN=LAMBDA)
        client.close()
        token = answer["VersionId"]
        return {"Step": STEPS[0], "SecretId": answer["ARN"], "ClientRequestToken": token}

    def rotate(self, name: str = "gli/hook") -> str:
        """Rotate and give the token."""
        event = self.begin(name)
        for step in STEPS:
            handler.handle({**event, "Step": step})
        return event["ClientRequestToken"]

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What was logged so far."""
        self.printed += self._capsys.readouterr().out
        return [json.loads(line) for line in self.printed.splitlines()]


@pytest.fixture
def function(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Function]:
    """A sandbox of the test's own."""
    monkeypatch.setattr(finding, "_entry_points", lambda: {"scripted": Kind()})
    monkeypatch.setattr(Scripted, "raised", [])
    monkeypatch.setattr(Scripted, "retired", [])
    handler._store.cache_clear()
    with SecretsManagerServer() as server:
        for name, text in server.environ.items():
            monkeypatch.setenv(name, text)
        yield Function(server, capsys)
        handler._store().close()
    handler._store.cache_clear()


# Steps


def test_each_step_is_answered_and_logged_in_one_line(function: Function) -> None:
    """A line tells secret, the token's beginning, step, result and time; and never a value."""
    old = function.create(rotator="scripted")
    token = function.rotate()
    assert [(line["step"], line["result"]) for line in function.lines] == [
        *zip(STEPS, ("proposed", "applied", "accepted", "finished"), strict=True)
    ]
    for line in function.lines:
        assert line["secret"].partition(":secret:")[2].startswith("gli/hook-")
        assert (line["version"], line["level"]) == (token[:8], "INFO")
    assert token not in function.printed
    new = function.server.store.get(Address("gli/hook")).value
    assert {value in function.printed for value in (old, new)} == {False}


def test_a_line_is_a_metric_of_cloudwatch(function: Function) -> None:
    """The embedded metric format: each metric and dimension that it declares is in the line."""
    function.create(rotator="scripted")
    function.rotate()
    for line in function.lines:
        assert abs(line["_aws"]["Timestamp"]) > 1_700_000_000_000
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "glisecrets"
        assert {metric["Name"] for metric in directive["Metrics"]} == {"Duration", "Failed"}
        assert all(isinstance(line[metric["Name"]], int | float) for metric in directive["Metrics"])
        assert all(isinstance(line[name], str) for (name,) in directive["Dimensions"])


def test_the_store_is_opened_once_per_sandbox(function: Function) -> None:
    """A warm step makes no client anew."""
    function.create(rotator="scripted")
    event = function.begin()
    handler.handle(event)
    store = handler._store()
    handler.handle({**event, "Step": "setSecret"})
    assert handler._store() is store


def test_the_rotation_token_goes_along_with_the_new_version_alone(function: Function) -> None:
    """A Lambda with a role of another account may write; the token shows in no log."""
    function.create(rotator="scripted")
    event = function.begin()
    wanted = str(uuid.uuid4())
    function.server.rotations._tokens[event["ClientRequestToken"]] = wanted
    with pytest.raises(GlisecretsError, match="AccessDenied"):
        handler.handle(event)
    handler.handle({**event, "RotationToken": wanted})
    with pytest.raises(GlisecretsError, match="AccessDenied"):  # it was sent for one event only
        handler._store().put("gli/hook", "x", token=event["ClientRequestToken"])
    assert function.lines[-1]["result"] == "proposed"
    assert wanted not in function.printed


# Failures


def test_a_failure_is_logged_with_its_next_step_and_raised(function: Function) -> None:
    """Lambda reports the error's own class, so that alarms can tell a refusal from a network."""
    function.create(rotator="scripted")
    Scripted.raised.append(ProviderRefused("the role may not", next_step="GRANT it"))
    with pytest.raises(ProviderRefused, match="the role may not") as refusal:
        handler.handle(function.begin())
    (line,) = function.lines
    assert (line["level"], line["result"], line["Failed"]) == ("ERROR", "ProviderRefused", 1)
    assert (line["error"], line["next_step"]) == ("the role may not", "GRANT it")
    assert refusal.value.__cause__ is refusal.value.__context__ is None


def test_a_value_in_an_unforeseen_error_goes_nowhere(function: Function) -> None:
    """A fault of a library, whose text has the value: told are its class and place alone."""
    value = function.create(rotator="scripted")
    Scripted.raised.append(ValueError(f"cannot parse {value}"))
    with pytest.raises(RotationError, match=r"ValueError at test_handler.py:\d+") as failure:
        handler.handle(function.begin())
    assert function.lines[0]["result"] == "RotationError"
    assert failure.value.__cause__ is failure.value.__context__ is None
    shown = f"{failure.value!r} {failure.value} {function.printed}"
    assert value not in shown


def test_a_value_in_a_message_of_ours_is_masked_in_the_log(function: Function) -> None:
    """Should a rotator break its promise, what the engine has read is still known."""
    value = function.create(rotator="scripted")
    Scripted.raised.append(ProviderRefused(f"no: {value}"))
    with pytest.raises(ProviderRefused):
        handler.handle(function.begin())
    assert function.lines[0]["error"].startswith("no: ")
    assert value not in function.printed


def test_what_others_log_is_masked_too(function: Function) -> None:
    """Every handler of the root logger gets the redacting filter."""
    stream = logging.StreamHandler()
    logging.getLogger().addHandler(stream)
    try:
        handler._store()
        assert [type(each).__name__ for each in stream.filters] == ["RedactingFilter"]
    finally:
        logging.getLogger().removeHandler(stream)


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"Step": "createSecret"},
        {"source": "aws.s3"},
        {"source": "aws.events", "detail-type": "EventBridge Rule Changed"},
        {"Action": "rotate"},
    ],
    ids=["empty", "half a step", "another service", "no schedule's", "another action"],
)
def test_an_event_of_nobody_we_know_is_refused(function: Function, event) -> None:
    """A misdirected trigger does nothing, and the error says what is understood."""
    with pytest.raises(NotRotatable, match="neither"):
        handler.handle(event)
    assert function.server.calls == []


@pytest.mark.parametrize(
    "event", [[], "retire", dict.fromkeys(EVENT), EVENT | {"ClientRequestToken": None}]
)
def test_an_event_of_the_wrong_form_is_refused(function: Function, event) -> None:
    """Lambda takes any JSON, a template may leave a part empty: no fault of the program."""
    with pytest.raises(NotRotatable, match=r"no JSON object|are no texts"):
        handler.handle(event)
    assert function.server.calls == []


def test_a_step_of_another_name_is_refused(function: Function) -> None:
    """One page of the documentation prints the steps in snake case: AWS does not send that."""
    function.create(rotator="scripted")
    with pytest.raises(NotRotatable, match="create_secret"):
        handler.handle({**function.begin(), "Step": "create_secret"})


def test_a_secret_that_is_gone_fails_as_not_found(function: Function) -> None:
    """It may be deleted between two steps."""
    function.create(rotator="scripted")
    event = function.begin()
    function.server.store.delete("gli/hook")
    with pytest.raises(SecretNotFound):
        handler.handle(event)
    assert function.lines[0]["result"] == "SecretNotFound"


# The daily sweep


SCHEDULED = {"source": "aws.events", "detail-type": "Scheduled Event"}
BY_SCHEDULER = {"source": "aws.scheduler", "detail-type": "Scheduled Event"}


def rotated_thrice(function: Function) -> None:
    """Make three secrets with an old value each, and one that nobody rotates."""
    function.create("gli/plain")
    for name in ("gli/a", "gli/b", "other/c"):
        function.create(name, rotator="scripted")
        function.rotate(name)


@pytest.mark.parametrize("event", [SCHEDULED, BY_SCHEDULER, {"Action": "retire"}])
def test_the_sweep_revokes_what_is_past_its_overlap(function: Function, event) -> None:
    """Every secret with a rotator's tag is looked at, and no other."""
    rotated_thrice(function)
    assert handler.handle(event) == {"result": "swept 3"}
    assert Scripted.retired == ["gli/a", "gli/b", "other/c"]
    assert [line["result"] for line in function.lines[-3:]] == ["retired"] * 3
    handler.handle(event)
    assert [line["result"] for line in function.lines[-3:]] == ["kept"] * 3


def test_the_sweep_keeps_to_a_prefix(function: Function, monkeypatch) -> None:
    """GLISECRETS_RETIRE_PREFIX leaves other teams' secrets alone."""
    rotated_thrice(function)
    monkeypatch.setenv("GLISECRETS_RETIRE_PREFIX", "gli/")
    assert handler.handle(SCHEDULED) == {"result": "swept 2"}
    assert Scripted.retired == ["gli/a", "gli/b"]


def test_one_secret_that_fails_keeps_no_other_from_being_swept(function: Function) -> None:
    """The invocation fails at its end and names the secret; the next sweep tries again."""
    rotated_thrice(function)
    Scripted.raised.append(ProviderRefused("not now"))
    with pytest.raises(RotationError, match="1 of 3 secrets could not be swept: gli/a"):
        handler.handle(SCHEDULED)
    assert Scripted.retired == ["gli/b", "other/c"]
    handler.handle(SCHEDULED)
    assert Scripted.retired == ["gli/b", "other/c", "gli/a"]
