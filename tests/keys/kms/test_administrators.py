"""Whoever administers a key before an ``apply`` does so after it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from .steps import apply, changes
from .strict_kms import ACCOUNT

if TYPE_CHECKING:
    from .conftest import Account
    from .strict_kms import StrictKms


DEPLOYER = f"arn:aws:iam::{ACCOUNT}:role/deployer"
OWN = {"StringEquals": {"kms:CallerAccount": ACCOUNT}}
#: Statements by which somebody administers a key, whom its account's own statement leaves out.
ADMINISTERING: dict[str, dict[str, Any]] = {
    "a role": {"Principal": {"AWS": DEPLOYER}, "Action": ["kms:Put*"]},
    "all but decrypting": {"Principal": {"AWS": DEPLOYER}, "NotAction": "kms:Decrypt"},
    "the roles of IAM Identity Center": {
        "Principal": {"AWS": "*"},
        "Action": "kms:*",
        "Condition": {
            **OWN,
            "ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/*_Admin_*"},
        },
    },
    "an account for security": {
        "Principal": {"AWS": "arn:aws:iam::999999999999:role/deployer"},
        "Action": "kms:*",
    },
    "everybody in the account": {"Principal": "*", "Action": "kms:*", "Condition": OWN},
}


@pytest.mark.parametrize("who", ADMINISTERING)
def test_whoever_administers_a_key_by_its_policy_alone_is_not_locked_out(
    kms: StrictKms, account: Account, who: str
) -> None:
    """What lets somebody change the policy is kept, also the second time; the rest goes."""
    stored = kms.add(tags={"glisecrets:key": "efs"})
    policy = json.loads(stored.policy)
    kept = {"Sid": "Kept", "Effect": "Allow", "Resource": "*", **ADMINISTERING[who]}
    used = {**kept, "Sid": "Used", "Action": "kms:Decrypt"}
    used.pop("NotAction", None)
    stored.policy = json.dumps({**policy, "Statement": [*policy["Statement"], kept, used]})
    apply(account, "efs")
    sids = [each["Sid"] for each in json.loads(stored.policy)["Statement"]]
    assert "Kept" in sids
    assert "Used" not in sids
    assert changes(account, "efs") == []


@pytest.mark.parametrize(
    "statement",
    [
        {"Principal": "*"},
        {"Principal": "*", "Condition": {"StringLike": {"kms:CallerAccount": "*"}}},
        {
            "Principal": "*",
            "Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/Admin"}},
        },
        {"Principal": {"AWS": "AROAEXAMPLEOFADELETED"}},
    ],
)
def test_what_lets_anybody_administer_is_replaced(
    kms: StrictKms, account: Account, statement: dict[str, Any]
) -> None:
    """Nobody in particular has a key by it, and everybody in AWS does."""
    stored = kms.add(tags={"glisecrets:key": "efs"})
    policy = json.loads(stored.policy)
    wide = {"Sid": "Wide", "Effect": "Allow", "Action": "kms:*", "Resource": "*", **statement}
    stored.policy = json.dumps({**policy, "Statement": [*policy["Statement"], wide]})
    apply(account, "efs")
    assert '"Wide"' not in stored.policy


def test_a_kept_statement_of_our_name_gets_another(kms: StrictKms, account: Account) -> None:
    """AWS takes no policy with two statements of one name."""
    apply(account, "efs")
    stored = kms.named("alias/efs-encryption")
    policy = json.loads(stored.policy)
    for number, each in enumerate(policy["Statement"][:2]):
        sid = "AdministerThroughIamKept1" if number else "AdministerThroughIam"
        each |= {"Sid": sid, "Effect": "Allow", "Action": "kms:*"}
        each["Principal"] = {"AWS": [DEPLOYER, f"arn:aws:iam::{ACCOUNT}:role/DBARole"][number]}
        each.pop("Condition", None)
    stored.policy = json.dumps(policy)
    apply(account, "efs")
    after = json.loads(stored.policy)["Statement"]
    kept = {each["Sid"] for each in after if each["Principal"].get("AWS") == [DEPLOYER]}
    assert kept == {"AdministerThroughIamKept2"}
    assert changes(account, "efs") == []
