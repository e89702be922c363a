"""Policies: the least that is needed, valid for an independent reader, never a lock-out."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from glisecrets import DataClass
from glisecrets.errors import ConfigurationError
from glisecrets.keys.envelope import FieldContext
from glisecrets.keys.kms import CATALOGUE, KmsKey, Place, key_policy
from glisecrets.keys.kms.policy import canonical, listed

from .linter import faults
from .strict_kms import ACCOUNT, HOME, ROOT

PLACE = Place(ACCOUNT, HOME, "production")
DBA, API = (f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("DBARole", "api-production"))


def statements(key: KmsKey) -> dict[str, Any]:
    return {each["Sid"]: each for each in key_policy(key, PLACE)["Statement"]}


def with_roles(name: str) -> KmsKey:
    """Give a key of the catalogue that roles use."""
    from dataclasses import replace

    return replace(CATALOGUE[name], applications=("api-{environment}",), readers=("DBARole",))


@pytest.mark.parametrize("name", CATALOGUE)
def test_parliament_finds_nothing_in_any_policy(name: str) -> None:
    """Actions exist, conditions fit them, the form is right: another's eyes say so."""
    assert faults(key_policy(CATALOGUE[name], PLACE)) == []
    assert faults(key_policy(with_roles(name), PLACE)) == []


def test_parliament_sees_a_condition_that_does_not_exist() -> None:
    """The check above can fail."""
    policy = key_policy(CATALOGUE["rds"], PLACE)
    policy["Statement"][-1]["Action"] = ["kms:Decript"]
    assert faults(policy) != []


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_account_always_administers(name: str) -> None:
    """Nobody is locked out: IAM decides who administers, without any condition."""
    found = statements(CATALOGUE[name])["AdministerThroughIam"]
    assert found["Principal"] == {"AWS": ROOT}
    assert found["Action"] == ["kms:*"]
    assert "Condition" not in found


@pytest.mark.parametrize("name", CATALOGUE)
def test_describing_a_key_never_depends_on_a_context(name: str) -> None:
    """DescribeKey has no encryption context: a condition on one would always deny it."""
    for each in statements(with_roles(name)).values():
        conditions = json.dumps(each.get("Condition", {}))
        assert "kms:DescribeKey" not in each["Action"] or "EncryptionContext" not in conditions


def test_the_database_keys_policy_is_the_guides_made_narrower() -> None:
    """RDS itself for this account only, administrators of databases look, the application uses."""
    found = statements(with_roles("rds"))
    assert found["ReadMetadata"]["Principal"] == {"AWS": [DBA]}
    assert not any("crypt" in action for action in found["ReadMetadata"]["Action"])
    assert found["UseByService"]["Principal"] == {"Service": ["rds.amazonaws.com"]}
    assert found["UseByService"]["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    assert found["Use"]["Principal"] == {"AWS": [API]}
    assert found["Use"]["Condition"]["StringEquals"] == {
        "kms:CallerAccount": ACCOUNT,
        "kms:ViaService": [f"rds.{HOME}.amazonaws.com"],
    }
    assert found["Grant"]["Condition"]["Bool"] == {"kms:GrantIsForAWSResource": "true"}


def test_logs_are_bound_to_this_accounts_log_groups() -> None:
    """CloudWatch Logs tells the log group in the encryption context."""
    condition = statements(CATALOGUE["logs"])["UseByService"]["Condition"]
    assert condition == {
        "StringLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{HOME}:{ACCOUNT}:*"}
    }


@pytest.mark.parametrize(
    ("services", "context"),
    [
        (("sns",), {"team": "{account}-x"}),
        (("sns",), {"aws:logs:arn": "arn:aws:logs:{region}:{account}:*"}),
        (("logs.{region}",), {"team": "{account}"}),
        (("logs.{region}",), {"aws:logs:arn": "arn:aws:logs:{region}:*:*"}),
    ],
)
def test_no_service_is_our_deputy_for_another_account(
    services: tuple[str, ...], context: dict[str, str]
) -> None:
    """Only a context that the service itself sets, and that names the account, is as good."""
    key = KmsKey(
        name="own",
        data_class=DataClass.INTERNAL,
        component="x",
        services=services,
        context=context,
        grants=True,
    )
    found = statements(key)
    for sid in ("UseByService", "DescribeByService", "GrantByService"):
        assert found[sid]["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}


def test_grants_of_a_service_are_for_this_account_also_where_logs_are() -> None:
    """A grant has no context that could name the account."""
    from dataclasses import replace

    found = statements(replace(CATALOGUE["logs"], grants=True))
    assert found["GrantByService"]["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
    assert "StringEquals" not in found["UseByService"]["Condition"]


@pytest.mark.parametrize("name", ["rds", "secrets", "terraform-state"])
def test_highly_confidential_data_is_for_named_roles_only(name: str) -> None:
    """Without a named role, nobody but services and whom IAM allows can decrypt."""
    assert "Use" not in statements(CATALOGUE[name])


@pytest.mark.parametrize("name", ["s3-data", "efs", "ebs", "ecr", "messaging"])
def test_the_rest_of_the_account_decrypts_through_the_service_only(name: str) -> None:
    """A stolen role with kms:Decrypt alone cannot use the key's ciphertexts."""
    condition = statements(CATALOGUE[name])["Use"]["Condition"]["StringEquals"]
    assert condition["kms:CallerAccount"] == ACCOUNT
    assert condition["kms:ViaService"]


@pytest.mark.parametrize("days", [7, 30])
def test_an_early_deletion_is_refused(days: int) -> None:
    """KMS keeps no deletion window of a key: the policy makes whoever deletes it choose enough."""
    key = next(key for key in CATALOGUE.values() if key.window == days)
    found = statements(key)["RefuseEarlyDeletion"]
    assert (found["Effect"], found["Action"]) == ("Deny", "kms:ScheduleKeyDeletion")
    assert found["Condition"] == {
        "NumericLessThan": {"kms:ScheduleKeyDeletionPendingWindowInDays": str(days)}
    }


def test_a_teams_own_key_is_used_directly_in_its_context_only() -> None:
    """A key for encrypted fields has no service in between: the context binds it."""
    key = KmsKey(
        name="fields",
        data_class=DataClass.CONFIDENTIAL,
        component="application",
        applications=("api-{environment}",),
        context={"environment": "{environment}"},
    )
    found = statements(key)["Use"]["Condition"]
    assert found["StringLike"] == {"kms:EncryptionContext:environment": "production"}
    assert "kms:ViaService" not in found["StringEquals"]
    assert faults(key_policy(key, PLACE)) == []


def fits(condition: dict[str, Any], request: dict[str, str]) -> bool:
    """Evaluate a condition as IAM does: every operator, every name, any of its values."""
    matches = {"StringEquals": str.__eq__, "StringLike": fnmatchcase}
    return all(
        name in request and any(matches[operator](request[name], value) for value in listed(values))
        for operator, terms in condition.items()
        for name, values in terms.items()
    )


@pytest.mark.parametrize("environment", ["development", "staging", "production"])
@pytest.mark.parametrize("data_class", DataClass)
def test_the_key_of_encrypted_fields_is_used_in_the_context_that_fields_send(
    data_class: DataClass, environment: str
) -> None:
    """What the envelope tells KMS is what the policy asks for: own class and environment alone."""
    key = KmsKey(
        name="fields",
        data_class=DataClass.CONFIDENTIAL,
        component="application",
        applications=("api-{environment}",),
        for_fields=True,
    )
    sent = FieldContext(data_class, environment, "user.email").pairs()
    told = {f"kms:EncryptionContext:{name}": value for name, value in sent.items()}
    request = {"kms:CallerAccount": ACCOUNT, **told}
    own = (data_class, environment) == (DataClass.CONFIDENTIAL, "production")
    assert fits(statements(key)["Use"]["Condition"], request) == own
    assert not fits(statements(key)["Use"]["Condition"], {"kms:CallerAccount": ACCOUNT})
    assert faults(key_policy(key, PLACE)) == []


def test_the_page_shows_the_names_that_fields_send() -> None:
    """docs/kms.md and docs/gs1.md speak of the same pairs as the code."""
    names = FieldContext("internal", "production", "x").pairs()
    docs = Path(__file__).parents[3] / "docs"
    if not docs.is_dir():
        pytest.skip("reads the source tree, which is not here")
    assert all(f"`kms:EncryptionContext:{name}`" in (docs / "kms.md").read_text() for name in names)
    assert all(f"`{name}`" in (docs / "gs1.md").read_text() for name in names)


@pytest.mark.parametrize("role", ["*", "arn:aws:iam::999999999999:role/DBARole", "a b", ""])
def test_a_reader_is_a_role_of_this_account(role: str) -> None:
    """A wildcard, or somebody else's role, never gets into a policy."""
    key = KmsKey(name="own", data_class=DataClass.INTERNAL, component="x", readers=(role,))
    with pytest.raises(ConfigurationError):
        key_policy(key, PLACE)


def test_a_policy_over_32_kb_is_refused_before_kms_does() -> None:
    """The error tells what to do, where KMS's would not."""
    roles = tuple(f"role-{number:060}" for number in range(500))
    key = KmsKey(name="own", data_class=DataClass.INTERNAL, component="x", readers=roles)
    with pytest.raises(ConfigurationError, match="32 KB"):
        key_policy(key, PLACE)


def test_order_and_lists_of_one_make_no_difference() -> None:
    """AWS gives a list of one principal back as a text: that is no change."""
    policy = key_policy(CATALOGUE["rds"], PLACE)
    other = json.loads(json.dumps(policy))
    other["Statement"].reverse()
    for each in other["Statement"]:
        if len(each["Action"]) == 1:
            [each["Action"]] = each["Action"]
    assert canonical(other) == canonical(policy)
    other["Statement"][0]["Effect"] = "Deny"
    assert canonical(other) != canonical(policy)
