"""KMS in one Region of one account: which of its keys is which of the catalogue's."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

from glisecrets.environment import Environment, environments_named_in
from glisecrets.errors import AccessDenied, EnvironmentMismatch

from .client import KmsRefused
from .observed import ObservedKey, observe, tags_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .client import KmsClient
    from .declared import KmsKey
    from .place import Place

#: The tag that tells which key of the catalogue a key is. It is set as the key is made, so that
#: one whose alias was never made, because something crashed between, is found again.
IDENTITY = "glisecrets:key"


class Site:
    """The keys at one place; a class for what it has read of them."""

    def __init__(self, client: KmsClient, place: Place, catalogue: Mapping[str, KmsKey]) -> None:
        self.client = client
        self.place = place
        self.catalogue = catalogue
        self._observed: dict[str, ObservedKey] = {}

    def ask(self, action: str, **params: Any) -> dict[str, Any]:
        """Ask KMS of this Region: see :meth:`KmsClient.ask`."""
        return self.client.ask(action, self.place.region, **params)

    def alias(self, key: KmsKey) -> str:
        """Give a key's alias here."""
        return self.place.fill(key.alias_template)

    def tags(self, key: KmsKey) -> dict[str, str]:
        """Give the tags that a key is to have here."""
        declared = {name: self.place.fill(value) for name, value in key.tags.items()}
        return {
            **declared,
            "Name": self._name(key),
            "DataClass": str(key.data_class),
            "Component": key.component,
            "Environment": self.place.environment,
            IDENTITY: key.name,
        }

    def find(self, key: KmsKey) -> ObservedKey | None:
        """Find a key by its alias, else by its tags.

        Raises:
            EnvironmentMismatch: the alias is on a key of another environment.
            StoreError: KMS does not answer, or refuses.
        """
        aliased = self.aliases.get(self.alias(key))
        if aliased is None:
            return next(iter(self.candidates(key)), None)
        found = self.observed(aliased)
        if not self._is_of_here(found.tags):
            raise EnvironmentMismatch(
                f"{self.alias(key)} is on a key of environment {found.tags['Environment']!r}",
                environment=self.place.environment,
                belongs_to=tuple(environments_named_in(found.tags["Environment"])),
                next_step="use this environment's account, or {environment} in the alias",
            )
        return found

    def candidates(self, key: KmsKey) -> list[ObservedKey]:
        """Give the keys whose tags say that they are this one: usable ones first, oldest first."""
        found = [
            self.observed(key_id)
            for key_id, tags in self._tagged.items()
            if self._claim(key, tags) > 0 and self._is_of_here(tags)
        ]
        return sorted(
            found, key=lambda each: (each.deletion is not None, not each.enabled, each.created)
        )

    def rivals(self, key: KmsKey, observed: ObservedKey) -> list[ObservedKey]:
        """Give the other keys, not about to be deleted, that are tagged as this one."""
        return [
            each
            for each in self.candidates(key)
            if each.key_id != observed.key_id and not each.deletion
        ]

    def doubt(self, key: KmsKey, observed: ObservedKey) -> str | None:
        """Tell why the key that was found may be another one: then it is never touched.

        Its alias may have been moved to somebody else's key, or there is no alias to choose by.
        """
        claim = self._claim(key, observed.tags)
        if claim < 0:
            return f"on {observed.key_id}, which is tagged as another key"
        aliased = self.alias(key) in self.aliases
        for rival in self.rivals(key, observed):
            if not aliased:
                return f"on none of {observed.key_id}, {rival.key_id}"
            if self._claim(key, rival.tags) > claim:
                return f"on {observed.key_id}; {rival.key_id} is tagged as this key"
        return None

    def sharers(self, key: KmsKey, observed: ObservedKey) -> list[str]:
        """Name the other keys of the catalogue that this key serves as."""
        tagged = observed.tags.get(IDENTITY)
        return sorted(
            each.name
            for each in self.catalogue.values()
            if each.name != key.name
            and (tagged == each.name or self.aliases.get(self.alias(each)) == observed.key_id)
        )

    def observed(self, key_id: str) -> ObservedKey:
        """Read a key, once."""
        if key_id not in self._observed:
            self._observed[key_id] = observe(self.client, self.place.region, key_id)
        return self._observed[key_id]

    def replica(self, key_id: str) -> ObservedKey | None:
        """Read the replica of a multi-Region key, which has the same id, if there is one."""
        try:
            return self.observed(key_id)
        except KmsRefused as refused:
            if refused.code != "NotFound":
                raise
            return None

    def grants(self, key_id: str) -> list[Any]:
        """Ask for a key's grants."""
        return list(self.client.pages("ListGrants", "Grants", self.place.region, KeyId=key_id))

    @cached_property
    def aliases(self) -> dict[str, str]:
        """The key that each alias is on."""
        listed = self.client.pages("ListAliases", "Aliases", self.place.region)
        return {each["AliasName"]: each["TargetKeyId"] for each in listed if "TargetKeyId" in each}

    @cached_property
    def _tagged(self) -> dict[str, dict[str, str]]:
        """The tags of every key that is not AWS's own."""
        names = defaultdict(set)
        for alias, key_id in self.aliases.items():
            names[key_id].add(alias.startswith("alias/aws/"))
        listed = self.client.pages("ListKeys", "Keys", self.place.region)
        ids = [each["KeyId"] for each in listed if True not in names[each["KeyId"]]]
        return {key_id: self._tags_if_allowed(key_id) for key_id in ids}

    def _tags_if_allowed(self, key_id: str) -> dict[str, str]:
        try:
            return tags_of(self.client, self.place.region, key_id)
        except AccessDenied:  # somebody's key whose policy keeps us out; ours never does
            return {}

    def _claim(self, key: KmsKey, tags: Mapping[str, str]) -> int:
        """Weigh what tags say: 2 this key by our tag, 1 by the guide's, 0 nothing, -1 another."""
        if IDENTITY in tags:
            return 2 if tags[IDENTITY] == key.name else -1
        told = (tags.get("Name"), tags.get("Component"))
        wanted = (self._name(key), key.component)
        if told == wanted:
            return 1
        return 0 if all(a in {None, b} for a, b in zip(told, wanted, strict=True)) else -1

    def _is_of_here(self, tags: Mapping[str, str]) -> bool:
        told = environments_named_in(tags.get("Environment", ""))
        return not told or Environment(self.place.environment) in told

    @staticmethod
    def _name(key: KmsKey) -> str:
        return f"{key.name}-encryption"


class Sites:
    """The home Region and those with replicas; a class for the sites that it has made."""

    def __init__(self, client: KmsClient, home: Place, catalogue: Mapping[str, KmsKey]) -> None:
        self.client = client
        self.catalogue = catalogue
        self._sites: dict[str, Site] = {}
        self.home = self._at(home)

    def replicas(self, key: KmsKey) -> list[Site]:
        """Give the sites that a key is to have a replica at.

        The home Region is none: a declaration for two environments may name it.
        """
        here = self.home.place
        regions = [each for each in key.replica_regions if each != here.region]
        return [self._at(here._replace(region=region)) for region in regions]

    def _at(self, place: Place) -> Site:
        site = self._sites.get(place.region) or Site(self.client, place, self.catalogue)
        return self._sites.setdefault(place.region, site)
