"""What a policy lets whom do: for the audit, and to keep those who administer a key."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from .policy import GRANT, USE, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .place import Place

#: Conditions that bind a request to accounts, organisations, or the data of one account.
_BINDING = {
    "kms:calleraccount",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceorgid",
}
_CONTEXT = "kms:encryptioncontext:"
_ACCOUNT = re.compile(r"\d{12}")
_ADMINISTER = "kms:PutKeyPolicy"


class Grantee(NamedTuple):
    """Who a statement is about."""

    #: ``AWS``, ``Service``, ``Federated``…
    kind: str
    name: str

    @property
    def anybody(self) -> bool:
        """Whether it is everybody in AWS."""
        return self.name == "*"

    def is_root(self, place: Place) -> bool:
        """Tell whether it is the account itself, and so whoever IAM allows there."""
        return self.kind == "AWS" and self.name in {place.root, place.account}

    def is_foreign(self, place: Place) -> bool:
        """Tell whether it belongs to another account."""
        account = _ACCOUNT.search(self.name) if self.kind == "AWS" else None
        return account is not None and account[0] != place.account


class Rule(NamedTuple):
    """One statement, as far as the audit asks."""

    statement: Mapping[str, Any]

    @property
    def sid(self) -> str:
        """Its name, to be found again."""
        return str(self.statement.get("Sid") or "(no Sid)")

    @property
    def allows(self) -> bool:
        """Whether it allows; else it denies."""
        return self.statement.get("Effect") == "Allow"

    @property
    def inverted(self) -> bool:
        """Whether it is about all but something."""
        return bool(self.statement.keys() & {"NotAction", "NotPrincipal", "NotResource"})

    @property
    def grantees(self) -> list[Grantee]:
        """Who it is about."""
        told = self.statement.get("Principal", {})
        if not isinstance(told, dict):
            told = {"AWS": told}
        return [Grantee(kind, name) for kind, names in told.items() for name in listed(names)]

    def covers(self, action: str) -> bool:
        """Tell whether it is about an action; names of actions ignore case."""
        patterns = listed(self.statement.get("Action"))
        return any(fnmatchcase(action.lower(), str(each).lower()) for each in patterns)

    @property
    def uses(self) -> bool:
        """Whether it is about encrypting or decrypting."""
        return any(map(self.covers, USE))

    @property
    def conditions(self) -> list[tuple[str, str, list[str]]]:
        """Its conditions: operator, name in lower case, values."""
        return [
            (operator, name.lower(), [*map(str, listed(values))])
            for operator, terms in self.statement.get("Condition", {}).items()
            for name, values in terms.items()
        ]

    @property
    def bound(self) -> bool:
        """Whether its conditions bind it to some account, by more than a wildcard."""
        return any(
            _is_positive(operator)
            and (name in _BINDING or name.startswith(_CONTEXT))
            and all(_names_something(name, value) for value in values)
            for operator, name, values in self.conditions
        )

    @property
    def accounts(self) -> set[str]:
        """The accounts that its conditions name."""
        return {
            account
            for operator, name, values in self.conditions
            if _is_positive(operator) and name in _BINDING
            for value in values
            for account in _ACCOUNT.findall(value)
        }

    @property
    def for_resources_only(self) -> bool:
        """Whether it is about grants that AWS's own resources hold."""
        return ("Bool", "kms:grantisforawsresource", ["true"]) in self.conditions

    def services(self) -> Iterator[str]:
        """Name the AWS services that it lets in: by themselves, or on somebody's behalf."""
        for grantee in self.grantees:
            if grantee.kind == "Service":
                yield grantee.name.partition(".")[0]
        for operator, name, values in self.conditions:
            if name == "kms:viaservice" and _is_positive(operator):
                yield from (value.partition(".")[0] for value in values)


def rules_of(policy: Mapping[str, Any]) -> list[Rule]:
    """Give the statements of a policy."""
    return [Rule(each) for each in listed(policy.get("Statement"))]


def administrators(policy: Mapping[str, Any], place: Place) -> list[dict[str, Any]]:
    """Give the statements by which roles or users administer the key: they are kept.

    Who has a key by its policy alone would be locked out without them. The account's own is
    rendered anyhow. Principals that AWS shows as ids are deleted ones, which it takes no more.
    """
    kept = []
    for rule in rules_of(policy):
        names = [
            each.name
            for each in rule.grantees
            if each.name.startswith("arn:") and not (each.is_root(place) or each.is_foreign(place))
        ]
        if names and rule.allows and not rule.inverted and rule.covers(_ADMINISTER):
            kept.append({**rule.statement, "Principal": {"AWS": names}})
    return kept


def account_administers(policy: Mapping[str, Any], place: Place) -> bool:
    """Tell whether the account's administrators can change the policy, whatever else it says."""
    rules = [rule for rule in rules_of(policy) if rule.covers(_ADMINISTER)]
    held = [rule for rule in rules if _is_about_root(rule, place)]
    return any(rule.allows and not rule.conditions for rule in held) and all(
        rule.allows or rule.conditions for rule in held
    )


def refused_window(policy: Mapping[str, Any]) -> int:
    """Give the days that the policy makes a deletion wait, at the least; KMS itself: 7."""
    return max(
        (
            int(value)
            for rule in rules_of(policy)
            if not rule.allows and rule.covers("kms:ScheduleKeyDeletion")
            if any(grantee.anybody for grantee in rule.grantees)
            for operator, name, values in rule.conditions
            if (operator, name) == ("NumericLessThan", "kms:schedulekeydeletionpendingwindowindays")
            and len(rule.conditions) == 1
            for value in values
        ),
        default=7,
    )


def grants_freely(rule: Rule) -> bool:
    """Tell whether a statement lets somebody hand the key on to whom they like."""
    return any(map(rule.covers, GRANT)) and not rule.for_resources_only


def _is_about_root(rule: Rule, place: Place) -> bool:
    return any(each.anybody or each.is_root(place) for each in rule.grantees)


def _is_positive(operator: str) -> bool:
    """Tell whether an operator is false where its condition's name is missing in a request."""
    loose = operator.startswith("ForAllValues") or operator.endswith("IfExists")
    return not loose and "Not" not in operator and operator != "Null"


def _names_something(name: str, value: str) -> bool:
    """Tell whether a value is more than a wildcard: an ARN has an account or a resource."""
    if name.startswith(_CONTEXT):
        return bool(_ACCOUNT.search(value))
    return value.rpartition(":")[2].replace("*", "") != "" or bool(_ACCOUNT.search(value))
