"""What a policy lets whom do: for the audit, and to keep those who administer a key."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from .place import account_in
from .policy import GRANT, USE, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .place import Place

#: Conditions that tell whose a request is: an account's, its role's, an organisation's.
_WHOSE = {
    "kms:calleraccount",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
}
#: The context that a service itself sets. Any other is as its caller likes.
_SET_BY_SERVICE = "kms:encryptioncontext:aws:"
_ADMINISTER = "kms:PutKeyPolicy"
_WINDOW = "kms:schedulekeydeletionpendingwindowindays"
#: KMS's own limits of a window, in days; the longer one stands for no deletion at all.
_SHORTEST, _LONGEST = 7, 30
#: An ARN that says no more than whose account it is.
_WHOLE_ACCOUNT = re.compile(r"arn:[^:]*:iam::[^:]*:((role|user)/)?\*+")


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
        but = "NotAction" in self.statement
        patterns = listed(self.statement.get("NotAction" if but else "Action"))
        return but != any(fnmatchcase(action.lower(), str(each).lower()) for each in patterns)

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

    def outsiders(self, grantee: Grantee, place: Place) -> set[str]:
        """Name the others that a grantee is, or acts for, beside this account; ``*``: anybody.

        Whatever asks whether a statement keeps to this account asks here. An organisation does not,
        nor an ARN that names no account, as a bucket's: a bucket of that name may become another's.
        """
        if grantee.anybody or grantee.kind == "Service":
            others = [bound - {place.account} for bound in self._bounds(grantee)]
            return min(others, key=lambda each: ("*" in each, len(each)), default={"*"})
        account = account_in(grantee.name)
        deleted = account is None and grantee.kind == "AWS"  # AWS shows an id in its place
        return set() if deleted or account == place.account else {grantee.name}

    def _bounds(self, grantee: Grantee) -> list[set[str]]:
        """Give the accounts and organisations that each condition binds a grantee to."""
        return [
            {*map(_party_in, values)}
            for operator, name, values in self.conditions
            if _is_positive(operator)
            if name in _WHOSE or (grantee.kind == "Service" and name.startswith(_SET_BY_SERVICE))
        ]

    @property
    def principals(self) -> list[str]:
        """The principals, by their ARNs or patterns of them, that conditions narrow ``*`` to."""
        return [
            value
            for operator, name, values in self.conditions
            if name == "aws:principalarn" and _is_positive(operator)
            if not any(_WHOLE_ACCOUNT.fullmatch(each) for each in values)
            for value in values
        ]

    @property
    def for_resources_only(self) -> bool:
        """Whether it is about grants that AWS's own resources hold."""
        return any(
            (operator, name) == ("Bool", "kms:grantisforawsresource")
            and [each.lower() for each in values] == ["true"]
            for operator, name, values in self.conditions
        )

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
    """Give the statements by which somebody administers the key: they are kept.

    Who has a key by its policy alone would be locked out without them, whether a role, those whom a
    condition names, or another account. The account's own is rendered anyhow. One for anybody at
    all is nobody's. Principals that AWS shows as ids are deleted ones, which it takes no more.
    """
    kept = []
    for rule in rules_of(policy):
        names = [
            each.name
            for each in rule.grantees
            if each.kind == "AWS" and not each.is_root(place)
            if account_in(each.name) or (each.anybody and "*" not in rule.outsiders(each, place))
        ]
        if names and rule.allows and rule.covers(_ADMINISTER):
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
            _window(rule)
            for rule in rules_of(policy)
            if not rule.allows and rule.covers("kms:ScheduleKeyDeletion")
            if any(grantee.anybody for grantee in rule.grantees)
        ),
        default=_SHORTEST,
    )


def _window(rule: Rule) -> int:
    """Give the fewest days that a statement which refuses deletions leaves."""
    match rule.conditions:
        case []:
            return _LONGEST
        case [("NumericLessThan", name, values)] if name == _WINDOW:
            return max(map(_whole_number, values), default=_SHORTEST)
        case [("NumericLessThanEquals", name, values)] if name == _WINDOW:
            return max(map(_whole_number, values), default=_SHORTEST) + 1
        case _:
            return _SHORTEST


def _whole_number(value: str) -> int:
    """Read a number as KMS does, which takes ``30.0`` too; what is none refuses nothing."""
    digits = re.match("[0-9]{1,9}", value)
    return int(digits[0]) if digits else 0


def grants_freely(rule: Rule) -> bool:
    """Tell whether a statement lets somebody hand the key on to whom they like."""
    return any(map(rule.covers, GRANT)) and not rule.for_resources_only


def _party_in(value: str) -> str:
    """Give the account or organisation that a condition's value names; ``*``: none."""
    organisation = value.split("/", 1)[0] if value.startswith("o-") else "*"
    return account_in(value) or organisation


def _is_about_root(rule: Rule, place: Place) -> bool:
    return any(each.anybody or each.is_root(place) for each in rule.grantees)


def _is_positive(operator: str) -> bool:
    """Tell whether an operator is false where its condition's name is missing in a request."""
    loose = operator.startswith("ForAllValues") or operator.endswith("IfExists")
    return not loose and "Not" not in operator and operator != "Null"
