"""The part of GitHub's REST API that is used: it keeps secrets and opens the sealed boxes."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field
from typing import Final

from nacl.public import PrivateKey, SealedBox

from .loopback import Asked, Reply

#: The id of a repository's public key.
KEY_ID: Final = "568250167242549743"


@dataclass
class GitHub:
    """The part of GitHub's REST API that is used."""

    url: str = ""
    token: str = field(default_factory=secrets.token_hex)
    key: PrivateKey = field(default_factory=PrivateKey.generate)
    places: tuple[str, ...] = ("/repos/gli/api/actions/secrets",)
    #: Path of a secret -> its text, opened.
    kept: dict[str, str] = field(default_factory=dict)
    #: After so many writes the token has expired.
    writes_left: int = 99
    #: Answers that come before the real ones.
    first: list[Reply] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        place, _, name = asked.path.rpartition("/")
        if self.first:
            return self.first.pop(0)
        if asked.token != self.token:
            return Reply(401, {"message": "Bad credentials"})
        if asked.method == "POST" and name == "variables":
            place, name = asked.path, asked.document["name"]
        if place.replace("/variables", "/secrets") not in self.places:
            return Reply(404, {"message": "Not Found"})
        if asked.method == "GET":
            return self._read(place, name)
        if self.writes_left == 0:
            return Reply(401, {"message": "Bad credentials"})
        return self._write(asked, f"{place}/{name}")

    def _read(self, place: str, name: str) -> Reply:
        if (place.rpartition("/")[2], name) == ("secrets", "public-key"):
            key = base64.b64encode(bytes(self.key.public_key)).decode()
            return Reply(200, {"key_id": KEY_ID, "key": key})
        return Reply(200, {"name": name}) if f"{place}/{name}" in self.kept else Reply(404)

    def _write(self, asked: Asked, path: str) -> Reply:
        known = path in self.kept
        if asked.method == "PATCH" and not known:
            return Reply(404, {"message": "Not Found"})
        if asked.method == "PUT" and asked.document["key_id"] != KEY_ID:
            return Reply(422)
        self.writes_left -= 1
        self.kept[path] = self._opened(asked.document)
        return Reply(204) if known else Reply(201, {})

    def _opened(self, document: dict[str, str]) -> str:
        if "value" in document:
            return document["value"]
        sealed = base64.b64decode(document["encrypted_value"])
        return SealedBox(self.key).decrypt(sealed).decode()

    def named(self, name: str, place: str = "/repos/gli/api/actions/secrets") -> str | None:
        return self.kept.get(f"{place}/{name}")
