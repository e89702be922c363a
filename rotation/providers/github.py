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
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from glisecrets.documents import UnreadableValue, parse_json, pick_key
from glisecrets.providers import GitHub, GitHubPlace
from glisecrets.providers.github import API, HEADERS, is_name

from .http import provider_for

if TYPE_CHECKING:
    from ..rotator import Rotation


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
    boxes = [github.box(place) for place in _places(rotation)]
    writes = [box.secret(name, text) for box in boxes for name, text in copies.items()]
    rotation.confirm()
    github.write(writes)


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
    wrong = [name for name in copies if not is_name(name)]
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


def _places(rotation: Rotation) -> list[GitHubPlace]:
    texts = rotation.options["github"].split()
    found = [place for place in map(GitHubPlace.parse, texts) if place]
    if found and len(found) == len(texts):
        return found
    raise rotation.unusable(
        "the tag glisecrets:github names no repository",
        "write owner/repository, or owner/repository:environment",
    )


def _github(rotation: Rotation) -> GitHub:
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
    text = str(token).strip()
    return GitHub(
        provider_for(rotation, "GitHub", text, option="github-url", url=API, headers=HEADERS),
        reference,
        f"store a new token in {reference}; the next try publishes everything again",
    )
