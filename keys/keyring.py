"""An ordered set of keys, one secret's value: ``signing``, ``next`` and ``retired``.

::

    {"signing": {"id": "…", "created": "2026-01-01T00:00:00+00:00", "material": "…"},
     "next":    {"id": "…", "created": "…", "material": "…"},
     "retired": [{"id": "…", "created": "…", "retired": "…", "expires": "…", "material": "…"}]}

``next`` is published a whole period before it signs: a process or a cache that has not looked
since the last rotation knows the key already that the new tokens are signed with. A retired key
stays until the last thing that it signed has run out.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Self

from glisecrets.documents import UnreadableValue, parse_object
from glisecrets.options import LiveOptions

from .errors import InvalidKeyring

if TYPE_CHECKING:
    from collections.abc import Mapping

#: For how long a process may go on to sign with a key that has retired: while the store is down it
#: has the last known good keyring. What a retired key costs that day is one more key to publish.
FOLLOWED_WITHIN: Final = timedelta(seconds=LiveOptions().max_age)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a keyring. Its ``repr`` never shows the material."""

    #: Public; told to others, who find the key by it.
    id: str
    #: The key itself, as text.
    material: str = field(repr=False)
    #: When it was made, aware; of a key that was taken over, when that was.
    created: datetime
    #: When it stopped signing, in whoever has followed.
    retired: datetime | None = None
    #: When the last thing that it signed has run out.
    expires: datetime | None = None

    @classmethod
    def of(cls, document: object, name: str) -> Self:
        """Read a key.

        Args:
            document: its JSON object.
            name: what to call it in an error.

        Raises:
            InvalidKeyring: something is missing, or of another form.
        """
        if not isinstance(document, dict):
            raise InvalidKeyring(f"the keyring's {name} is no JSON object")
        return cls(
            _text(document, "id", name),
            _text(document, "material", name),
            _moment(_text(document, "created", name), f"{name}.created"),
            **{
                moment: _moment(document[moment], f"{name}.{moment}")
                for moment in ("retired", "expires")
                if document.get(moment) is not None
            },
        )

    def document(self) -> dict[str, str]:
        """Give the JSON object; it holds the material."""
        moments = {"created": self.created, "retired": self.retired, "expires": self.expires}
        told = {name: moment.isoformat() for name, moment in moments.items() if moment}
        return {"id": self.id, **told, "material": self.material}


@dataclass(frozen=True, slots=True)
class Keyring(ABC):
    """Keys that take turns. A class per kind of key says how one is made, checked and retired."""

    #: Signs, or is the one value where a program can have only one.
    signing: Key
    #: Published already, signs after the next rotation; ``None`` until the first one.
    next: Key | None = None
    #: Signed once; the newest first.
    retired: tuple[Key, ...] = ()

    def __post_init__(self) -> None:
        ids = [key.id for key in self.accepted()]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise InvalidKeyring(f"the keyring has more than one key {', '.join(twice)}")

    @classmethod
    def parse(cls, text: str | bytes) -> Self:
        """Read a keyring's JSON text.

        Raises:
            InvalidKeyring: it is none; the message never repeats it.
        """
        try:
            return cls.of(parse_object(text))
        except UnreadableValue as error:
            fault = error.message
        raise InvalidKeyring(f"a keyring is expected: the value {fault}")

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Read a keyring's JSON object; keys of the object that are not its own are ignored.

        Raises:
            InvalidKeyring: something is missing, or of another form.
        """
        retired = document.get("retired") or []
        if not isinstance(retired, list):
            raise InvalidKeyring("the keyring's retired is no JSON array")
        following = document.get("next")
        return cls(
            Key.of(document.get("signing"), "signing"),
            None if following is None else Key.of(following, "next"),
            tuple(Key.of(item, f"retired[{index}]") for index, item in enumerate(retired)),
        )

    @classmethod
    @abstractmethod
    def taken_over(cls, value: str, now: datetime) -> Self:
        """Make a keyring of one key that was used alone until now.

        Raises:
            InvalidKey: it is no such key.
        """

    @abstractmethod
    def check(self) -> None:
        """See that every key does what it is for.

        Raises:
            InvalidKey: one does not, or is too weak; the message names its id.
        """

    def document(self) -> dict[str, Any]:
        """Give the JSON object; it holds the material."""
        return {
            "signing": self.signing.document(),
            "next": self.next and self.next.document(),
            "retired": [key.document() for key in self.retired],
        }

    def dumps(self) -> str:
        """Give the JSON text that :meth:`parse` reads; it holds the material."""
        return json.dumps(self.document(), ensure_ascii=False)

    def accepted(self, now: datetime | None = None) -> tuple[Key, ...]:
        """Give what is accepted, ``signing`` first, then ``next``, then the retired ones.

        Args:
            now: leave out the retired keys that have expired by then.
        """
        following = (self.next,) if self.next else ()
        return (self.signing, *following, *self._unexpired(now))

    def rotated(self, new: Key, now: datetime, keep_for: timedelta) -> Self:
        """Give the keyring after a rotation: ``next`` signs, ``new`` is next.

        Where there was no ``next``, nobody knows ``new`` yet: it is published, and signs after
        the rotation that follows.

        Args:
            new: the key to publish.
            now: the time, aware.
            keep_for: how long the longest-lived thing that a key signed is good; the retired one
                is kept so long from ``FOLLOWED_WITHIN`` on, for until then it may still sign.
        """
        kept = self._unexpired(now)
        if self.next is None:
            return replace(self, next=new, retired=kept)
        expires = now + FOLLOWED_WITHIN + keep_for
        spent = replace(self._spent(self.signing), retired=now, expires=expires)
        return type(self)(self.next, new, (spent, *kept))

    def _spent(self, key: Key) -> Key:
        """Give what is left of a key that no longer signs."""
        return key

    def _unexpired(self, now: datetime | None) -> tuple[Key, ...]:
        def expired(key: Key) -> bool:
            return bool(now and key.expires and key.expires <= now)

        return tuple(key for key in self.retired if not expired(key))


def _text(document: dict[str, Any], part: str, name: str) -> str:
    found = document.get(part)
    if isinstance(found, str) and found:
        return found
    raise InvalidKeyring(f"the keyring's {name} has no {part}")


def _moment(text: object, name: str) -> datetime:
    """Read a time; ``datetime``'s own error would repeat what it was given."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidKeyring(f"the keyring's {name} is no time with its offset from UTC")
    return moment
