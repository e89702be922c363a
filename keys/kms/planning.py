"""What differs between a declared key and KMS. Pure, once the key has been read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from glisecrets.declaration import DataClass

from .policy import canonical, key_policy, listed
from .policy_reading import administrators

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from .declared import KmsKey
    from .observed import ObservedKey
    from .site import Site, Sites


class Change(NamedTuple):
    """One thing that is to become another; ``None``: it is not there."""

    #: The key's name in the catalogue.
    key: str
    region: str
    #: ``key``, ``alias``, ``policy``, ``rotation`` or ``tag NAME``; by hand ``alias``, ``state``,
    #: ``data class``, ``sharing``, ``kind`` and ``replica``.
    what: str
    before: str | None
    after: str | None
    #: Whether only a person can do it, because data may depend on it.
    by_hand: bool = False

    @property
    def kind(self) -> str:
        """What it is about, in one word."""
        return self.what.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """What is to change of one key at one place."""

    key: KmsKey
    site: Site
    observed: ObservedKey | None
    #: For a replica, the site of the key that it copies.
    home: Site | None
    changes: tuple[Change, ...]

    @property
    def in_doubt(self) -> bool:
        """Whether it may be the key of something else."""
        return any(each.by_hand and each.what in {"alias", "sharing"} for each in self.changes)

    @property
    def waits(self) -> bool:
        """Whether nothing is mended before a person has done what is left to one."""
        return _waits(each.what for each in self.changes if each.by_hand)

    def mendable(self, kind: str) -> list[Change]:
        """Give the changes of one kind that are not left to a person."""
        return [each for each in self.changes if each.kind == kind and not each.by_hand]

    @property
    def policy(self) -> dict[str, Any]:
        """The policy that the key is to have."""
        return wanted_policy(self.key, self.site, self.observed)


def plan_key(sites: Sites, key: KmsKey) -> list[KeyPlan]:
    """Compare a key, then each of its replicas, with KMS.

    Raises:
        EnvironmentMismatch: its alias is on another environment's key.
        ConfigurationError: a role that is none.
        StoreError: KMS does not answer, or refuses.
    """
    found = sites.home.find(key)
    plans = [_plan_at(sites.home, key, found, home=None)]
    if found is None or (found.multi_region and not plans[0].in_doubt):
        plans += [_plan_replica(sites, site, key, found) for site in sites.replicas(key)]
    return plans


def _waits(by_hand: Iterable[str]) -> bool:
    """Tell whether what is left to a person keeps the rest from being mended."""
    return any(what != "replica" for what in by_hand)


def _plan_replica(sites: Sites, site: Site, key: KmsKey, primary: ObservedKey | None) -> KeyPlan:
    observed = site.replica(primary.key_id) if primary else None
    return _plan_at(site, key, observed, home=sites.home)


def _plan_at(
    site: Site, key: KmsKey, observed: ObservedKey | None, *, home: Site | None
) -> KeyPlan:
    by_hand = [*_by_hand(key, site, observed, home=home)] if observed else []
    mendable: list[_Difference] = []
    if not _waits(what for what, *_ in by_hand):
        mendable = [*_missing_key(key, observed, home=home), *_differences(key, site, observed)]
        mendable += _around(key, site, observed, home=home)
    region = site.place.region
    changes = [Change(key.name, region, *each) for each in mendable]
    changes += [Change(key.name, region, *each, by_hand=True) for each in by_hand]
    return KeyPlan(key, site, observed, home, tuple(changes))


def wanted_policy(key: KmsKey, site: Site, observed: ObservedKey | None) -> dict[str, Any]:
    """Render a key's policy for its place, with those who administer the key already."""
    kept = administrators(observed.policy, site.place) if observed else []
    return key_policy(key, site.place, kept=kept)


_Difference = tuple[str, str | None, str | None]


def _by_hand(
    key: KmsKey, site: Site, observed: ObservedKey, *, home: Site | None
) -> Iterator[_Difference]:
    """Give what we never change, because data that is encrypted already depends on it."""
    if not observed.enabled:
        yield "state", observed.state, "Enabled"
    sharers = site.sharers(key, observed)
    if sharers:
        yield "sharing", f"one key with {', '.join(sharers)}", "a key of its own"
    doubt = _doubt_of_replica(key, site, observed) if home else site.doubt(key, observed)
    if doubt and not sharers:
        yield "alias", doubt, site.alias(key)
    told = observed.tags.get("DataClass")
    if told in set(DataClass) and told != key.data_class:
        yield "data class", told, f"a key of its own for {key.data_class} data"
    if not observed.rotates:
        yield "kind", f"{observed.spec}, {observed.origin}", "a key that KMS can rotate"
    if key.replica_regions and not observed.multi_region and not home:
        yield "replica", "a key of one Region", "a new multi-Region key"


def _doubt_of_replica(key: KmsKey, site: Site, observed: ObservedKey) -> str | None:
    aliased = site.aliases.get(site.alias(key), observed.key_id)
    return f"on {aliased}" if aliased != observed.key_id else None


def _missing_key(
    key: KmsKey, observed: ObservedKey | None, *, home: Site | None
) -> Iterator[_Difference]:
    if observed is None:
        copied = f"replica of {home.place.region}'s" if home else key.description or key.component
        yield "key", None, copied


def _differences(key: KmsKey, site: Site, observed: ObservedKey | None) -> Iterator[_Difference]:
    """Give what a new key is made with, and an old one may lack."""
    if observed is None:
        return
    for name, value in site.tags(key).items():
        if observed.tags.get(name) != value:
            yield f"tag {name}", observed.tags.get(name), value
    wanted = wanted_policy(key, site, observed)
    if canonical(wanted) != canonical(dict(observed.policy)):
        yield "policy", _told(observed.policy, wanted), _told(wanted, observed.policy)


def _around(
    key: KmsKey, site: Site, observed: ObservedKey | None, *, home: Site | None
) -> Iterator[_Difference]:
    days = observed.rotation_days if observed else None
    if days != key.rotation_days and not home:  # a replica's is its primary's
        yield "rotation", f"{days} days" if days else None, f"{key.rotation_days} days"
    if site.alias(key) not in site.aliases:
        yield "alias", None, site.alias(key)


def _told(policy: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Name the statements that another policy has not, or has otherwise."""
    others = {canonical({"Statement": each}) for each in listed(other.get("Statement"))}
    sids = [
        str(each.get("Sid", "(no Sid)"))
        for each in listed(policy.get("Statement"))
        if canonical({"Statement": each}) not in others
    ]
    return ", ".join(sids) or "nothing more"
