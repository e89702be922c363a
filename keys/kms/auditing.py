"""What is wrong with the keys of an account. The codes are stable, and listed in docs/kms.md."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from .classes import demands_of
from .planning import plan_key
from .policy_reading import account_administers, grants_freely, refused_window, rules_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .declared import KmsKey
    from .observed import ObservedKey
    from .planning import Change, KeyPlan
    from .policy_reading import Grantee, Rule
    from .site import Site, Sites

#: ``error``: data is or may get exposed or lost. ``warning``: a rule of the house is broken.
Severity = Literal["error", "warning"]

_APPLY = "glisecrets keys kms apply"


class KeyFinding(NamedTuple):
    """What the audit found."""

    #: ``kms.what``: stable.
    code: str
    severity: Severity
    #: The key's name in the catalogue.
    key: str
    region: str
    key_id: str | None
    #: What was found, in one sentence.
    message: str
    #: What the reader can do about it.
    next_step: str


#: What a finding says, without where.
_Found = tuple[str, Severity, str, str]


def audit(sites: Sites, key: KmsKey) -> list[KeyFinding]:
    """Look for what is wrong with one key and its replicas.

    Raises:
        EnvironmentMismatch: its alias is on another environment's key.
        ConfigurationError: a role that is none.
        StoreError: KMS does not answer, or refuses.
    """
    return [
        KeyFinding(code, severity, key.name, plan.site.place.region, _id(plan), message, step)
        for plan in plan_key(sites, key)
        for code, severity, message, step in _found(plan)
    ]


def _id(plan: KeyPlan) -> str | None:
    return plan.observed.key_id if plan.observed else None


def _found(plan: KeyPlan) -> Iterator[_Found]:
    if plan.observed is None:
        what = "replica" if plan.home else "key"
        yield "kms.missing", "error", f"there is no such {what}", _APPLY
        return
    for change in plan.changes:
        yield from _changed(change, plan.observed)
    yield from _duplicates(plan, plan.observed)
    yield from _policy(plan, plan.observed)
    yield from _use(plan, plan.observed)


# What the plan tells ------------------------------------------------------------------------


def _changed(change: Change, observed: ObservedKey) -> Iterator[_Found]:
    what = change.what.partition(" ")[0]
    if what == "state" and observed.deletion:
        yield (
            "kms.pending-deletion",
            "error",
            f"the key and all data under it are deleted on {observed.deletion:%F}",
            f"aws kms cancel-key-deletion --key-id {observed.key_id}, then enable-key",
        )
    elif what == "rotation" and change.before is None:
        yield "kms.no-rotation", "error", "the key is not rotated", _APPLY
    elif what == "tag" and change.before is None:
        yield "kms.tag-missing", "warning", f"the {change.what} is missing", _APPLY
    else:
        yield _CHANGED[what](change)


def _by_hand(code: str, severity: Severity, message: str, step: str) -> Callable[[Change], _Found]:
    return lambda change: (code, severity, message.format_map(change._asdict()), step)


_MOVE = "make a key of its own, and move the data that does not belong there"
_CHANGED = {
    "state": _by_hand("kms.unusable", "error", "the key is {before}", "aws kms enable-key"),
    "sharing": _by_hand(
        "kms.wrong-class", "error", "{before}: a leak of one is a leak of all", _MOVE
    ),
    "data": _by_hand("kms.wrong-class", "error", "the key is tagged {before}", _MOVE),
    "kind": _by_hand("kms.cannot-rotate", "error", "{before}: KMS never rotates it", _MOVE),
    "replica": _by_hand(
        "kms.one-region",
        "warning",
        "the key can have no replica: that is fixed as it is made",
        _MOVE,
    ),
    "rotation": _by_hand("kms.period", "warning", "rotated every {before}, not {after}", _APPLY),
    "tag": _by_hand("kms.tag", "warning", "{what} is {before!r}, not {after!r}", _APPLY),
    "alias": _by_hand("kms.alias", "warning", "the key lacks {after}", _APPLY),
    "policy": _by_hand(
        "kms.policy",
        "warning",
        "the policy is not as declared: {before} to go, {after} to come",
        _APPLY,
    ),
}


def _duplicates(plan: KeyPlan, observed: ObservedKey) -> Iterator[_Found]:
    if plan.home:
        return
    others = [each.key_id for each in plan.site.candidates(plan.key) if each.deletion is None]
    for other in others:
        if other != observed.key_id:
            message = f"{other} is tagged as the same key, and is not the one in use"
            yield "kms.duplicate", "warning", message, "see if data is under it; else untag it"


# Policies -----------------------------------------------------------------------------------


def _policy(plan: KeyPlan, observed: ObservedKey) -> Iterator[_Found]:
    place = plan.site.place
    if not account_administers(observed.policy, place):
        message = "the policy has no statement for the account's administrators"
        yield "kms.no-administrator", "error", message, f"{_APPLY}, by whoever still can"
    window = refused_window(observed.policy)
    if window < plan.key.window:
        message = f"a deletion may wait {window} days only, not {plan.key.window}"
        yield "kms.window", "warning", message, _APPLY
    for rule in rules_of(observed.policy):
        if rule.allows:
            for severity, message in _wide(plan.key, plan.site, rule):
                yield "kms.wide-policy", severity, f"{rule.sid} {message}", _NARROW


_NARROW = "see it with glisecrets keys kms policy, then apply; take away by hand what it keeps"


def _wide(key: KmsKey, site: Site, rule: Rule) -> Iterator[tuple[Severity, str]]:
    if rule.inverted:
        yield "error", "allows all but something"
    for grantee in rule.grantees:
        if not grantee.is_root(site.place):
            yield from _wide_for(key, site, rule, grantee)


def _wide_for(
    key: KmsKey, site: Site, rule: Rule, grantee: Grantee
) -> Iterator[tuple[Severity, str]]:
    if grantee.is_foreign(site.place):
        yield "error", f"lets another account in: {grantee.name}"
    elif grantee.kind == "Service":
        if (rule.uses or grants_freely(rule)) and not rule.bound:
            yield (
                "warning",
                f"lets {grantee.name} act for any account: aws:SourceAccount is missing",
            )
    elif grantee.anybody and not rule.bound:
        yield "error", "lets anybody in AWS in"
    elif grantee.anybody and rule.accounts - {site.place.account}:
        yield "error", f"lets other accounts in: {', '.join(rule.accounts - {site.place.account})}"
    elif grantee.anybody and rule.uses:
        yield from _wide_for_account(key, rule)
    elif rule.uses and rule.covers("kms:PutKeyPolicy"):
        yield "warning", f"lets {grantee.name} both administer and decrypt"
    elif grants_freely(rule):
        yield (
            "warning",
            f"lets {grantee.name} hand the key on: kms:GrantIsForAWSResource is missing",
        )


def _wide_for_account(key: KmsKey, rule: Rule) -> Iterator[tuple[Severity, str]]:
    if demands_of(key.data_class).decrypted_by == "named-roles":
        yield "error", f"lets the whole account decrypt {key.data_class} data"
    elif not [*rule.services()]:
        yield "warning", "lets the whole account decrypt without any service: kms:ViaService"


# Use ----------------------------------------------------------------------------------------

#: In a grant's encryption context: ``aws:rds:db-id``, ``aws:ebs:id``.
_OF_SERVICE = re.compile(r"^aws:([a-z0-9]+):")
#: The services whose names in contexts and principals differ from those in ``kms:ViaService``.
_ALSO = {"ebs": "ec2", "efs": "elasticfilesystem"}
#: What a service's own data lies on: an RDS instance's volumes hold grants of EBS.
_BENEATH = {"rds": {"ec2"}}


def _use(plan: KeyPlan, observed: ObservedKey) -> Iterator[_Found]:
    """Find services that the key is not for: let in by its policy, or holding grants."""
    ours = {each.partition(".")[0] for each in (*plan.key.via, *plan.key.services)}
    if not ours or observed.deletion:
        return
    let_in = {each for rule in rules_of(observed.policy) if rule.allows for each in rule.services()}
    for service in sorted(let_in - ours):
        message = f"the policy lets {service} in, which has a key of another class or component"
        yield "kms.wrong-class", "error", message, _MOVE
    beneath = {each for service in ours for each in _BENEATH.get(service, ())}
    for service in sorted(_granted(plan) - ours - beneath):
        message = f"{service} holds grants: its data lies under a key of another component"
        yield "kms.wrong-class", "error", message, _MOVE


def _granted(plan: KeyPlan) -> set[str]:
    found: set[str] = set()
    for grant in plan.site.grants(plan.observed.key_id if plan.observed else ""):
        principal = grant.get("GranteePrincipal", "")
        if principal.endswith(".amazonaws.com"):
            found.add(principal.partition(".")[0])
        for context in grant.get("Constraints", {}).values():
            found |= {each for name in context for each in _OF_SERVICE.findall(name)}
    return {_ALSO.get(service, service) for service in found}
