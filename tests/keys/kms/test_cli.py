"""``glisecrets keys kms …`` as an operator, a pipeline and a monitor use it."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from moto.server import ThreadedMotoServer

from .strict_kms import ACCOUNT, HOME, StrictKms

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHANGE = {"key", "region", "what", "before", "after", "by_hand", "status"}
FINDING = {"code", "severity", "key", "region", "key_id", "message", "next_step"}


def test_from_nothing_to_an_audit_without_findings(kms: StrictKms, run: Any) -> None:
    """Plan, apply, audit: what a pipeline does, by exit codes alone."""
    assert run("plan").code == 0
    assert run("audit").code == 1
    assert run("apply", "--yes").code == 0
    assert run("audit").code == 0
    assert "nothing to change" in run("plan").out


def test_apply_asks_before_it_changes_anything(kms: StrictKms, run: Any) -> None:
    """Where nobody can answer, it changes nothing."""
    done = run("apply")
    assert done.code == 2
    assert "--yes" in done.err
    assert kms.wrote == []


def test_what_fails_with_one_key_stops_no_other(kms: StrictKms, run: Any) -> None:
    """A role that does not exist yet leaves eight keys made, and the ninth told."""
    kms.roles.discard("DBARole")
    done = run("apply", "--yes", "--format", "json")
    assert done.code == 3
    assert [error["key"] for error in done.document["errors"]] == ["rds"]
    assert len(kms.keys) == 8


def test_what_was_done_and_what_not_is_told_apart(kms: StrictKms, run: Any) -> None:
    """An apply that breaks off in the middle of a key leaves nobody guessing."""
    kms.broken["EnableKeyRotation"] = "LimitExceededException"
    done = run("apply", "ebs", "--yes", "--format", "json")
    assert done.code == 3
    assert not done.document["applied"]
    assert {each["what"]: each["status"] for each in done.document["changes"]} == {
        "key": "done",
        "rotation": "not done",
        "alias": "not done",
    }
    kms.broken.clear()
    assert run("plan", "ebs", "--format", "json").document["changes"][0]["status"] == "planned"
    again = run("apply", "ebs", "--yes")
    assert "not done" not in again.out
    assert again.out.count("done") == 2


def test_after_ctrl_c_what_was_done_is_shown(
    kms: StrictKms, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever stops an apply sees how far it came."""

    def interrupting(region: str, **told: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return StrictKms._EnableKeyRotation(kms, region, **told)

    monkeypatch.setattr(kms, "_EnableKeyRotation", interrupting, raising=False)
    done = run("apply", "ebs", "--yes", "--format", "json")
    monkeypatch.undo()
    assert done.code == 130
    statuses = {each["what"]: each["status"] for each in done.document["changes"]}
    assert (statuses["key"], statuses["alias"]) == ("done", "not done")


@pytest.mark.parametrize(
    ("command", "code"), [(("plan",), 3), (("audit",), 1), (("apply", "--yes"), 3)]
)
def test_one_key_that_cannot_be_read_hides_no_other(
    kms: StrictKms, run: Any, command: tuple[str, ...], code: int
) -> None:
    """What is wrong with the others is told, and the odd one is named."""
    assert run("apply", "ebs", "efs", "--yes").code == 0
    odd = kms.named("alias/efs-encryption")
    kms.named("alias/ebs-encryption").rotation = None
    kms.closed.add(odd.key_id)
    done = run(*command, "efs", "ebs", "--format", "json")
    assert done.code == code
    if command == ("audit",):
        [unreadable, other] = done.document["findings"]
        assert (unreadable["code"], unreadable["key_id"]) == ("kms.unreadable", odd.key_id)
        assert "alias/efs-encryption" in unreadable["message"]
        assert other["code"] == "kms.no-rotation"
    else:
        assert [error["key"] for error in done.document["errors"]] == ["efs"]
        assert [change["what"] for change in done.document["changes"]] == ["rotation"]


def test_one_key_of_another_environment_hides_no_other(kms: StrictKms, run: Any) -> None:
    """It is refused, and the audit goes on."""
    assert run("apply", "ebs", "efs", "--yes").code == 0
    kms.named("alias/efs-encryption").tags["Environment"] = "staging"
    kms.named("alias/ebs-encryption").rotation = None
    found = run("audit", "efs", "ebs", "--format", "json").document["findings"]
    assert [each["code"] for each in found] == ["kms.unreadable", "kms.no-rotation"]
    assert run("plan", "efs", "ebs").code == 2


def test_json_has_the_documented_keys(kms: StrictKms, run: Any) -> None:
    """Programs read it: docs/kms.md promises these."""
    planned = run("plan", "ebs", "--format", "json").document
    assert planned.keys() == {
        "schema",
        "account",
        "region",
        "environment",
        "applied",
        "changes",
        "errors",
    }
    assert (planned["account"], planned["region"], planned["applied"]) == (ACCOUNT, HOME, False)
    assert {frozenset(change) for change in planned["changes"]} == {frozenset(CHANGE)}
    audited = run("audit", "ebs", "--format", "json")
    assert audited.code == 1
    assert audited.document.keys() == {
        "schema",
        "account",
        "region",
        "environment",
        "keys",
        "findings",
    }
    assert [finding.keys() for finding in audited.document["findings"]] == [FINDING]


@pytest.mark.parametrize("command", [("plan",), ("audit",), ("apply", "--yes")])
def test_tables_fit_into_80_columns(kms: StrictKms, run: Any, command: tuple[str, ...]) -> None:
    """A terminal of the usual width shows everything without wrapping."""
    stored = kms.add(tags={"Name": "s3-data-encryption", "Component": "storage"})
    stored.state = "Disabled"
    done = run(*command)
    assert done.code == 1
    assert max(map(len, done.out.splitlines())) <= 80
    assert "s3-data" in done.out


def test_a_policy_is_printed_for_an_account_without_asking_it(run: Any) -> None:
    """For a review, or for Terraform: no credentials are needed."""
    done = run("policy", "logs", "--account", ACCOUNT, "--region", HOME)
    assert done.code == 0
    assert json.loads(done.out)["Id"] == "glisecrets-logs"
    every = run("policy", "--account", ACCOUNT, "--region", HOME, "--format", "json").document
    assert len(every["policies"]) == 9


def test_a_teams_keys_are_read_from_pyproject(kms: StrictKms, run: Any, tmp_path: Path) -> None:
    """The project's file is the declaration."""
    (tmp_path / "pyproject.toml").write_text(
        "[tool.glisecrets.kms.required_tags]\nOwner = 'platform'\n"
        "[tool.glisecrets.kms.keys.fields]\ndata_class = 'confidential'\n"
        "component = 'application'\nalias = 'alias/{environment}/fields'\n"
    )
    assert run("apply", "fields", "--yes").code == 0
    assert kms.named("alias/production/fields").tags["Owner"] == "platform"


@pytest.mark.parametrize(
    "arguments", [("plan", "rdss"), ("policy", "--account", "12"), ("policy", "--account", ACCOUNT)]
)
def test_wrong_use_is_told_before_anything_is_asked(
    kms: StrictKms, run: Any, arguments: tuple[str, ...]
) -> None:
    """Exit code 2, and a next step."""
    done = run(*arguments)
    assert done.code == 2
    assert "next" in done.err


@pytest.mark.parametrize(
    ("code", "expected"), [("AccessDeniedException", 3), ("ThrottlingException", 3)]
)
def test_a_kms_that_refuses_is_told_by_the_exit_code(
    kms: StrictKms, run: Any, code: str, expected: int
) -> None:
    """A monitor tells findings from a KMS that does not answer."""
    kms.broken["ListAliases"] = code
    assert run("audit").code == expected


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Somebody else's idea of KMS. It drops rotation periods, and ignores policies."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    yield
    server.stop()


@pytest.mark.usefixtures("moto")
def test_moto_agrees(run: Any) -> None:
    """The strict KMS of these tests is ours; another one takes the same requests."""
    assert run("apply", "--yes").code == 0
    assert run("plan").out.splitlines()[-1] == "nothing to change"
    assert run("audit").code == 0
