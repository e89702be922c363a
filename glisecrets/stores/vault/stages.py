"""Tokens and labels of one KV v2 secret: what the ``_stages`` document says, as a pure value.

KV v2 numbers its versions and knows no labels, and a plain reader (Vault Agent, External Secrets)
takes the newest. So three kinds of documents keep one secret:

``<path>``
    The published values. Its newest version is always the value of ``AWSCURRENT``.
``<path>/_staged/<token>``
    One value that is not, or not yet, published.
``<path>/_stages``
    No value: which version id has which labels and lies where, written with check-and-set. It is
    the truth, and it is written first: when it says that ``AWSCURRENT`` is on a version that is
    not the newest published one, that version is about to be published (a write-ahead log of one
    entry), and whoever writes next finishes it.

A document that somebody wrote by hand is taken in by :meth:`Stages.adopted`: each version has its
number as id and was ``AWSCURRENT`` in turn. So a secret that we never labelled has ``AWSCURRENT``
on its newest version and ``AWSPREVIOUS`` on the one before.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ...references import AWSCURRENT
from ..labels import Labels

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Versions without a label that are remembered, as in Secrets Manager.
_DEPRECATED_KEPT = 100


class Lies(NamedTuple):
    """Where one version's value lies, and when it was first written (as Vault tells it)."""

    #: The published document's version number, or that of the ``_staged`` one.
    number: int
    staged: bool
    created: str

    def kept_in(self, published: Mapping[int, str]) -> bool:
        """Tell whether KV still has it, given the published versions that are kept."""
        return self.staged or self.number in published


@dataclass(frozen=True, slots=True)
class Stages:
    """Labels and places of one secret's versions."""

    labels: Labels
    #: Version id -> where its value lies.
    places: Mapping[str, Lies] = field(default_factory=dict)
    #: The newest published version that is accounted for; 0 before the first.
    published: int = 0

    @classmethod
    def parse(cls, secret: str, document: Mapping[str, Any]) -> Stages:
        """Read a ``_stages`` document."""
        versions: Mapping[str, Any] = document.get("versions", {})
        # Vault sorts keys, and the order is the versions' age.
        oldest_first = sorted(versions, key=lambda vid: int(versions[vid]["age"]))
        labels = {vid: frozenset(versions[vid]["labels"]) for vid in oldest_first}
        places = {vid: Lies(*versions[vid]["lies"]) for vid in oldest_first}
        return cls(Labels("vault", secret, labels), places, int(document.get("published", 0)))

    def document(self) -> dict[str, Any]:
        """Write the ``_stages`` document."""
        versions = {
            vid: {"age": age, "labels": sorted(labels), "lies": list(self.places[vid])}
            for age, (vid, labels) in enumerate(self.labels.versions.items())
        }
        return {"published": self.published, "versions": versions}

    @property
    def exists(self) -> bool:
        """Whether there is any version at all."""
        return bool(self.places or self.published)

    @property
    def staged(self) -> frozenset[str]:
        """The ids whose values are not published."""
        return frozenset(vid for vid, lies in self.places.items() if lies.staged)

    @property
    def current(self) -> str | None:
        """The id that carries ``AWSCURRENT``."""
        return self.labels.holder(AWSCURRENT)

    @property
    def unpublished(self) -> str | None:
        """The id of ``AWSCURRENT``, if its value is not yet the newest published one."""
        current = self.current
        if current is None:
            return None
        lies = self.places[current]
        return current if lies.staged or lies.number != self.published else None

    def id_of(self, number: int) -> str:
        """Give the id of a published version number: a token of ours, or the number as text."""
        lies_there = (
            vid for vid, lies in self.places.items() if lies.number == number and not lies.staged
        )
        return next(lies_there, str(number))

    def finished(self, number: int) -> Stages:
        """Say that the value of ``AWSCURRENT`` was published as this version number."""
        current = self.current
        assert current is not None  # noqa: S101 only an unpublished one is finished
        lies = self.places[current]._replace(number=number, staged=False)
        return replace(self, places={**self.places, current: lies}, published=number)

    def adopted(self, written: Mapping[int, str]) -> Stages:
        """Take in versions that somebody published by hand: number -> when it was written."""
        stages = self
        for number in sorted(number for number in written if number > self.published):
            labels = stages.labels.put(str(number), (AWSCURRENT,))
            stages = stages.written(str(number), labels, Lies(number, False, written[number]))
        return replace(stages, published=max(self.published, *written, 0))

    def written(self, version: str, labels: Labels, lies: Lies) -> Stages:
        """Add a version, with the labels as they are after it."""
        places = {**self.places, version: lies}
        return _pruned(replace(self, labels=labels, places=places))


def _pruned(stages: Stages) -> Stages:
    """Forget the oldest of too many versions without a label."""
    bare = [vid for vid, labels in stages.labels.versions.items() if not labels]
    surplus = set(bare[: max(0, len(bare) - _DEPRECATED_KEPT)])
    if not surplus:
        return stages
    kept = {vid: has for vid, has in stages.labels.versions.items() if vid not in surplus}
    places = {vid: lies for vid, lies in stages.places.items() if vid not in surplus}
    return replace(stages, labels=replace(stages.labels, versions=kept), places=places)
