"""Which key is the catalogue's: one that may be another's is never touched."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from glisecrets.errors import EnvironmentMismatch

from .steps import add_statement, apply, changes
from .strict_kms import ACCOUNT, AWAY, HOME

if TYPE_CHECKING:
    from .conftest import Account
    from .strict_kms import Stored, StrictKms


def test_keys_that_terraform_made_without_an_alias_are_adopted(
    kms: StrictKms, account: Account
) -> None:
    """The guide's Terraform gives seven of its keys tags and no alias."""
    stored = kms.add(tags={"Name": "ecr-encryption", "Component": "container-registry"})
    apply(account, "ecr")
    assert kms.aliases[HOME, "alias/ecr-encryption"] == stored.key_id
    assert len(kms.keys) == 1


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
    arn = f"arn:aws:iam::{ACCOUNT}:role/api-production"
    add_statement(stored, Principal={"AWS": arn}, Action="kms:Decrypt")
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
