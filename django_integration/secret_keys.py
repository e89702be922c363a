"""SECRET_KEY and SECRET_KEY_FALLBACKS from a keyring, followed through its rotations.

A field ``secret_key`` may hold one text, as ever, or the JSON of a
:class:`~glisecrets.keys.SecretKeyring`. Django reads both settings anew for each signature, so it
is enough to set them: at the start of a request, whose cost is a dictionary look-up.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from glisecrets.errors import GlisecretsError
from glisecrets.keys import SecretKeyring
from glisecrets.redaction.process import remember

if TYPE_CHECKING:
    from datetime import date

    from glisecrets.settings import Settings

__all__ = ["KeyFollower", "key_settings", "keyring_of"]

_log = logging.getLogger("glisecrets.credentials")

_FIELD = "secret_key"


def keyring_of(text: str) -> SecretKeyring | None:
    """Read a keyring; ``None`` for a text that is a SECRET_KEY itself.

    Raises:
        InvalidKeyring: JSON that is no keyring.
    """
    if not text.lstrip().startswith("{"):
        return None
    ring = SecretKeyring.parse(text)
    for key in ring.accepted():
        remember(key.material, name=_FIELD)
    return ring


def key_settings(text: str) -> dict[str, Any]:
    """Give Django's settings; one text alone leaves SECRET_KEY_FALLBACKS to the project.

    Raises:
        InvalidKeyring: JSON that is no keyring.
    """
    ring = keyring_of(text)
    return _settings_of(ring) if ring else {"SECRET_KEY": text}


def _settings_of(ring: SecretKeyring) -> dict[str, Any]:
    fallbacks = ring.fallbacks(datetime.now(UTC))
    return {"SECRET_KEY": ring.secret_key, "SECRET_KEY_FALLBACKS": fallbacks}


class KeyFollower:
    """Receives ``request_started`` and keeps Django's two settings as the keyring is now.

    A class, for it remembers what it has read. What a task queue sends at the start of a task
    can be connected to it as well.
    """

    def __init__(self, loaded: Settings) -> None:
        self._loaded = loaded
        #: The text that was read, and on which day: retired keys run out by themselves.
        self._seen: tuple[str, date] | None = None
        self._wanted: dict[str, Any] = {}

    @classmethod
    def of(cls, settings: Any) -> KeyFollower | None:
        """Give the follower of Django's settings; ``None`` where they come from no keyring."""
        loaded: Any = getattr(settings, "GLISECRETS", None)
        if _FIELD not in getattr(type(loaded), "model_fields", {}):
            return None
        wanted = key_settings(getattr(loaded, _FIELD).get_secret_value())
        own = wanted["SECRET_KEY"] == settings.SECRET_KEY  # or the project has set another
        return cls(loaded) if own and "SECRET_KEY_FALLBACKS" in wanted else None

    def __call__(self, **_: Any) -> None:
        """Set what has changed. What cannot be read is logged, and the keys stay as they are."""
        from django.conf import settings

        try:
            self._read()
        except GlisecretsError as error:
            _log.error("SECRET_KEY stays as it is: %s", error.message)
        wanted = self._wanted
        if any(getattr(settings, name) != value for name, value in wanted.items()):
            fallbacks = wanted["SECRET_KEY_FALLBACKS"]
            # First what both the old and the new key are verified with: others read meanwhile.
            settings.SECRET_KEY_FALLBACKS = [wanted["SECRET_KEY"], settings.SECRET_KEY, *fallbacks]
            settings.SECRET_KEY = wanted["SECRET_KEY"]
            settings.SECRET_KEY_FALLBACKS = fallbacks

    def _read(self) -> None:
        text = self._loaded.live(_FIELD).get_secret_value()
        seen = text, datetime.now(UTC).date()
        if seen != self._seen:
            self._seen = seen  # first: what cannot be read is told once a day
            ring = keyring_of(text)
            self._wanted = _settings_of(ring) if ring else {}
