"""Which statements of a key's policy let in more than they should."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from .classes import demands_of
from .policy_reading import grants_freely

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .declared import KmsKey
    from .place import Place
    from .policy_reading import Grantee, Rule

#: ``error``: data is or may get exposed or lost. ``warning``: a rule of the house is broken.
Severity: TypeAlias = Literal["error", "warning"]
_Wide: TypeAlias = "Iterator[tuple[Severity, str]]"

#: What makes data unreadable, or the key somebody else's.
_ADMINISTER = ("kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:DisableKey")


def too_wide(key: KmsKey, place: Place, rule: Rule) -> _Wide:
    """Tell in what a statement that allows is too wide."""
    if rule.inverted:
        yield "error", "allows all but something"
    for grantee in rule.grantees:
        outsiders = sorted(rule.outsiders(grantee, place))
        if grantee.kind == "Service":
            yield from _for_service(rule, grantee, outsiders)
        elif "*" in outsiders:
            yield "error", "lets anybody in AWS in"
        elif outsiders:
            yield "error", f"lets another account in: {', '.join(outsiders)}"
        elif grantee.anybody and not rule.principals:
            yield from _for_account(key, rule)
        elif not grantee.is_root(place):
            yield from _for_named(rule, ", ".join(rule.principals) or grantee.name)


def _for_service(rule: Rule, grantee: Grantee, outsiders: list[str]) -> _Wide:
    named = [each for each in outsiders if each != "*"]
    if named:
        yield "error", f"lets {grantee.name} act for another account: {', '.join(named)}"
    elif outsiders and (rule.uses or grants_freely(rule)):
        yield "warning", f"lets {grantee.name} act for any account: aws:SourceAccount is missing"


def _for_account(key: KmsKey, rule: Rule) -> _Wide:
    if any(map(rule.covers, _ADMINISTER)):
        yield "error", "lets the whole account administer the key, whatever IAM says"
    if not (rule.uses or grants_freely(rule)):
        return
    if demands_of(key.data_class).decrypted_by == "named-roles":
        yield "error", f"lets the whole account decrypt {key.data_class} data"
    elif not [*rule.services()]:
        yield "warning", "lets the whole account decrypt without any service: kms:ViaService"


def _for_named(rule: Rule, name: str) -> _Wide:
    if rule.uses and rule.covers("kms:PutKeyPolicy"):
        yield "warning", f"lets {name} both administer and decrypt"
    elif grants_freely(rule):
        yield "warning", f"lets {name} hand the key on: kms:GrantIsForAWSResource is missing"
