"""``plan`` and ``apply``: an account comes to the catalogue, whatever happened to it before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from glisecrets.errors import AccessDenied
from glisecrets.keys.kms import CATALOGUE, KmsRefused

from .steps import apply, changes
from .strict_kms import AWAY

if TYPE_CHECKING:
    from .conftest import Account
    from .strict_kms import StrictKms


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
