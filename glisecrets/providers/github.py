"""The secrets and variables of GitHub Actions: written one at a time, sealed for GitHub alone.

A secret is sealed with libsodium for a key of its repository or environment; GitHub never gives
it back. Source: "REST API endpoints for GitHub Actions Secrets" and "… Variables", version
2022-11-28.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Self
from urllib.parse import quote

from ..errors import GlisecretsError, MissingExtra

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .http import Answer, Provider

#: GitHub itself; GitHub Enterprise Server has its API at ``https://HOST/api/v3``.
API: Final = "https://api.github.com"
HEADERS: Final = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_PLACE = re.compile(r"([\w.-]+/[\w.-]+)(?::(\S+))?", re.ASCII)
#: "Naming your secrets": letters, digits, underscores; GITHUB_ is GitHub's own.
_NAME = re.compile(r"(?!GITHUB_)[A-Za-z_]\w*", re.ASCII | re.IGNORECASE)
_OK, _CREATED, _CHANGED = 200, 201, 204
_UNKNOWN, _FORBIDDEN, _ABSENT = 401, 403, 404

#: What the same answer has for its reason, and what to do then.
_STEPS = {
    _FORBIDDEN: "give the token in {token} the right (fine-grained: Secrets, Variables and"
    " Environments, read and write) and have the organisation approve it; a workflow's own"
    " GITHUB_TOKEN never has it",
    _ABSENT: "check the owner, the repository and the environment; GitHub says the same where the"
    " token in {token} may not see them (fine-grained: Secrets, Variables and Environments, read"
    " and write)",
}
_OTHERWISE = "see that the place exists and that the token in {token} may write it"


class GitHubPlace(NamedTuple):
    """Where secrets and variables are kept: a repository, or one environment of it."""

    repository: str
    environment: str | None

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read ``owner/repository`` or ``owner/repository:environment``; ``None`` if it is none."""
        match = _PLACE.fullmatch(text)
        return cls(match[1], match[2]) if match else None

    def path(self, kind: Literal["secrets", "variables"]) -> str:
        """Give the path of its secrets or variables in GitHub's API."""
        if self.environment is None:
            return f"/repos/{self.repository}/actions/{kind}"
        return f"/repos/{self.repository}/environments/{quote(self.environment, safe='')}/{kind}"

    def __str__(self) -> str:
        return ":".join(filter(None, self))


class GitHubWrite(NamedTuple):
    """One secret or variable that is to be written."""

    place: GitHubPlace
    kind: Literal["secrets", "variables"]
    name: str
    #: As GitHub wants it: of a secret sealed, and the id of the key that it is sealed for.
    body: dict[str, str]

    @classmethod
    def variable(cls, place: GitHubPlace, name: str, text: str) -> Self:
        """Prepare a variable, which whoever may read the repository's workflows may read."""
        return cls(place, "variables", name, {"name": name, "value": text})

    @property
    def path(self) -> str:
        """Its path in GitHub's API."""
        return f"{self.place.path(self.kind)}/{self.name}"

    def __str__(self) -> str:
        return f"{self.name} in {self.place}"


class SealingBox(NamedTuple):
    """A place's public key: what is sealed with it, GitHub alone can open."""

    place: GitHubPlace
    key: bytes
    key_id: str

    def secret(self, name: str, text: str) -> GitHubWrite:
        """Seal a secret.

        Raises:
            MissingExtra: PyNaCl is not installed.
        """
        try:
            from nacl.public import PublicKey, SealedBox
        except ImportError:
            raise MissingExtra("sealing a secret for GitHub", "github") from None
        sealed = base64.b64encode(SealedBox(PublicKey(self.key)).encrypt(text.encode())).decode()
        body = {"encrypted_value": sealed, "key_id": self.key_id}
        return GitHubWrite(self.place, "secrets", name, body)


@dataclass(frozen=True, slots=True)
class GitHub:
    """GitHub, asked with one token. What it raises are the errors of its provider."""

    provider: Provider
    #: A variable or a secret's name, for messages.
    token_from: str
    #: What to do about a token that has expired.
    renewal: str

    def box(self, place: GitHubPlace) -> SealingBox:
        """Ask for a place's public key, which proves the token and the place.

        Raises:
            GlisecretsError: the token has expired or lacks the right, or there is no such place:
                ``refused``; no answer, no key, or GitHub stays busy: ``unreachable``.
        """
        answer = self.provider.ask("GET", f"{place.path('secrets')}/public-key")
        if answer.status != _OK:
            raise self._refusal(answer, f"to read the public key of {place}")
        key, key_id = _key(answer), answer.document.get("key_id")
        if key and isinstance(key_id, str):
            return SealingBox(place, key, key_id)
        raise self.provider.errors.unreachable(
            f"GitHub gives no public key for {place}", next_step="check the URL of its API"
        )

    def has(self, write: GitHubWrite) -> bool:
        """Tell whether there is a secret or variable of that name.

        Raises:
            GlisecretsError: as :meth:`box`.
        """
        answer = self.provider.ask("GET", write.path)
        if answer.status not in {_OK, _ABSENT}:
            raise self._refusal(answer, f"to look for {write}")
        return answer.status == _OK

    def write(self, writes: Sequence[GitHubWrite]) -> None:
        """Write one after the other; again does no harm.

        Raises:
            GlisecretsError: as :meth:`box`; says what was written and what not.
        """
        for done, write in enumerate(writes):
            failure = self._failure(write)
            if failure is not None:
                written = ", ".join(map(str, writes[:done])) or "nothing"
                left = ", ".join(map(str, writes[done:]))
                failure.message += f"; written: {written}; not written: {left}"
                raise failure

    def _failure(self, write: GitHubWrite) -> GlisecretsError | None:
        try:
            answer = self._written(write)
        except GlisecretsError as error:
            return error
        if answer.status in {_CREATED, _CHANGED}:
            return None
        return self._refusal(answer, f"to write {write}")

    def _written(self, write: GitHubWrite) -> Answer:
        if write.kind == "secrets":
            return self.provider.ask("PUT", write.path, write.body)
        answer = self.provider.ask("PATCH", write.path, write.body)
        if answer.status != _ABSENT:
            return answer
        return self.provider.ask("POST", write.place.path("variables"), write.body)

    def _refusal(self, answer: Answer, wish: str) -> GlisecretsError:
        refused = self.provider.errors.refused
        if answer.status == _UNKNOWN:
            return refused(
                f"GitHub does not accept the token in {self.token_from}: expired or revoked",
                next_step=self.renewal,
            )
        return refused(
            f"GitHub refuses {wish} ({answer.status})",
            next_step=_STEPS.get(answer.status, _OTHERWISE).format(token=self.token_from),
        )


def is_name(text: str) -> bool:
    """Tell whether GitHub takes a text as the name of a secret or variable."""
    return bool(_NAME.fullmatch(text))


def _key(answer: Answer) -> bytes | None:
    try:
        key = base64.b64decode(answer.document.get("key", ""))
    except (TypeError, ValueError):
        return None
    return key if len(key) == 32 else None  # noqa: PLR2004 - X25519's
