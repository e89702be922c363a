"""The store layer: references guarded, then read from their stores in the fewest calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..documents import MISSING, MissingKey
from ..errors import GlisecretsError, SecretNotFound
from ..origins import Origin
from ..values import from_secret
from .base import Found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..access import ReadableStore
    from ..environment import Environment
    from ..explanation import LayerState
    from ..fields import FieldPlan
    from ..guard import Guard
    from ..references import Reference
    from ..stores.base import SecretVersion

#: The answer for every reference while stores are off; not a fault.
_OFF = GlisecretsError("the store is off")


@dataclass(slots=True)
class StoreLayer:
    """Answers for the fields that :func:`~glisecrets.declaration.secret` declares.

    It is used in two steps, so that many fields cost few calls: :meth:`fetch` is told all the
    fields that no stronger layer gave, then :meth:`find` answers for each.
    """

    environment: Environment
    guard: Guard
    #: Gives the store of a scheme (``None``: the settings' own); ``None`` when stores are off.
    open_store: Callable[[str | None], ReadableStore | None]
    name: str = "store"
    _answers: dict[Reference, SecretVersion | GlisecretsError] = field(
        default_factory=dict, repr=False
    )
    _references: dict[str, Reference] = field(default_factory=dict)
    _origins: dict[str, Origin] = field(default_factory=dict)
    _nothing: dict[str, tuple[LayerState, str]] = field(default_factory=dict)

    def reference(self, plan: FieldPlan) -> Reference | None:
        """Give the field's reference in this environment, if it declares one."""
        if plan.declaration is None:
            return None
        if plan.name not in self._references:
            self._references[plan.name] = plan.declaration.reference(self.environment)
        return self._references[plan.name]

    def fetch(self, plans: Iterable[FieldPlan]) -> None:
        """Read what the fields' references name: each version once, each store in one go."""
        by_scheme: dict[str | None, list[Reference]] = {}
        for plan in plans:
            reference = self.reference(plan)
            if reference is not None and self._passes_guard(reference):
                by_scheme.setdefault(reference.store, []).append(reference)
        for scheme, references in by_scheme.items():
            self._answers.update(self._ask(scheme, references))

    def find(self, plan: FieldPlan) -> Found | None:
        """Give what the field's reference names; ``None`` where there is no such secret or key."""
        reference = self.reference(plan)
        answer = self._answers.get(reference) if reference else None
        if reference is None or answer is None:
            return self._remembered(plan)
        if answer is _OFF:
            self._nothing[plan.name] = "no value", f"{reference}: {_OFF.message}"
            return None
        if isinstance(answer, SecretNotFound):
            self._nothing[plan.name] = "no value", answer.message
            return None
        self._origins[plan.name] = _origin(self.name, reference, answer)
        if isinstance(answer, GlisecretsError):
            return Found(None, plan.name, answer)
        return self._found(plan, reference, answer)

    def _remembered(self, plan: FieldPlan) -> Found | None:
        """Tell, once the answers are forgotten, whether there was one."""
        gave = plan.name in self._origins and plan.name not in self._nothing
        return Found(None, plan.name) if gave else None

    def origin(self, entry: str) -> Origin:
        """Tell the reference, version id and labels."""
        return self._origins[entry]

    def sought(self, plan: FieldPlan) -> tuple[LayerState, str]:
        """Tell the reference, and why it gave nothing."""
        reference = self.reference(plan)
        if reference is None:
            return "no value", "not declared with secret(…)"
        return self._nothing.get(plan.name, ("not asked", f"{reference}: not asked"))

    def forget(self) -> None:
        """Drop what was read; origins stay known."""
        self._answers.clear()

    def _found(self, plan: FieldPlan, reference: Reference, version: SecretVersion) -> Found | None:
        try:
            value = from_secret(plan, version.value, reference.key)
        except MissingKey as error:
            self._nothing[plan.name] = "no key", f"{reference}: {error.message}"
            return None
        except GlisecretsError as error:
            return Found(None, plan.name, error)
        if value is MISSING:
            self._nothing[plan.name] = "no value", f"{reference}: empty"
            return None
        return Found(value, plan.name)

    def _passes_guard(self, reference: Reference) -> bool:
        try:
            self.guard.check_reference(reference)
        except GlisecretsError as error:
            self._answers[reference] = error
            return False
        return True

    def _ask(
        self, scheme: str | None, references: list[Reference]
    ) -> dict[Reference, SecretVersion | GlisecretsError]:
        try:
            store = self.open_store(scheme)
            if store is None:
                return dict.fromkeys(references, _OFF)
            answers = store.get_many(dict.fromkeys(item.address for item in references))
        except GlisecretsError as error:
            return dict.fromkeys(references, error)
        return {reference: answers[reference.address] for reference in references}


def _origin(layer: str, reference: Reference, answer: SecretVersion | GlisecretsError) -> Origin:
    if isinstance(answer, GlisecretsError):
        return Origin(layer, str(reference), store=reference.store, secret=reference.name)
    labels = tuple(sorted(answer.labels))
    version = f"version {answer.version_id}" + (f" ({', '.join(labels)})" if labels else "")
    if answer.recalled is not None:
        version += f", last known good of {answer.recalled:%Y-%m-%d %H:%M:%S} UTC"
    return Origin(
        layer,
        f"{reference} {version}",
        store=reference.store,
        secret=reference.name,
        version_id=answer.version_id,
        labels=labels,
    )
