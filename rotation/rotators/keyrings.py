"""What the kinds share whose value is a keyring: ``next`` signs, a new key is next.

The keyring is the secret's whole value, a JSON object, or stands at the option ``key``. Other keys
of its object are kept. A secret that holds one bare key is taken over by its first rotation: the
key goes on signing, and the next one is published beside it.

There is nothing to put in force and nothing to retire: programs follow the secret, and a retired
key says itself until when it is good.

Where a leak is suspected, ``next`` has leaked with the rest: both keys are made anew and nothing
old is accepted. Whoever was logged in must do so again; so must an attacker.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from glisecrets.documents import (
    MISSING,
    UnreadableValue,
    parse_json,
    parse_object,
    pick_key,
    with_key,
)
from glisecrets.durations import parse_duration
from glisecrets.errors import ConfigurationError
from glisecrets.keys import InvalidKey, Key, Keyring

from ..errors import NotRotatable
from ..rotator import Rotator, Verdict
from .one_string import key_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glisecrets.stores.base import SecretValue

    from ..rotator import Rotation


class KeyringRotator(Rotator):
    """A kind whose value is a keyring."""

    period = timedelta(days=365)
    #: The keyring's class.
    ring: ClassVar[type[Keyring]]
    #: The option that says how long the longest-lived thing that a key signs is good, and what it
    #: is where the option is absent.
    life: ClassVar[tuple[str, timedelta]]
    #: The key of the JSON object that holds a bare key: taken over, and kept equal to ``signing``.
    bare: ClassVar[str]

    @abstractmethod
    def new_key(self, rotation: Rotation, ring: Keyring) -> Key:
        """Make the key to publish beside those of a keyring."""

    def copies(self, ring: Keyring) -> Mapping[str, str]:
        """Give what programs read that know no keyring; only what is there is kept up to date."""
        return {self.bare: ring.signing.material}

    def propose(self, rotation: Rotation) -> SecretValue:
        """Promote ``next``, publish a new key, drop the retired ones that have expired.

        Raises:
            NotRotatable: the value is neither a keyring nor a key; an option is not one.
        """
        ring = self._read(rotation, rotation.current)
        try:
            keep_for = parse_duration(rotation.options.get(self.life[0])) or self.life[1]
            new = self.new_key(rotation, ring)
            if rotation.urgent:
                rotated = type(ring)(self.new_key(rotation, ring), new)
            else:
                rotated = ring.rotated(new, rotation.now(), keep_for)
            return self._written(rotation, rotated)
        except (ConfigurationError, UnreadableValue) as error:
            fault = _not_rotatable(rotation, error)
        raise fault

    def probe(self, rotation: Rotation, value: SecretValue) -> Verdict:
        """Accept what programs can sign and verify with."""
        try:
            self._read(rotation, value)
        except NotRotatable:
            return Verdict.REJECTED
        return Verdict.ACCEPTED

    def _read(self, rotation: Rotation, value: SecretValue) -> Keyring:
        try:
            ring = self._ring(rotation, _at(value, key_path(rotation)))
            ring.check()
        except (InvalidKey, UnreadableValue) as error:
            fault = _not_rotatable(rotation, error)
        else:
            return ring
        raise fault

    def _ring(self, rotation: Rotation, found: Any) -> Keyring:
        if isinstance(found, dict) and "signing" in found:
            return self.ring.of(found)
        key = found.get(self.bare) if isinstance(found, dict) else found
        if isinstance(key, str):
            return self.ring.taken_over(key, rotation.now())
        raise InvalidKey(
            f"neither a keyring nor an object with the key {self.bare!r}",
            next_step="name the JSON key that holds it: tag glisecrets:key",
        )

    def _written(self, rotation: Rotation, ring: Keyring) -> str:
        path = key_path(rotation)
        found = _at(rotation.current, path)
        kept = found if isinstance(found, dict) else {}
        copies = {name: text for name, text in self.copies(ring).items() if name in kept}
        document = {**kept, **copies, **ring.document()}
        if path:
            return with_key(parse_object(rotation.current), path, document)
        return json.dumps(document, ensure_ascii=False)


def _at(value: SecretValue, path: tuple[str, ...]) -> Any:
    """Give the object or the text at a path: also an object that was written as text."""
    if isinstance(value, bytes):
        return parse_object(value)
    found = pick_key(value, path) if path else value
    parsed = parse_json(found) if isinstance(found, str) else MISSING
    return parsed if isinstance(parsed, dict) else found


def _not_rotatable(
    rotation: Rotation, error: InvalidKey | UnreadableValue | ConfigurationError
) -> NotRotatable:
    return rotation.unusable(
        error.message,
        error.next_step or f"write a sound value: glisecrets store put {rotation.secret} < FILE",
    )
