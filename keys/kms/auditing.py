"""What is wrong with the keys of an account. The codes are stable, and listed in docs/kms.md."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from glisecrets.errors import GlisecretsError, StoreUnavailable

from .place import account_in
from .planning import plan_key
from .policy_reading import account_administers, refused_window, rules_of
from .site import IDENTITY
from .width import Severity, too_wide

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .declared import KmsKey
    from .observed import ObservedKey
    from .planning import Change, KeyPlan
    from .site import Sites

_APPLY = "glisecrets keys kms apply"
#: Until then, apply leaves the whole key.
_FIRST = "what only a person can do, then "


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

    A key that cannot be read, or is of another environment, is a finding too: ``kms.unreadable``.

    Raises:
        StoreUnavailable: KMS does not answer.
        StoreError: it does not tell of the account's aliases, and so of no key.
    """
    home = sites.home
    aliased = home.aliases.get(home.alias(key))
    findings: list[KeyFinding] = []
    try:
        for plan in plan_key(sites, key):
            at = (key.name, plan.site.place.region, plan.observed and plan.observed.key_id)
            for code, severity, message, step in _found(plan):
                first = _FIRST if plan.waits and step.startswith(_APPLY) else ""
                findings.append(KeyFinding(code, severity, *at, message, first + step))
    except StoreUnavailable:
        raise
    except GlisecretsError as error:
        message = f"{home.alias(key)} cannot be looked at: {error.message}"
        at = (key.name, home.place.region, aliased)
        findings.append(KeyFinding("kms.unreadable", "error", *at, message, error.next_step))
    return findings


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
        "id": _at(plan, observed),
        "tag": f"{IDENTITY}={plan.key.name}",
        "other": f"{IDENTITY}=former-{plan.key.name}",
        "deletion": f"on {observed.deletion:%F}" if observed.deletion else "after its replicas",
    }
    return code, severity, message.format_map(facts), step.format_map(facts)


def _at(plan: KeyPlan, observed: ObservedKey) -> str:
    """Name the key as the command line of AWS has it."""
    return f"--key-id {observed.key_id} --region {plan.site.place.region}"


def _kind(change: Change, observed: ObservedKey) -> str:
    """Tell which of the findings a change is."""
    what = change.kind
    if what == "state" and observed.state in _CHANGED:
        return observed.state
    if what in {"rotation", "tag"} and change.before is None:
        return f"no {what}"
    return f"{what} by hand" if what == "alias" and change.by_hand else what


_MOVE = "make a key, move the alias and {tag} to it, tag the old one {other}; apply, move the data"
_DELETED: _Found = (
    "kms.pending-deletion",
    "error",
    "the key and all data under it are deleted {deletion}",
    "aws kms cancel-key-deletion {id}, then aws kms enable-key {id}",
)
_UNUSABLE: tuple[str, Severity, str] = ("kms.unusable", "error", "the key is {before}")
_CHANGED: dict[str, _Found] = {
    "PendingDeletion": _DELETED,
    "PendingReplicaDeletion": _DELETED,
    "Disabled": (*_UNUSABLE, "aws kms enable-key {id}"),
    "PendingImport": (*_UNUSABLE, "aws kms import-key-material {id}"),
    "Unavailable": (
        *_UNUSABLE,
        "its own key store does not answer: aws kms connect-custom-key-store",
    ),
    "state": (*_UNUSABLE, "see why with aws kms describe-key {id}"),
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
        "put the alias on the right key and tag that {tag}; tag a former one {other}",
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
            for severity, message in too_wide(plan.key, place, rule):
                yield "kms.wide-policy", severity, f"{rule.sid} {message}", _NARROW


_NARROW = "see it with glisecrets keys kms policy, then apply; take away by hand what it keeps"


# Use ----------------------------------------------------------------------------------------

#: In a grant's encryption context: ``aws:rds:db-id``, ``aws:ebs:id``.
_OF_SERVICE = re.compile(r"^aws:([a-z0-9]+):")
#: The services whose names in contexts and principals differ from those in ``kms:ViaService``.
_ALSO = {"ebs": "ec2", "efs": "elasticfilesystem"}
#: What a service's own data lies on: an RDS instance's volumes hold grants of EBS.
_BENEATH = {"rds": {"ec2"}}


def _use(plan: KeyPlan, observed: ObservedKey) -> Iterator[_Found]:
    """Find whom the key is not for: services that its policy lets in, and holders of grants."""
    if observed.deletion:
        return
    ours = {each.partition(".")[0] for each in (*plan.key.via, *plan.key.services)}
    let_in = {each for rule in rules_of(observed.policy) if rule.allows for each in rule.services()}
    for service in sorted(let_in - ours):
        message = f"the policy lets {service} in, which has a key of another class or component"
        yield "kms.wrong-class", "error", message, _NARROW
    grants = plan.site.grants(observed.key_id)
    beneath = {each for service in ours for each in _BENEATH.get(service, ())}
    for service in sorted(_services_holding(grants) - ours - beneath):
        message = f"{service} holds grants: its data lies under a key of another component"
        yield "kms.wrong-class", "error", message, _MOVE_DATA
    for holder in sorted({str(grant.get("GranteePrincipal")) for grant in grants}):
        if account_in(holder) not in {None, plan.site.place.account}:
            message = f"{holder}, of another account, holds a grant"
            yield "kms.wide-grant", "error", message, _REVOKE.format(_at(plan, observed))


_MOVE_DATA = "move the data that does not belong there under a key of its own"
_REVOKE = "see what for: aws kms list-grants {0}; then aws kms revoke-grant {0} --grant-id …"


def _services_holding(grants: Iterable[Mapping[str, Any]]) -> set[str]:
    found: set[str] = set()
    for grant in grants:
        principal = grant.get("GranteePrincipal", "")
        if principal.endswith(".amazonaws.com"):
            found.add(principal.partition(".")[0])
        for context in grant.get("Constraints", {}).values():
            found |= {each for name in context for each in _OF_SERVICE.findall(name)}
    return {_ALSO.get(service, service) for service in found}
