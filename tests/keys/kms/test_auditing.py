"""``audit``: what is wrong with an account's keys is found, and what is right is not."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from glisecrets.keys.kms import audit

from .steps import add_statement, found, made
from .strict_kms import ACCOUNT, AWAY, HOME

if TYPE_CHECKING:
    from .conftest import Account
    from .strict_kms import StrictKms


def test_nothing_is_found_after_an_apply(kms: StrictKms, account: Account) -> None:
    """What apply makes, audit approves: all nine keys, and a replica."""
    account.table = {"keys": {"efs": {"replica_regions": [AWAY], "applications": ["deployer"]}}}
    for name in account.sites.catalogue:
        made(kms, account, name)
    kms.wrote.clear()
    assert found(account) == []
    assert kms.wrote == []


def test_an_empty_account_lacks_every_key(account: Account) -> None:
    """Nine keys are missing, and nothing else is said of them."""
    assert found(account) == [("kms.missing", "error")] * 9


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        ({"rotation": None}, ("kms.no-rotation", "error")),
        ({"rotation": 2560}, ("kms.period", "warning")),
        ({"state": "Disabled"}, ("kms.unusable", "error")),
        ({"spec": "RSA_2048"}, ("kms.cannot-rotate", "error")),
    ],
)
def test_a_key_in_a_bad_state_is_found(
    kms: StrictKms, account: Account, broken: dict[str, Any], expected: tuple[str, str]
) -> None:
    """Each of the states has its own code."""
    stored = made(kms, account, "ebs")
    for name, value in broken.items():
        setattr(stored, name, value)
    assert found(account, "ebs") == [expected]


def test_a_key_pending_deletion_is_found_with_its_day(kms: StrictKms, account: Account) -> None:
    """There are days to save it in, and the finding says how."""
    stored = made(kms, account, "ebs")
    stored.state, stored.deletion = "PendingDeletion", datetime.now(UTC) + timedelta(days=3)
    sites = account.sites
    [finding] = audit(sites, sites.catalogue["ebs"])
    assert (finding.code, finding.severity) == ("kms.pending-deletion", "error")
    assert f"{stored.deletion:%F}" in finding.message
    assert stored.key_id in finding.next_step


def test_tags_that_are_missing_or_wrong_are_found(kms: StrictKms, account: Account) -> None:
    """Costs and searches go by them."""
    stored = made(kms, account, "ebs")
    del stored.tags["Component"]
    stored.tags["Name"] = "other"
    codes = {("kms.tag-missing", "warning"), ("kms.tag", "warning")}
    assert set(found(account, "ebs")) == codes


def test_a_second_key_of_the_same_tags_is_found(kms: StrictKms, account: Account) -> None:
    """Data may be under it, which nobody looks after."""
    stored = made(kms, account, "ebs")
    kms.add(tags=dict(stored.tags))
    assert found(account, "ebs") == [("kms.duplicate", "warning")]


def test_a_key_that_may_be_another_is_an_error(kms: StrictKms, account: Account) -> None:
    """New data goes under whichever key the alias is on; the finding names both."""
    stored, theirs = made(kms, account, "rds"), kms.add()
    kms.aliases[HOME, "alias/rds-encryption"] = theirs.key_id
    sites = account.sites
    finding = audit(sites, sites.catalogue["rds"])[0]
    assert (finding.code, finding.severity) == ("kms.alias", "error")
    assert {stored.key_id, theirs.key_id} <= set(re.findall(r"[0-9a-f-]{36}", finding.message))
    assert "glisecrets:key=rds" in finding.next_step


@pytest.mark.parametrize(
    ("state", "code", "step"),
    [
        ("Disabled", "kms.unusable", "enable-key --key-id {id} --region ap-northeast-2"),
        ("PendingReplicaDeletion", "kms.pending-deletion", "cancel-key-deletion --key-id {id}"),
        ("PendingImport", "kms.unusable", "import-key-material --key-id {id}"),
        ("Unavailable", "kms.unusable", "connect-custom-key-store"),
    ],
)
def test_the_next_step_fits_the_state_and_names_the_key(
    kms: StrictKms, account: Account, state: str, code: str, step: str
) -> None:
    """It can be pasted: enable-key helps only a key that is disabled."""
    stored = made(kms, account, "ebs")
    stored.state = state
    sites = account.sites
    [finding] = audit(sites, sites.catalogue["ebs"])
    assert finding.code == code
    assert step.format(id=stored.key_id) in finding.next_step


def test_what_only_a_person_can_do_is_never_sent_to_apply(kms: StrictKms, account: Account) -> None:
    """Apply leaves the alias of a replica's Region, and the kind of a key."""
    account.table = {"keys": {"rds": {"replica_regions": [AWAY]}, "ebs": {}}}
    made(kms, account, "rds")
    made(kms, account, "ebs").spec = "RSA_2048"
    kms.aliases[AWAY, "alias/rds-encryption"] = kms.add(region=AWAY).key_id
    sites = account.sites
    found = [each for name in ("rds", "ebs") for each in audit(sites, sites.catalogue[name])]
    assert [each.code for each in found] == ["kms.alias", "kms.cannot-rotate"]
    assert not any(each.next_step.startswith("glisecrets keys kms apply") for each in found)


def test_apply_is_the_next_step_only_once_it_does_something(
    kms: StrictKms, account: Account
) -> None:
    """It leaves a disabled key whole, its policy too."""
    stored = made(kms, account, "rds")
    stored.state, stored.policy = "Disabled", kms.add().policy
    sites = account.sites
    found = {each.code: each.next_step for each in audit(sites, sites.catalogue["rds"])}
    assert found["kms.window"].startswith("what only a person can do, then glisecrets keys kms")
    stored.state = "Enabled"
    sites = account.sites
    found = {each.code: each.next_step for each in audit(sites, sites.catalogue["rds"])}
    assert found["kms.window"] == "glisecrets keys kms apply"


def test_a_key_of_one_region_that_needs_a_replica_is_found(
    kms: StrictKms, account: Account
) -> None:
    """It will not be there when its Region is not."""
    made(kms, account, "rds")
    account.table = {"keys": {"rds": {"replica_regions": [AWAY]}}}
    assert found(account, "rds") == [("kms.one-region", "warning")]


# Data of another class ----------------------------------------------------------------------


def test_one_key_for_two_classes_is_found_for_both(kms: StrictKms, account: Account) -> None:
    """The guide's bad practice."""
    stored = made(kms, account, "rds")
    kms.aliases[HOME, "alias/logs-encryption"] = stored.key_id
    assert {code for code, _ in found(account, "rds", "logs")} >= {"kms.wrong-class"}
    assert ("kms.wrong-class", "error") in found(account, "rds")


def test_a_key_tagged_with_another_class_is_found(kms: StrictKms, account: Account) -> None:
    """Apply would not retag it either: its data was encrypted under another promise."""
    made(kms, account, "logs").tags["DataClass"] = "confidential"
    assert found(account, "logs") == [("kms.wrong-class", "error")]


@pytest.mark.parametrize(
    "grant",
    [
        {"GranteePrincipal": f"rds.{HOME}.amazonaws.com"},
        {
            "GranteePrincipal": f"arn:aws:iam::{ACCOUNT}:role/deployer",
            "Constraints": {"EncryptionContextSubset": {"aws:ebs:id": "vol-1"}},
        },
    ],
)
def test_grants_show_whose_data_lies_under_a_key(
    kms: StrictKms, account: Account, grant: dict[str, Any]
) -> None:
    """A database under the key of file systems is found by the grant that RDS holds."""
    stored = made(kms, account, "efs")
    stored.grants = [
        {"GranteePrincipal": "elasticfilesystem.amazonaws.com", "Constraints": {}},
        {"GranteePrincipal": f"arn:aws:iam::{ACCOUNT}:role/deployer"},
    ]
    assert found(account, "efs") == []
    stored.grants.append(grant)
    assert found(account, "efs") == [("kms.wrong-class", "error")]


def test_a_grant_to_another_account_is_an_error(kms: StrictKms, account: Account) -> None:
    """It lets in as a policy does, and no policy shows it; the next step finds it."""
    account.table = {"keys": {"own": {"data_class": "internal", "component": "own"}}}
    for name in ("secrets", "own"):
        stored = made(kms, account, name)
        stored.grants = [
            {"GranteePrincipal": f"arn:aws:iam::{ACCOUNT}:role/deployer"},
            {"GranteePrincipal": "arn:aws:iam::999988887777:root", "Operations": ["Decrypt"]},
        ]
        assert found(account, name) == [("kms.wide-grant", "error")]


def test_a_key_that_is_for_no_service_holds_none_of_a_services_data(
    kms: StrictKms, account: Account
) -> None:
    """A database under the key of the application's fields is found too."""
    account.table = {"keys": {"own": {"data_class": "internal", "component": "own"}}}
    made(kms, account, "own").grants = [{"GranteePrincipal": f"rds.{HOME}.amazonaws.com"}]
    assert found(account, "own") == [("kms.wrong-class", "error")]


def test_volumes_beneath_a_database_are_the_databases(kms: StrictKms, account: Account) -> None:
    """An RDS instance's volumes hold grants of EBS: no other data."""
    stored = made(kms, account, "rds")
    context = {"EncryptionContextSubset": {"aws:ebs:id": "vol-1"}}
    stored.grants = [{"GranteePrincipal": "rds.amazonaws.com", "Constraints": context}]
    assert found(account, "rds") == []


def test_a_policy_that_lets_another_service_in_is_found(kms: StrictKms, account: Account) -> None:
    """The key of logs must not take a database's data."""
    stored = made(kms, account, "logs")
    condition = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    principal = {"Service": "rds.amazonaws.com"}
    add_statement(stored, Principal=principal, Action="kms:Decrypt", Condition=condition)
    assert found(account, "logs") == [("kms.policy", "warning"), ("kms.wrong-class", "error")]
