"""What the tests of keys in an account do over and over: plan, apply, audit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from glisecrets.keys.kms import audit
from glisecrets.keys.kms.applying import apply_plans
from glisecrets.keys.kms.planning import plan_key

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


def made(kms: StrictKms, account: Account, name: str) -> Stored:
    """Make a key as it should be."""
    apply(account, name)
    return kms.named(account.sites.catalogue[name].alias_template)


def found(account: Account, *names: str) -> list[tuple[str, str]]:
    """Audit, and give the findings' codes and severities."""
    sites = account.sites
    keys = [sites.catalogue[name] for name in names or sites.catalogue]
    return [(each.code, each.severity) for key in keys for each in audit(sites, key)]


def add_statement(stored: Stored, **told: Any) -> None:
    """Add to a key's policy as somebody else would."""
    policy = json.loads(stored.policy)
    policy["Statement"].append({"Sid": "More", "Effect": "Allow", "Resource": "*", **told})
    stored.policy = json.dumps(policy)
