"""What is wrong with the keys of an account. The codes are stable, and listed in docs/kms.md."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from .classes import demands_of
from .planning import plan_key
from .policy_reading import account_administers, grants_freely, refused_window, rules_of
from .site import IDENTITY

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        yield _changed(change, plan, plan.observed)
    yield from _duplicates(plan, plan.observed)
    yield from _policy(plan, plan.observed)
    yield from _use(plan, plan.observed)


# What the plan tells ------------------------------------------------------------------------


def _changed(change: Change, plan: KeyPlan, observed: ObservedKey) -> _Found:
    code, severity, message, step = _CHANGED[_kind(change, observed)]
    facts = {
        **change._asdict(),
        "id": f"--key-id {observed.key_id} --region {change.region}",
        "tag": f"{IDENTITY}={plan.key.name}",
        "other": f"{IDENTITY}=former-{plan.key.name}",
        "deletion": f"on {observed.deletion:%F}" if observed.deletion else "after its replicas",
        "enable": _ENABLE.get(observed.state, "see why with aws kms describe-key {id}"),
    }
    step = step.replace("{enable}", facts["enable"])
    return code, severity, message.format_map(facts), step.format_map(facts)


def _kind(change: Change, observed: ObservedKey) -> str:
    """Tell which of the findings a change is."""
    what = change.what.partition(" ")[0]
    if what == "state" and observed.state in {"PendingDeletion", "PendingReplicaDeletion"}:
        return "deletion"
    if what in {"rotation", "tag"} and change.before is None:
        return f"no {what}"
    return f"{what} by hand" if what == "alias" and change.by_hand else what


_ENABLE = {
    "Disabled": "aws kms enable-key {id}",
    "PendingImport": "aws kms import-key-material {id}",
    "Unavailable": "aws kms connect-custom-key-store: the key's own store does not answer",
}
_MOVE = "make a key, move the alias and {tag} to it, tag the old one {other}; apply, move the data"
_CHANGED: dict[str, _Found] = {
    "deletion": (
        "kms.pending-deletion",
        "error",
        "the key and all data under it are deleted {deletion}",
        "aws kms cancel-key-deletion {id}, then aws kms enable-key {id}",
    ),
    "state": ("kms.unusable", "error", "the key is {before}", "{enable}"),
    "sharing": (
        "kms.wrong-class",
        "error",
        "{before}: a leak of one is a leak of all",
        "make a key of its own, tagged {tag}, and move the alias to it; apply, move the data",
    ),
    "data": (
        "kms.wrong-class",
        "error",
        "the key is tagged {before}",
        "see whose data is under it: correct the tag DataClass, or else " + _MOVE,
    ),
    "kind": ("kms.cannot-rotate", "error", "{before}: KMS never rotates it", _MOVE),
    "replica": (
        "kms.one-region",
        "warning",
        "the key can have no replica: that is fixed as it is made",
        f"is a replica needed, {_MOVE}",
    ),
    "no rotation": ("kms.no-rotation", "error", "the key is not rotated", _APPLY),
    "rotation": ("kms.period", "warning", "rotated every {before}, not {after}", _APPLY),
    "no tag": ("kms.tag-missing", "warning", "the {what} is missing", _APPLY),
    "tag": ("kms.tag", "warning", "{what} is {before!r}, not {after!r}", _APPLY),
    "alias": ("kms.alias", "warning", "the key lacks {after}", _APPLY),
    "alias by hand": (
        "kms.alias",
        "error",
        "{after} is {before}: it is not sure which key is meant",
        "put the alias on the right key and tag that {tag}, the one that was it before {other}",
    ),
    "policy": (
        "kms.policy",
        "warning",
        "the policy is not as declared: {before} to go, {after} to come",
        _APPLY,
    ),
}


def _duplicates(plan: KeyPlan, observed: ObservedKey) -> Iterator[_Found]:
    if plan.home or plan.in_doubt:
        return
    for rival in plan.site.rivals(plan.key, observed):
        message = f"{rival.key_id} is tagged as the same key, and is not the one in use"
        step = f"see if data is under it; then tag it {IDENTITY}=former-{plan.key.name}"
        yield "kms.duplicate", "warning", message, step


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
