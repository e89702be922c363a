"""What a declaration asks of a store that the store has not yet: worked out, then done.

Secrets Manager rotates by itself: there are tags for the Lambda, and the schedule. Other stores
only keep the tags; ``glisecrets rotate run --due`` then has to run every day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from glisecrets.durations import parse_duration

from ..errors import NotRotatable
from ..finding import find_rotator
from ..subject import NOTES, PERIOD, TAG_PREFIX, check_options
from .lambda_rotation import LambdaRotation, RotationSetup
from .schedule import USUAL_WINDOW, Window, rotation_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from glisecrets.stores.base import SecretDescription, Store

    from ..rotator import Rotator
    from .declared import Declared

#: What a tag's value may be on AWS ("Tag naming limits", AWS tagging user guide).
_TAG_VALUE = re.compile(r"[\w\s.:/=+@-]{0,256}")


class Change(NamedTuple):
    """One thing that is to become another; ``None``: it is not there."""

    #: The secret, or the Lambda.
    place: str
    what: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class SecretPlan:
    """All that is to change of one secret."""

    secret: str
    #: To be set.
    tags: Mapping[str, str] = field(default_factory=dict)
    #: To be taken off.
    stale: Sequence[str] = ()
    #: For RotateSecret; ``None``: leave it.
    rules: Mapping[str, str] | None = None
    changes: Sequence[Change] = ()


@dataclass(frozen=True, slots=True)
class Planner:
    """Compares declarations with a store, and makes the store follow."""

    store: Store
    #: The ARN of the Lambda that is to rotate; ``None``: none, there is a scheduler elsewhere.
    function: str | None = None
    window: Window = USUAL_WINDOW
    find: Callable[[str], Rotator] = find_rotator

    @property
    def schedules(self) -> LambdaRotation | None:
        """Where schedules are kept; ``None``: something else has to run ``rotate run --due``."""
        return LambdaRotation.of(self.store) if self.function else None

    def plan(self, declared: Declared) -> SecretPlan:
        """Tell what a declaration with a kind would change.

        Raises:
            NotRotatable: no such kind, no such option, or a text that no tag can hold.
            ConfigurationError: the period cannot be scheduled.
            StoreError: the store does not describe the secret.
        """
        rotator = self.find(declared.kind or "")
        check_options(declared.secret, declared.options, rotator)
        description = self.store.describe(declared.secret)
        there, wanted = description.tags, declared.tags
        tags = {name: text for name, text in wanted.items() if there.get(name) != text}
        stale = self._stale(declared, description)
        changes = [
            Change(declared.secret, f"tag {name}", there.get(name), wanted.get(name))
            for name in (*tags, *stale)
        ]
        rules, scheduled = self._scheduled(declared, rotator)
        return SecretPlan(
            declared.secret, tags, stale, rules if scheduled else None, [*changes, *scheduled]
        )

    def plan_permission(self, declared: Sequence[Declared]) -> list[Change]:
        """Tell whether Secrets Manager must be allowed to invoke the Lambda."""
        schedules = self.schedules
        if schedules is None or not declared or schedules.may_invoke(str(self.function)):
            return []
        return [Change(str(self.function), "may be invoked by Secrets Manager", None, "yes")]

    def apply(self, plan: SecretPlan, *, at_once: bool = False) -> None:
        """Do what a plan tells.

        Args:
            plan: what to do.
            at_once: let the schedule begin with a rotation.

        Raises:
            StoreError: the store refuses.
        """
        if plan.tags:
            self.store.tag(plan.secret, plan.tags)
        on_aws = LambdaRotation.of(self.store)
        if on_aws and plan.stale:
            on_aws.untag(plan.secret, list(plan.stale))
        if on_aws and self.function and plan.rules:
            on_aws.set_up(plan.secret, self.function, plan.rules, at_once=at_once)

    def apply_permission(self, change: Change, secret: str) -> None:
        """Let Secrets Manager invoke the Lambda.

        Raises:
            ProviderRefused: Lambda refuses.
        """
        if self.schedules:
            self.schedules.permit(change.place, self.store.describe(secret).arn or "")

    def _stale(self, declared: Declared, description: SecretDescription) -> list[str]:
        on_aws = LambdaRotation.of(self.store)
        if on_aws is None:
            return []  # the port has no way to take a tag off
        unsuitable = [k for k, v in declared.tags.items() if not _TAG_VALUE.fullmatch(v)]
        if unsuitable:
            raise NotRotatable(
                f"{declared.secret}: AWS takes no such text for the tag {', '.join(unsuitable)}",
                next_step="use letters, digits, spaces and _.:/=+-@, at most 256",
            )
        ours = {name for name in description.tags if name.startswith(TAG_PREFIX)}
        return sorted(ours - declared.tags.keys() - {TAG_PREFIX + name for name in NOTES})

    def _scheduled(
        self, declared: Declared, rotator: Rotator
    ) -> tuple[Mapping[str, str], list[Change]]:
        if self.schedules is None:
            return {}, []
        period = parse_duration(declared.options.get(PERIOD)) or rotator.period
        rules = rotation_rules(period, self.window, declared.reference.name)
        there = _facts(self.schedules.setup(declared.secret))
        wanted = _facts(RotationSetup(enabled=True, function=str(self.function), rules=rules))
        return rules, [
            Change(declared.secret, what, there[what] or None, after)
            for what, after in wanted.items()
            if there[what] != after
        ]


def _facts(setup: RotationSetup) -> dict[str, str]:
    return {
        "rotation": "on" if setup.enabled else "off",
        "Lambda": setup.function,
        "schedule": setup.rules.get("ScheduleExpression", ""),
        "window": setup.rules.get("Duration", ""),
    }
