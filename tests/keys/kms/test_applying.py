"""``plan`` and ``apply``: an account comes to the catalogue, whatever happened to it before."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from glisecrets.errors import AccessDenied, EnvironmentMismatch
from glisecrets.keys.kms import CATALOGUE, KmsRefused
from glisecrets.keys.kms.applying import apply_plans
from glisecrets.keys.kms.planning import plan_key

from .strict_kms import ACCOUNT, AWAY, HOME

if TYPE_CHECKING:
    from .conftest import Account
    from .strict_kms import Stored, StrictKms


def changes(account: Account, *names: str) -> list[Any]:
    """Plan, without changing anything."""
    sites = account.sites
    plans = [plan_key(sites, sites.catalogue[name]) for name in names or sites.catalogue]
    return [change for each in plans for plan in each for change in plan.changes]


def apply(account: Account, *names: str) -> None:
    """Plan and apply, without waiting."""
    sites = account.sites
    for name in names or sites.catalogue:
        apply_plans(plan_key(sites, sites.catalogue[name]), wait=lambda _: None)


def test_an_empty_account_gets_the_nine_keys_of_the_guide(kms: StrictKms, account: Account) -> None:
    """Every key has its alias, its tags, and a rotation every year."""
    account.table = {"required_tags": {"Owner": "platform"}}
    apply(account)
    aliases = {key.alias_template: key for key in CATALOGUE.values()}
    assert {alias for _, alias in kms.aliases} == aliases.keys()
    assert len(kms.keys) == 9
    for alias, key in aliases.items():
        stored = kms.named(alias)
        assert stored.rotation == 365
        assert stored.tags == {
            "Name": f"{key.name}-encryption",
            "DataClass": key.data_class,
            "Component": key.component,
            "Environment": "production",
            "Owner": "platform",
            "glisecrets:key": key.name,
        }


def test_planning_writes_nothing(kms: StrictKms, account: Account) -> None:
    """A plan is for reading."""
    assert len(changes(account)) == 27
    assert kms.wrote == []


def test_a_second_apply_has_nothing_to_do(kms: StrictKms, account: Account) -> None:
    """Applying is idempotent."""
    apply(account)
    kms.wrote.clear()
    assert changes(account) == []
    apply(account)
    assert kms.wrote == []


@pytest.mark.parametrize("action", ["CreateAlias", "EnableKeyRotation"])
def test_a_key_whose_making_was_broken_off_is_found_again(
    kms: StrictKms, account: Account, action: str
) -> None:
    """A crash after the key was made leaves no second key behind."""
    kms.broken[action] = "AccessDeniedException"
    with pytest.raises(AccessDenied):
        apply(account, "rds")
    kms.broken.clear()
    apply(account, "rds")
    assert len(kms.keys) == 1
    assert changes(account, "rds") == []


def test_a_new_key_that_is_not_known_everywhere_yet_is_waited_for(
    kms: StrictKms, account: Account
) -> None:
    """KMS is eventually consistent."""
    kms.delay = 2
    apply(account, "logs")
    assert kms.named("alias/logs-encryption").rotation == 365


def test_what_somebody_changed_is_mended(kms: StrictKms, account: Account) -> None:
    """Rotation, period, tags and policy come back; foreign tags stay."""
    apply(account, "logs")
    stored = kms.named("alias/logs-encryption")
    wanted = stored.policy
    stored.rotation, stored.policy = None, kms.add().policy
    del stored.tags["Component"]
    stored.tags |= {"Name": "mine", "CostCenter": "7"}
    assert {change.what for change in changes(account, "logs")} == {
        "rotation",
        "policy",
        "tag Component",
        "tag Name",
    }
    apply(account, "logs")
    assert (stored.rotation, stored.policy) == (365, wanted)
    assert (stored.tags["Name"], stored.tags["CostCenter"]) == ("logs-encryption", "7")


def test_keys_that_terraform_made_without_an_alias_are_adopted(
    kms: StrictKms, account: Account
) -> None:
    """The guide's Terraform gives seven of its keys tags and no alias."""
    stored = kms.add(tags={"Name": "ecr-encryption", "Component": "container-registry"})
    apply(account, "ecr")
    assert kms.aliases[HOME, "alias/ecr-encryption"] == stored.key_id
    assert len(kms.keys) == 1


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


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        ({"state": "Disabled"}, "state"),
        ({"state": "PendingDeletion"}, "state"),
        ({"tags": {"glisecrets:key": "ebs", "DataClass": "internal"}}, "data class"),
        ({"spec": "RSA_4096"}, "kind"),
    ],
)
def test_what_data_may_depend_on_is_left_to_a_person(
    kms: StrictKms, account: Account, broken: dict[str, Any], what: str
) -> None:
    """A key that is disabled, pending deletion, of another class or kind is not touched."""
    kms.add(**{"tags": {"glisecrets:key": "ebs"}, **broken})
    found = changes(account, "ebs")
    assert [(change.what, change.by_hand) for change in found] == [(what, True)]
    apply(account, "ebs")
    assert kms.wrote == []


def test_one_key_for_everything_is_left_and_told(kms: StrictKms, account: Account) -> None:
    """The guide's bad practice: two aliases on one key. Whose data it holds, only people know."""
    stored = kms.add()
    kms.aliases = dict.fromkeys(
        [(HOME, "alias/rds-encryption"), (HOME, "alias/logs-encryption")], stored.key_id
    )
    assert [(change.key, change.what) for change in changes(account, "rds", "logs")] == [
        ("rds", "sharing"),
        ("logs", "sharing"),
    ]


def test_another_environments_key_is_refused(kms: StrictKms, account: Account) -> None:
    """Production's catalogue must not retag a staging key in an account that both share."""
    stored = kms.add(tags={"Environment": "staging"})
    kms.aliases[HOME, "alias/rds-encryption"] = stored.key_id
    with pytest.raises(EnvironmentMismatch):
        changes(account, "rds")


def payments(kms: StrictKms, **tags: str) -> Stored:
    """Make somebody else's key, with a statement of theirs."""
    stored = kms.add(tags=tags)
    policy = json.loads(stored.policy)
    arn = f"arn:aws:iam::{ACCOUNT}:role/api-production"
    policy["Statement"].append(
        {
            "Sid": "Payments",
            "Effect": "Allow",
            "Principal": {"AWS": arn},
            "Action": "kms:Decrypt",
            "Resource": "*",
        }
    )
    stored.policy = json.dumps(policy)
    return stored


@pytest.mark.parametrize("tags", [{}, {"Name": "payments-key", "Component": "payments"}])
def test_a_key_that_an_alias_was_moved_to_is_not_taken_over(
    kms: StrictKms, account: Account, tags: dict[str, str]
) -> None:
    """Its tags and policy are somebody else's, and our data is under the key before it."""
    apply(account, "rds")
    theirs = payments(kms, **tags)
    kms.aliases[HOME, "alias/rds-encryption"] = theirs.key_id
    before = theirs.policy
    kms.wrote.clear()
    assert [(each.what, each.by_hand) for each in changes(account, "rds")] == [("alias", True)]
    apply(account, "rds")
    assert (theirs.policy, theirs.tags, kms.wrote) == (before, tags, [])


def test_no_replica_is_made_of_a_key_that_may_be_another(kms: StrictKms, account: Account) -> None:
    """A copy of somebody else's key in another Region cannot be taken back."""
    account.table = {"keys": {"rds": {"replica_regions": [AWAY]}}}
    theirs = kms.add(tags={"Name": "payments-key"}, multi_region=True)
    kms.aliases[HOME, "alias/rds-encryption"] = theirs.key_id
    assert [(each.region, each.by_hand) for each in changes(account, "rds")] == [(HOME, True)]


def test_a_key_that_alias_and_tag_were_moved_to_is_taken_over(
    kms: StrictKms, account: Account
) -> None:
    """So a person replaces a key: the next step that the audit names leads there."""
    apply(account, "rds")
    old, new = kms.named("alias/rds-encryption"), kms.add()
    kms.aliases[HOME, "alias/rds-encryption"] = new.key_id
    new.tags["glisecrets:key"], old.tags["glisecrets:key"] = "rds", "former-rds"
    apply(account, "rds")
    assert (new.rotation, new.tags["Component"]) == (365, "database")
    assert changes(account, "rds") == []


@pytest.mark.parametrize("state", ["Enabled", "Disabled"])
def test_of_two_keys_without_alias_a_person_chooses(
    kms: StrictKms, account: Account, state: str
) -> None:
    """Data may be under either, and new data must not go under the wrong one."""
    for each in ("Disabled", state):
        kms.add(tags={"glisecrets:key": "ecr"}, state=each)
    assert ("alias", True) in [(each.what, each.by_hand) for each in changes(account, "ecr")]
    apply(account, "ecr")
    assert kms.wrote == []


def test_a_key_about_to_be_deleted_is_no_rival(kms: StrictKms, account: Account) -> None:
    """Somebody decided already which of the two goes."""
    tags = {"glisecrets:key": "ecr"}
    kms.add(tags=tags, state="PendingDeletion", deletion=datetime(2030, 1, 1, tzinfo=UTC))
    usable = kms.add(tags=dict(tags))
    apply(account, "ecr")
    assert kms.named("alias/ecr-encryption") is usable


def test_a_role_that_does_not_exist_is_named(kms: StrictKms, account: Account) -> None:
    """KMS refuses a policy with unknown principals; the error says what to correct."""
    kms.roles.clear()
    with pytest.raises(KmsRefused, match="DBARole") as refused:
        apply(account, "rds")
    assert "readers" in refused.value.next_step
    assert kms.keys == {}


# Several Regions ----------------------------------------------------------------------------


def test_a_key_for_disasters_has_a_replica_with_its_own_policy_tags_and_alias(
    kms: StrictKms, account: Account
) -> None:
    """Policies, tags and aliases are not synchronised by AWS; rotation is the primary's."""
    rds = {"replica_regions": [AWAY], "applications": ["api-{environment}"]}
    account.table = {"keys": {"rds": rds}}
    kms.delay = 1
    apply(account, "rds")
    primary = kms.named("alias/rds-encryption")
    replica = kms.named("alias/rds-encryption", AWAY)
    assert replica.key_id == primary.key_id
    assert replica.tags == primary.tags
    assert f"rds.{AWAY}.amazonaws.com" in replica.policy
    assert (primary.rotation, replica.rotation) == (365, None)
    assert changes(account, "rds") == []


def test_a_replica_that_drifted_or_was_never_made_is_planned(
    kms: StrictKms, account: Account
) -> None:
    """A crash between the primary and its replica is mended by the next apply."""
    account.table = {"keys": {"rds": {"replica_regions": [AWAY]}}}
    kms.broken["ReplicateKey"] = "AccessDeniedException"
    with pytest.raises(AccessDenied):
        apply(account, "rds")
    kms.broken.clear()
    found = changes(account, "rds")
    assert [(change.region, change.what) for change in found] == [(AWAY, "key"), (AWAY, "alias")]
    apply(account, "rds")
    assert changes(account, "rds") == []


def test_a_key_of_one_region_can_have_no_replica(kms: StrictKms, account: Account) -> None:
    """That is fixed as a key is made: it is told, and the rest is mended all the same."""
    apply(account, "rds")
    account.table = {"keys": {"rds": {"replica_regions": [AWAY]}}, "required_tags": {"Owner": "p"}}
    found = changes(account, "rds")
    assert [(change.what, change.by_hand) for change in found] == [
        ("tag Owner", False),
        ("replica", True),
    ]


def test_an_alias_that_another_key_has_in_the_replicas_region_is_left(
    kms: StrictKms, account: Account
) -> None:
    """Moving an alias would change what encrypts, unseen: a person has to."""
    account.table = {"keys": {"rds": {"replica_regions": [AWAY]}}}
    kms.aliases[AWAY, "alias/rds-encryption"] = kms.add(region=AWAY).key_id
    apply(account, "rds")
    found = changes(account, "rds")
    assert [(change.region, change.what, change.by_hand) for change in found] == [
        (AWAY, "alias", True)
    ]
