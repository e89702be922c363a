"""What a value must pass before it is validated: known to the redactor, real, and at home here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from .environment import Environment
from .errors import EnvironmentMismatch, Fault
from .fields import HOST_NAMES
from .placeholders import BUILD_MARK, is_placeholder
from .redaction.process import remember

if TYPE_CHECKING:
    from .fields import FieldPlan
    from .resolution import Resolution


def admit(resolution: Resolution, plan: FieldPlan, value: Any) -> Fault | None:
    """Let the redactor know a secret; tell of a placeholder or another environment's host."""
    try:
        value = _plain(value)
        if plan.secret or _is_credential(value):
            remember(value, name=plan.name)
        return _placeholder_fault(resolution, plan, value) or _host_fault(resolution, plan, value)
    except RecursionError:
        origin = str(resolution.origin(plan.name))
        return Fault(plan.name, "unreadable", "the JSON is nested too deeply", origin)


def _is_credential(value: Any) -> bool:
    """Tell whether a value that nobody declared secret is a URL with a password in it."""
    if not (isinstance(value, str) and "://" in value):
        return False
    from .secret_names import holds_credentials

    return holds_credentials(value)


def _plain(value: Any) -> Any:
    """Give what a ``SecretStr`` or a model in an argument holds; anything else as it is."""
    if isinstance(value, BaseModel):
        return {name: _plain(item) for name, item in value}
    reveal = getattr(value, "get_secret_value", None)
    return value if reveal is None else reveal()


def _placeholder_fault(resolution: Resolution, plan: FieldPlan, value: Any) -> Fault | None:
    if _holds_build_mark(value):
        step = "unset GLISECRETS_BUILD at run time and give the real value"
        what = "a placeholder of the build phase"
    elif plan.secret and _is_unset(resolution, value):
        step, what = "give the real value", "a placeholder"
    else:
        return None
    origin = str(resolution.origin(plan.name))
    return Fault(plan.name, "placeholder", f"the value is {what}", origin, next_step=step)


def _is_unset(resolution: Resolution, value: Any) -> bool:
    strict = resolution.environment is not Environment.DEVELOPMENT
    return strict and isinstance(value, str) and is_placeholder(value)


def _holds_build_mark(value: Any) -> bool:
    if isinstance(value, bytes):
        return BUILD_MARK.encode() in value
    if isinstance(value, str):
        return BUILD_MARK in value
    if isinstance(value, dict):
        return any(map(_holds_build_mark, value.values()))
    return isinstance(value, list) and any(map(_holds_build_mark, value))


def _host_fault(resolution: Resolution, plan: FieldPlan, value: Any) -> Fault | None:
    """Check where a credential leads: a staging service must not hold production's database."""
    if _leads_nowhere(plan, value):
        return None
    from .faults import fault_of_error
    from .hosts import hosts_in, leads_somewhere

    if not plan.checked and not leads_somewhere(value):
        return None  # a public address, which may name any environment
    for host in hosts_in(value, plan.name):
        try:
            resolution.guard.check_hidden(host, f"the host in {plan.name}")
        except EnvironmentMismatch as error:
            return fault_of_error(plan.name, error, origin=str(resolution.origin(plan.name)))
    return None


def _leads_nowhere(plan: FieldPlan, value: Any) -> bool:
    """Tell at a glance, as most secrets are plain tokens, that a text holds no host."""
    if not plan.secret or not isinstance(value, str):
        return False
    return not ("://" in value or "=" in value or "{" in value or plan.name.endswith(HOST_NAMES))
