"""``audit``: policies that let in too many, or nobody, are found; narrow ones are not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from .steps import add_statement, found, made
from .strict_kms import ACCOUNT, HOME, ROOT

if TYPE_CHECKING:
    from .conftest import Account
    from .strict_kms import StrictKms

#: The policy that the guide shows for RDS.
GUIDE = [
    {"Sid": "Enable IAM User Permissions", "Principal": {"AWS": ROOT}, "Action": "kms:*"},
    {
        "Sid": "Allow RDS to use the key",
        "Principal": {"Service": "rds.amazonaws.com"},
        "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:CreateGrant"],
    },
    {
        "Sid": "Allow DBA team to manage the key",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/DBARole"},
        "Action": ["kms:Describe*", "kms:List*", "kms:Get*"],
    },
]


@pytest.mark.parametrize(
    ("statement", "severity"),
    [
        ({"Principal": "*", "Action": "kms:Decrypt"}, "error"),
        ({"Principal": {"AWS": ["*"]}, "Action": "kms:*"}, "error"),
        (
            {
                "Principal": "*",
                "Action": "kms:Decrypt",
                "Condition": {"StringLike": {"kms:CallerAccount": "*"}},
            },
            "error",
        ),
        (
            {
                "Principal": "*",
                "Action": "kms:Decrypt",
                "Condition": {"StringNotEquals": {"kms:CallerAccount": "999999999999"}},
            },
            "error",
        ),
        (
            {
                "Principal": "*",
                "Action": "kms:Decrypt",
                "Condition": {"ForAllValues:StringEquals": {"kms:CallerAccount": ACCOUNT}},
            },
            "error",
        ),
        (
            {
                "Principal": "*",
                "Action": "kms:Decrypt",
                "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:*:*:*"}},
            },
            "error",
        ),
        (
            {
                "Principal": "*",
                "Action": "kms:List*",
                "Condition": {"StringEquals": {"kms:CallerAccount": [ACCOUNT, "999999999999"]}},
            },
            "error",
        ),
        ({"Principal": {"AWS": "arn:aws:iam::999999999999:root"}, "Action": "kms:List*"}, "error"),
        ({"Principal": {"AWS": "999999999999"}, "Action": "kms:Decrypt"}, "error"),
        ({"Principal": {"AWS": ROOT}, "NotAction": "kms:Decrypt"}, "error"),
        (
            {
                "Principal": "*",
                "Action": "KMS:decrypt",
                "Condition": {"StringEquals": {"kms:calleraccount": ACCOUNT}},
            },
            "error",
        ),
        (
            {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/deployer"}, "Action": "kms:*"},
            "warning",
        ),
        (
            {
                "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/deployer"},
                "Action": "kms:CreateGrant",
            },
            "warning",
        ),
        ({"Principal": {"Service": "rds.amazonaws.com"}, "Action": "kms:Decrypt"}, "warning"),
    ],
)
def test_too_wide_a_statement_is_found(
    kms: StrictKms, account: Account, statement: dict[str, Any], severity: str
) -> None:
    """Everybody, other accounts, everything but something, deputies without a source."""
    add_statement(made(kms, account, "rds"), **statement)
    assert ("kms.wide-policy", severity) in found(account, "rds")


OTHER = "999988887777"


@pytest.mark.parametrize(
    ("principal", "condition"),
    [
        ({"Service": "sns.amazonaws.com"}, {"StringEquals": {"aws:SourceAccount": OTHER}}),
        (
            {"Service": f"logs.{HOME}.amazonaws.com"},
            {
                "ArnLike": {
                    "kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{HOME}:{OTHER}:log-group:*"
                }
            },
        ),
        ({"Service": "sns.amazonaws.com"}, {"StringEquals": {"aws:SourceOrgID": "o-abcdefghij"}}),
        ("*", {"StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}}),
        ("*", {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/api"}}),
        ("*", {"StringLike": {"kms:EncryptionContext:team": f"{ACCOUNT}-x"}}),
        ({"AWS": f"arn:aws:iam::{OTHER}:role/api"}, {}),
        ({"Federated": "cognito-identity.amazonaws.com"}, {}),
    ],
)
@pytest.mark.parametrize("data_class", ["rds", "messaging"])
def test_whoever_is_let_in_from_outside_the_account_is_an_error(
    kms: StrictKms, account: Account, data_class: str, principal: Any, condition: dict[str, Any]
) -> None:
    """By name, as a service's source, by a context, or as a whole organisation."""
    stored = made(kms, account, data_class)
    add_statement(stored, Principal=principal, Action="kms:Decrypt", Condition=condition)
    assert ("kms.wide-policy", "error") in found(account, data_class)


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
        {"ArnLike": {"aws:SourceArn": f"arn:aws:sns:{HOME}:{ACCOUNT}:*"}},
        {
            "ArnLike": {"aws:SourceArn": "arn:aws:s3:::bucket"},
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
        },
        {"StringLike": {"kms:EncryptionContext:aws:sns:topicArn": f"arn:aws:sns:*:{ACCOUNT}:*"}},
    ],
)
def test_a_service_that_acts_for_this_account_alone_is_fine(
    kms: StrictKms, account: Account, condition: dict[str, Any]
) -> None:
    """One condition that names this account is enough, whatever the others say."""
    stored = made(kms, account, "messaging")
    principal = {"Service": "sns.amazonaws.com"}
    add_statement(stored, Principal=principal, Action="kms:Decrypt", Condition=condition)
    assert found(account, "messaging") == [("kms.policy", "warning")]


def test_a_bucket_names_no_account(kms: StrictKms, account: Account) -> None:
    """Its ARN stays the same when somebody else takes the name: AWS asks for both conditions."""
    stored = made(kms, account, "messaging")
    condition = {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::bucket"}}
    principal = {"Service": "s3.amazonaws.com"}
    add_statement(stored, Principal=principal, Action="kms:Decrypt", Condition=condition)
    assert ("kms.wide-policy", "warning") in found(account, "messaging")


@pytest.mark.parametrize("action", ["kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:*"])
def test_a_whole_account_that_administers_is_an_error(
    kms: StrictKms, account: Account, action: str
) -> None:
    """Such a statement asks IAM nothing: each role of the account could do it."""
    condition = {"StringEquals": {"kms:CallerAccount": ACCOUNT}}
    add_statement(made(kms, account, "ebs"), Principal="*", Action=action, Condition=condition)
    assert ("kms.wide-policy", "error") in found(account, "ebs")


def test_principals_that_a_condition_names_are_not_the_whole_account(
    kms: StrictKms, account: Account
) -> None:
    """The roles of IAM Identity Center have names that change: a pattern stands for them."""
    stored = made(kms, account, "rds")
    pattern = f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_A_*"
    condition = {
        "ArnLike": {"aws:PrincipalArn": pattern},
        "StringEquals": {"kms:CallerAccount": ACCOUNT},
    }
    add_statement(stored, Principal={"AWS": "*"}, Action="kms:*", Condition=condition)
    assert found(account, "rds") == [("kms.wide-policy", "warning")]


def test_the_guides_own_policy_lacks_what_was_learned_since(
    kms: StrictKms, account: Account
) -> None:
    """Its RDS statement serves any account, and a deletion may be over in a week."""
    stored = made(kms, account, "rds")
    statements = [{"Effect": "Allow", "Resource": "*", **each} for each in GUIDE]
    stored.policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    assert found(account, "rds") == [
        ("kms.policy", "warning"),
        ("kms.window", "warning"),
        ("kms.wide-policy", "warning"),
    ]


@pytest.mark.parametrize(
    "statements",
    [
        [{"Effect": "Allow", "Principal": {"AWS": "AROAX"}, "Action": "kms:*", "Resource": "*"}],
        [
            {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*"},
            {"Effect": "Deny", "Principal": "*", "Action": "kms:Put*", "Resource": "*"},
        ],
    ],
)
def test_a_key_that_nobody_can_administer_is_found(
    kms: StrictKms, account: Account, statements: list[dict[str, Any]]
) -> None:
    """Only AWS support can mend it: better now than when it matters."""
    stored = made(kms, account, "rds")
    stored.policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    assert ("kms.no-administrator", "error") in found(account, "rds")


@pytest.mark.parametrize(
    ("condition", "enough"),
    [
        ({"NumericLessThan": {"kms:ScheduleKeyDeletionPendingWindowInDays": "30.0"}}, True),
        ({"NumericLessThanEquals": {"kms:ScheduleKeyDeletionPendingWindowInDays": 29}}, True),
        ({}, True),
        ({"NumericLessThan": {"kms:ScheduleKeyDeletionPendingWindowInDays": "abc"}}, False),
        ({"NumericLessThan": {"kms:ScheduleKeyDeletionPendingWindowInDays": "9" * 5000}}, True),
    ],
)
def test_a_window_is_read_however_it_is_written(
    kms: StrictKms, account: Account, condition: dict[str, Any], enough: bool
) -> None:
    """Somebody else's policy is no reason to break off the audit."""
    stored = made(kms, account, "rds")
    policy = json.loads(stored.policy)
    [deny] = [each for each in policy["Statement"] if each["Effect"] == "Deny"]
    deny["Condition"] = condition
    stored.policy = json.dumps(policy)
    assert (("kms.window", "warning") not in found(account, "rds")) == enough


def test_a_deletion_that_may_come_too_early_is_found(kms: StrictKms, account: Account) -> None:
    """A window of 7 days where the class demands 30."""
    stored = made(kms, account, "rds")
    stored.policy = stored.policy.replace('PendingWindowInDays":"30"', 'PendingWindowInDays":"7"')
    assert ("kms.window", "warning") in found(account, "rds")
