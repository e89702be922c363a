"""What is declared, what is due and when, and what Secrets Manager is told of it."""

from typing import TYPE_CHECKING

from glisecrets.lazy import lazy as _lazy

if TYPE_CHECKING:
    from .declared import Declared, declared_secrets, with_those_read
    from .inspection import Condition, State, inspect
    from .lambda_rotation import LambdaRotation
    from .planning import Change, Planner, SecretPlan
    from .schedule import Window, rotation_rules

__getattr__, __dir__ = _lazy(
    __name__,
    {
        "declared": ("Declared", "declared_secrets", "with_those_read"),
        "inspection": ("Condition", "State", "inspect"),
        "lambda_rotation": ("LambdaRotation",),
        "planning": ("Change", "Planner", "SecretPlan"),
        "schedule": ("Window", "rotation_rules"),
    },
)

__all__ = [
    "Change",
    "Condition",
    "Declared",
    "LambdaRotation",
    "Planner",
    "SecretPlan",
    "State",
    "Window",
    "declared_secrets",
    "inspect",
    "rotation_rules",
    "with_those_read",
]
