"""Make KMS follow the catalogue: create and mend, and never delete, disable or move anything.

Each step can be done again. A key is made with its tags and policy in one request; what comes
after it and did not happen is what the next plan finds.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from .client import KmsRefused
from .policy import written

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .planning import Change, KeyPlan

    Wait = Callable[[float], object]
    Tell = Callable[[Change], object]

#: Seconds between tries: what was just made is known everywhere only after a moment, and a
#: replica is ``Creating`` for some time ("AWS KMS eventual consistency", KMS developer guide).
_WAITS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
_NOT_YET = {"NotFound", "KMSInvalidState"}


def apply_plans(
    plans: Sequence[KeyPlan], *, tell: Tell = lambda _: None, wait: Wait = time.sleep
) -> None:
    """Do what is planned for one key: the key first, then its replicas.

    Args:
        plans: as :func:`plan_key` gave them. What is to be done by hand is left.
        tell: gets each change as soon as it is made.
        wait: waits that many seconds.

    Raises:
        StoreError: KMS does not answer, or refuses. What was done stays; plan and apply again.
    """
    primary = ""
    for plan in plans:
        if plan.observed:
            key_id = plan.observed.key_id
        else:
            key_id = _replicated(plan, primary, wait) if plan.home else _created(plan)
            for change in plan.mendable("key"):
                tell(change)
        _mend(plan, key_id, tell, wait)
        primary = primary or key_id


def _created(plan: KeyPlan) -> str:
    made = plan.site.ask(
        "CreateKey", MultiRegion=bool(plan.key.replica_regions), **_made_with(plan)
    )
    return str(made["KeyMetadata"]["KeyId"])


def _replicated(plan: KeyPlan, primary: str, wait: Wait) -> str:
    """Copy a multi-Region key. Policy, tags and alias are not synchronised: each has its own."""
    home, region = plan.home, plan.site.place.region
    if home:
        told = {"KeyId": primary, "ReplicaRegion": region, **_made_with(plan)}
        _patiently(lambda: home.ask("ReplicateKey", **told), wait)
    return primary


def _made_with(plan: KeyPlan) -> dict[str, Any]:
    return {
        "Description": f"KMS key for {plan.key.description or plan.key.component}",
        "Policy": written(plan.policy),
        "Tags": _listed(plan.site.tags(plan.key)),
    }


def _mend(plan: KeyPlan, key_id: str, tell: Tell, wait: Wait) -> None:
    for kind in ("tag", "policy", "rotation", "alias"):
        changes = plan.mendable(kind)
        if changes:
            action, params = _request(plan, key_id, kind)
            _send(plan, action, params, wait)
        for change in changes:
            tell(change)


def _request(plan: KeyPlan, key_id: str, kind: str) -> tuple[str, dict[str, Any]]:
    """Give the request that mends all changes of one kind."""
    key = {"KeyId": key_id}
    match kind:
        case "tag":
            tags, changed = plan.site.tags(plan.key), plan.mendable(kind)
            told = {name: tags[name] for name in tags if f"tag {name}" in {c.what for c in changed}}
            return "TagResource", {**key, "Tags": _listed(told)}
        case "policy":
            # Without BypassPolicyLockoutSafetyCheck: KMS refuses what would lock us out.
            document = {"PolicyName": "default", "Policy": written(plan.policy)}
            return "PutKeyPolicy", {**key, **document}
        case "rotation":
            return "EnableKeyRotation", {**key, "RotationPeriodInDays": plan.key.rotation_days}
        case _:
            return "CreateAlias", {"AliasName": plan.site.alias(plan.key), "TargetKeyId": key_id}


def _send(plan: KeyPlan, action: str, params: dict[str, Any], wait: Wait) -> None:
    if plan.observed is None:
        _patiently(lambda: plan.site.ask(action, **params), wait)
    else:
        plan.site.ask(action, **params)


def _patiently(ask: Callable[[], object], wait: Wait) -> None:
    """Ask again while KMS does not know yet what was just made."""
    for seconds in _WAITS:
        try:
            ask()
        except KmsRefused as refused:
            if refused.code not in _NOT_YET:
                raise
        else:
            return
        wait(seconds)
    ask()


def _listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"TagKey": name, "TagValue": value} for name, value in tags.items()]
