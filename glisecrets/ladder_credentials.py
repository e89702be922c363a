"""What a client logs in with, as one version of a secret says it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import SplitResult, unquote, urlsplit

from .documents import MISSING, UnreadableValue, parse_json, pick_key
from .redaction.process import remember

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from .references import Reference
    from .stores.base import SecretVersion

#: What the parts are called in a secret's JSON; the first is AWS's own name.
_NAMES = {
    "username": ("username", "user"),
    "password": ("password",),
    "host": ("host",),
    "port": ("port",),
    "dbname": ("dbname", "database"),
}


class HiddenText(str):
    """A text that is all it was, but shows itself in no ``repr``: none of a frame's locals."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'**********'"


@dataclass(frozen=True, slots=True)
class Credentials:
    """One version's credentials; the ``repr`` shows no password."""

    version_id: str
    #: ``None`` where the secret is a password alone.
    username: str | None
    password: str = field(repr=False)
    host: str | None = None
    port: str | None = None
    dbname: str | None = None
    #: When the version was written, where the store tells.
    created: datetime | None = None

    @classmethod
    def of(cls, version: SecretVersion, reference: Reference) -> Self:
        """Read them from JSON, from a URL, or from a text that is a password alone.

        Raises:
            UnreadableValue: no such key, no password in it, or binary.
        """
        parts = _parts(pick_key(version.value, reference.key) if reference.key else version.value)
        password = parts.pop("password", "")
        if not password:
            raise UnreadableValue(f"{reference}: version {version.version_id} holds no password")
        remember(password, name=str(reference))
        return cls(
            version.version_id,
            parts.pop("username", None),
            HiddenText(password),
            created=version.created,
            **parts,
        )

    def login(self) -> dict[str, str]:
        """Give ``user`` and ``password`` by the names that PostgreSQL's drivers have for them."""
        user = {} if self.username is None else {"user": self.username}
        return {**user, "password": self.password}

    def parameters(self) -> dict[str, str]:
        """Give all that the secret says, by the names that PostgreSQL's drivers have for it."""
        place = {"host": self.host, "port": self.port, "dbname": self.dbname}
        return {name: part for name, part in place.items() if part} | self.login()


def _parts(value: Any) -> dict[str, Any]:
    found = _document(value)
    if isinstance(found, dict):
        return _named(found)
    if not isinstance(found, str):
        raise UnreadableValue("holds neither a JSON object nor text, credentials are expected")
    return _of_url(found) if "://" in found else {"password": found}


def _document(value: Any) -> Any:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        found = parse_json(value)
        return value if found is MISSING else found
    return value


def _named(document: Mapping[str, Any]) -> dict[str, Any]:
    url = document.get("url")
    if isinstance(url, str) and not document.get("password"):
        return _of_url(url)
    found = {
        part: next((document[name] for name in names if document.get(name)), None)
        for part, names in _NAMES.items()
    }
    return {part: str(value) for part, value in found.items() if value is not None}


def _of_url(url: str) -> dict[str, Any]:
    place = _split(url)
    if place is None:
        raise UnreadableValue("holds a URL that cannot be read; write special characters as %XX")
    split, port = place
    parts = {
        "username": unquote(split.username or ""),
        "password": unquote(split.password or ""),
        "host": split.hostname,
        "port": port,
        "dbname": unquote(split.path.lstrip("/")),
    }
    return {name: part for name, part in parts.items() if part}


def _split(url: str) -> tuple[SplitResult, str] | None:
    """Take a URL apart; ``urllib``'s own error would repeat a part of it."""
    try:
        split = urlsplit(url)
        return split, str(split.port or "")
    except ValueError:
        return None
