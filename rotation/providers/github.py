"""Copies of a value in the secrets of GitHub Actions, brought up to date during its rotation.

::

    glisecrets:github         owner/repository owner/other:production   (a colon: an environment)
    glisecrets:github-token   gli/github/production                     (reference of the token)
    glisecrets:github-secret  AWS_CREDENTIALS                           (the whole value as one)
    glisecrets:github-keys    AWS_ACCESS_KEY_ID password=DB_PASSWORD    (keys of its JSON)
    glisecrets:github-url     https://github.example.com/api/v3         (Enterprise Server)

GitHub writes one secret at a time. A job that starts between two writes reads an old and a new
half: prefer ``github-secret`` for a pair, and take it apart in the job (``fromJSON``). A write
that fails leaves the old version in force everywhere else; the next try writes all again.

Source: "REST API endpoints for GitHub Actions Secrets", version 2022-11-28.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from glisecrets.documents import UnreadableValue, parse_json, pick_key
from glisecrets.errors import MissingExtra

from ..errors import ProviderRefused, RotationError, Unreachable
from .http import Provider, checked_url

if TYPE_CHECKING:
    from ..rotator import Rotation
    from .http import Answer

_API = "https://api.github.com"
_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_PLACE = re.compile(r"([\w.-]+/[\w.-]+)(?::(\S+))?", re.ASCII)
#: "Naming your secrets": letters, digits, underscores; GITHUB_ is GitHub's own.
_NAME = re.compile(r"(?!GITHUB_)[A-Za-z_]\w*", re.ASCII)
_OK, _WRITTEN, _DENIED = 200, frozenset({201, 204}), 401


class _Place(NamedTuple):
    """Where secrets are kept: a repository, or one environment of it."""

    repository: str
    environment: str | None

    @property
    def path(self) -> str:
        if self.environment is None:
            return f"/repos/{self.repository}/actions/secrets"
        return f"/repos/{self.repository}/environments/{quote(self.environment, safe='')}/secrets"

    def __str__(self) -> str:
        return ":".join(filter(None, self))


class _Write(NamedTuple):
    """One secret that is to be written."""

    place: _Place
    name: str
    #: As GitHub wants it: sealed, and the id of the key it is sealed for.
    body: dict[str, str]

    def __str__(self) -> str:
        return f"{self.name} in {self.place}"


def publish_to_github(rotation: Rotation) -> None:
    """Write the pending value to GitHub's secrets, as the options say; again does no harm.

    Raises:
        NotRotatable: the options make no sense, or the value has no such key.
        ProviderRefused: the token has expired or lacks a right; says what was written.
        Unreachable: GitHub did not answer, or is busy; says what was written.
        StaleRotation: another rotation has taken over; nothing was written.
        MissingExtra: PyNaCl or httpx is not installed.
    """
    copies = _copies(rotation)
    github = _github(rotation)
    # The keys come first: they prove the token and each place before anything is written.
    writes = [
        _Write(place, name, {"encrypted_value": _seal(text, key["key"]), "key_id": key["key_id"]})
        for place in _places(rotation)
        for key in [_public_key(github, place)]
        for name, text in copies.items()
    ]
    rotation.confirm()
    for done, write in enumerate(writes):
        failure = _failure(github, write)
        if failure is not None:
            raise _told(failure, writes[:done], writes[done:])


def _copies(rotation: Rotation) -> dict[str, str]:
    """Give the text of each secret by its name at GitHub."""
    value = rotation.current if rotation.pending is None else rotation.pending
    if isinstance(value, bytes):
        raise rotation.unusable("binary cannot be a secret of GitHub's", "store it as text")
    whole = rotation.options.get("github-secret")
    copies = {whole: value} if whole else {}
    for item in rotation.options.get("github-keys", "").split():
        key, _, name = item.partition("=")
        copies[name or key] = _text(rotation, value, key)
    wrong = [name for name in copies if not _NAME.fullmatch(name)]
    if copies and not wrong:
        return copies
    fault = f"no names for GitHub's secrets: {', '.join(wrong)}" if wrong else "nothing to publish"
    raise rotation.unusable(fault, "name them in the tag glisecrets:github-secret or github-keys")


def _text(rotation: Rotation, value: str, key: str) -> str:
    try:
        return str(pick_key(value, tuple(key.split("."))))
    except UnreadableValue as error:
        fault = error.message
    raise rotation.unusable(fault, "mend the tag glisecrets:github-keys")


def _places(rotation: Rotation) -> list[_Place]:
    texts = rotation.options["github"].split()
    found = [match for match in map(_PLACE.fullmatch, texts) if match]
    if found and len(found) == len(texts):
        return [_Place(match[1], match[2]) for match in found]
    raise rotation.unusable(
        "the tag glisecrets:github names no repository",
        "write owner/repository, or owner/repository:environment",
    )


def _github(rotation: Rotation) -> Provider:
    reference = rotation.options.get("github-token")
    if not reference:
        raise rotation.unusable(
            "nothing says which token writes to GitHub",
            "name its secret in the tag glisecrets:github-token",
        )
    token = rotation.read(reference)
    document = parse_json(token) if isinstance(token, str) else None
    if isinstance(document, dict):  # a tag cannot say "#token": AWS allows no such character
        token = document.get("token", "")
    url = checked_url(rotation.options.get("github-url", _API), "github-url")
    return Provider("GitHub", url, str(token).strip(), rotation, _HEADERS)


def _public_key(github: Provider, place: _Place) -> dict[str, str]:
    answer = github.ask("GET", f"{place.path}/public-key")
    if answer.status != _OK:
        raise _refusal(github, answer, f"to read the public key of {place}")
    key = answer.document
    if isinstance(key.get("key"), str) and isinstance(key.get("key_id"), str):
        return key
    raise Unreachable(f"GitHub gives no public key for {place}", next_step="check github-url")


def _seal(text: str, key: str) -> str:
    """Encrypt for GitHub alone (libsodium's sealed box), as its API asks."""
    try:
        from nacl.public import PublicKey, SealedBox
    except ImportError:
        raise MissingExtra("publishing to GitHub", "github") from None
    try:
        box = SealedBox(PublicKey(base64.b64decode(key)))
    except (TypeError, ValueError, binascii.Error):
        box = None
    if box is None:
        raise Unreachable("GitHub's public key is none", next_step="check github-url")
    return base64.b64encode(box.encrypt(text.encode())).decode()


def _failure(github: Provider, write: _Write) -> RotationError | None:
    try:
        answer = github.ask("PUT", f"{write.place.path}/{write.name}", write.body)
    except Unreachable as error:
        return error
    return None if answer.status in _WRITTEN else _refusal(github, answer, f"to write {write}")


def _refusal(github: Provider, answer: Answer, wish: str) -> ProviderRefused:
    secret = github.rotation.secret
    reference = github.rotation.options["github-token"]
    if answer.status == _DENIED:
        message = f"{secret}: GitHub does not accept the token in {reference}: expired or revoked"
        return ProviderRefused(
            message,
            next_step=f"store a new token in {reference}; the next try publishes everything again",
        )
    return ProviderRefused(
        f"{secret}: GitHub refuses {wish} ({answer.status})",
        next_step=f"see that the place exists and that the token in {reference} may write it"
        " (fine-grained: Secrets and Environments, read and write)",
    )


def _told(failure: RotationError, done: list[_Write], left: list[_Write]) -> RotationError:
    written = ", ".join(map(str, done)) or "nothing"
    return type(failure)(
        f"{failure.message}; written: {written}; not written: {', '.join(map(str, left))}",
        next_step=failure.next_step,
    )
