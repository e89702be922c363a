"""The policy of a KMS key: the least that its users need, and always an administrator.

Context conditions never stand beside ``kms:DescribeKey``, which has no context and would be denied;
services that act by themselves are bound to this account (the confused deputy). KMS's lockout
safety check is never bypassed.
"""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias

from glisecrets.errors import ConfigurationError

from .classes import demands_of
from .place import account_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .declared import KmsKey
    from .place import Place

Statement: TypeAlias = dict[str, Any]

#: What encrypting and decrypting takes.
USE = (
    "kms:Decrypt",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
#: What looking at a key takes.
READ = (
    "kms:DescribeKey",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
)
GRANT = ("kms:CreateGrant",)
#: Bytes that KMS takes ("Resource quotas", KMS developer guide).
_LARGEST = 32 * 1024


def key_policy(key: KmsKey, place: Place, *, kept: Sequence[Statement] = ()) -> Statement:
    """Render a key's policy.

    Args:
        key: the declaration.
        place: where the key is.
        kept: statements to keep: those by which somebody administers the key already.

    Returns:
        The policy's document. It has a statement for the account's administrators in any case.

    Raises:
        ConfigurationError: a role that is none, or a policy of more than 32 KB.
    """
    statements = [*_administering(key, place), *_reading(key, place)]
    statements += [*_using(key, place), *_serving(key, place)]
    statements += _renamed(kept, {each["Sid"] for each in statements})
    policy = {"Version": "2012-10-17", "Id": f"glisecrets-{key.name}", "Statement": statements}
    if len(written(policy)) > _LARGEST:
        raise ConfigurationError(
            f"the policy of the KMS key {key.name!r} is over 32 KB",
            next_step="name fewer roles: put them behind one role, or use IAM policies",
        )
    return policy


def _renamed(kept: Sequence[Statement], ours: set[str]) -> list[Statement]:
    """Give statements to keep other names than ours: AWS takes each once in a policy."""
    taken = ours | {each["Sid"] for each in kept if "Sid" in each}
    statements = []
    for each in kept:
        sid = each.get("Sid")
        if sid in ours:
            sid = next(name for n in count(1) if (name := f"{sid}Kept{n}") not in taken)
            taken.add(sid)
        statements.append({**each, "Sid": sid} if sid else each)
    return statements


def written(policy: Statement) -> str:
    """Give a policy as KMS gets it."""
    return json.dumps(policy, separators=(",", ":"))


def canonical(policy: Statement) -> str:
    """Give a text that is the same for two policies that say the same in the same words."""
    statements = [_sorted(each) for each in listed(policy.get("Statement"))]
    return json.dumps(sorted(statements, key=json.dumps), sort_keys=True)


def listed(value: Any) -> list[Any]:
    """Give a list of what may stand in a policy as one thing or as a list."""
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


def _sorted(part: Any) -> Any:
    if isinstance(part, dict):
        return {name: _sorted(value) for name, value in sorted(part.items())}
    return sorted(map(str, listed(part)))


def _administering(key: KmsKey, place: Place) -> Iterator[Statement]:
    yield _allow("AdministerThroughIam", {"AWS": place.root}, ["kms:*"])
    yield {
        "Sid": "RefuseEarlyDeletion",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "kms:ScheduleKeyDeletion",
        "Resource": "*",
        "Condition": {
            "NumericLessThan": {"kms:ScheduleKeyDeletionPendingWindowInDays": str(key.window)}
        },
    }


def _reading(key: KmsKey, place: Place) -> Iterator[Statement]:
    if key.readers:
        yield _allow("ReadMetadata", {"AWS": [*map(place.role, key.readers)]}, READ)


def _using(key: KmsKey, place: Place) -> Iterator[Statement]:
    """Roles that are named; else, where the class allows it, the account through the service."""
    users: str | list[str] = [*map(place.role, key.applications)]
    if not users and key.via and demands_of(key.data_class).decrypted_by == "account":
        users = "*"
    if not users:
        return
    equal: dict[str, Any] = {"kms:CallerAccount": place.account}
    if key.via:
        equal["kms:ViaService"] = [f"{each}.{place.region}.amazonaws.com" for each in key.via]
    yield from _for(key, place, "", {"AWS": users}, equal)
    if key.grants:
        yield _granting("", {"AWS": users}, equal)


def _serving(key: KmsKey, place: Place) -> Iterator[Statement]:
    """Services that act by themselves, for this account alone."""
    if not key.services:
        return
    principal = {"Service": [f"{place.fill(each)}.amazonaws.com" for each in key.services]}
    source = {"aws:SourceAccount": place.account}
    told = {} if _logs_tell_the_account(key, place) else source
    yield from _for(key, place, "ByService", principal, told)
    if key.grants:
        yield _granting("ByService", principal, source)


def _logs_tell_the_account(key: KmsKey, place: Place) -> bool:
    """Tell whether the context has the account: CloudWatch Logs tells it there, not as source.

    Only what a service itself sets binds it. Any other context is as its caller likes.
    """
    logs_alone = all(each.partition(".")[0] == "logs" for each in key.services)
    log_group = place.fill(key.required_context.get("aws:logs:arn", ""))
    return logs_alone and account_in(log_group) == place.account


def _for(
    key: KmsKey, place: Place, suffix: str, principal: Statement, equal: dict[str, Any]
) -> Iterator[Statement]:
    condition = _condition(equal, _context(key, place))
    yield _allow(f"Use{suffix}", principal, USE, condition)
    yield _allow(f"Describe{suffix}", principal, ["kms:DescribeKey"], _condition(equal, {}))


def _granting(suffix: str, principal: Statement, equal: dict[str, Any]) -> Statement:
    condition = {**_condition(equal, {}), "Bool": {"kms:GrantIsForAWSResource": "true"}}
    return _allow(f"Grant{suffix}", principal, GRANT, condition)


def _context(key: KmsKey, place: Place) -> dict[str, str]:
    required = key.required_context.items()
    return {f"kms:EncryptionContext:{name}": place.fill(value) for name, value in required}


def _condition(equal: dict[str, Any], like: dict[str, str]) -> Statement:
    return {
        operator: terms
        for operator, terms in (("StringEquals", equal), ("StringLike", like))
        if terms
    }


def _allow(
    sid: str, principal: Statement, actions: Sequence[str], condition: Statement | None = None
) -> Statement:
    statement = {"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": [*actions]}
    return {**statement, "Resource": "*", **({"Condition": condition} if condition else {})}
