"""A key pair's way into the secrets of GitHub Actions: sealed here, never on disk or a terminal."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from glisecrets.cli.addressed import prompt_guard
from glisecrets.errors import AccessDenied, ConfigurationError, StoreUnavailable
from glisecrets.providers import GitHub, GitHubPlace, GitHubWrite, Provider, ProviderErrors
from glisecrets.providers.github import API, HEADERS, is_name
from glisecrets.providers.http import checked_url
from glisecrets.redaction import process_redactor

if TYPE_CHECKING:
    from glisecrets.cli import Invocation
    from glisecrets.providers import SealingBox

#: Variables that may hold the token, as GitHub's own command line reads them, and its API's URL.
_TOKENS: Final = ("GH_TOKEN", "GITHUB_TOKEN")
_URL: Final = "GITHUB_API_URL"
_ERRORS = ProviderErrors(
    ConfigurationError,
    partial(AccessDenied, store="github"),
    partial(StoreUnavailable, store="github"),
)


@dataclass(frozen=True, slots=True)
class PairAtGitHub:
    """Where both halves go; made before the key is, so that a bad token costs nothing."""

    github: GitHub
    box: SealingBox
    #: As ``JWT``, for ``JWT_PRIVATE_KEY`` and ``JWT_PUBLIC_KEY``.
    prefix: str
    #: Whether the public half is a variable, which workflows and people can read.
    variable: bool

    @classmethod
    def ready(
        cls, invocation: Invocation, text: str, prefix: str, *, variable: bool, force: bool
    ) -> PairAtGitHub:
        """Read what is told, and see that GitHub takes it.

        Args:
            invocation: for the environment guard.
            text: ``owner/repository`` or ``owner/repository:environment``.
            prefix: of both names.
            variable: whether the public half becomes a variable.
            force: whether keys that are there are written over.

        Raises:
            ConfigurationError: no such form, no token, or there are keys already.
            EnvironmentMismatch: it belongs to another environment.
            AccessDenied: the token has expired or lacks the right, or there is no such place.
            StoreUnavailable: GitHub does not answer, or is too busy.
        """
        place = _place(text, prefix)
        prompt_guard(invocation).check_name(text, f"the GitHub secrets of {place}")
        github = _github()
        ready = cls(github, github.box(place), prefix, variable)
        # Sealing nothing also proves that it can be done, before there is a key.
        taken = [write.name for write in ready.writes("", "") if not force and github.has(write)]
        if taken:
            raise ConfigurationError(
                f"{place} has {' and '.join(taken)} already",
                next_step="with another key, no token is good that was signed by the old one:"
                " choose another --name, or add --force",
            )
        return ready

    def writes(self, private: str, public: str) -> list[GitHubWrite]:
        """Prepare both halves, the private one sealed; the names are those of the guide."""
        own, others = f"{self.prefix}_PRIVATE_KEY", f"{self.prefix}_PUBLIC_KEY"
        if self.variable:
            published = GitHubWrite.variable(self.box.place, others, public)
        else:
            published = self.box.secret(others, public)
        return [self.box.secret(own, private), published]

    def publish(self, private: str, public: str) -> dict[str, str]:
        """Write both halves; give their names.

        Raises:
            AccessDenied: as :meth:`ready`; it says which half was written.
            StoreUnavailable: the same.
        """
        writes = self.writes(private, public)
        self.github.write(writes)
        own, others = (write.name for write in writes)
        return {"github": str(self.box.place), "private_key": own, "public_key": others}


def _place(text: str, prefix: str) -> GitHubPlace:
    place = GitHubPlace.parse(text)
    if place is None:
        raise ConfigurationError(
            f"{text!r} is no repository",
            next_step="write OWNER/REPOSITORY, or OWNER/REPOSITORY:ENVIRONMENT",
        )
    if not is_name(f"{prefix}_"):
        raise ConfigurationError(
            f"GitHub takes no secret that is called {prefix}_PRIVATE_KEY",
            next_step="choose a --name of letters, digits and _ that does not begin with GITHUB_",
        )
    return place


def _github() -> GitHub:
    variable = next((name for name in _TOKENS if os.environ.get(name, "").strip()), None)
    if variable is None:
        raise ConfigurationError(
            f"no token for GitHub: neither {' nor '.join(_TOKENS)} is set",
            next_step="make a fine-grained one with Secrets, Variables and Environments, read and"
            ' write; or with gh: GH_TOKEN="$(gh auth token)" glisecrets keys jwt generate …',
        )
    token = os.environ[variable].strip()
    process_redactor().add(token, name=variable)
    url = checked_url(os.environ.get(_URL) or API, f"the variable {_URL}", _ERRORS)
    provider = Provider("GitHub", url, token, _ERRORS, HEADERS, extra="github")
    return GitHub(provider, variable, f"make a new token and put it into {variable}")
