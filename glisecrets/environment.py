"""The environment that the program runs in, and the environments that a name speaks of.

``DJANGO_ENV`` names it; unset, it means ``production``, the strictest, so that a forgotten
variable never loosens a rule (GLI guide, section 6.2.2).
"""

from __future__ import annotations

import os
import re
from enum import StrEnum
from string import digits
from typing import TYPE_CHECKING

from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The variable that names the environment.
VARIABLE = "DJANGO_ENV"

#: The variable that turns the build phase on: see :mod:`glisecrets.build_phase`.
BUILD_VARIABLE = "GLISECRETS_BUILD"


class Environment(StrEnum):
    """One of the three environments; a ``str``, so it formats and compares as its name."""

    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Variable suffixes that CI uses for it, most exact first (GLI guide, section 6.3)."""
        return tuple(f"_{word.upper()}" for word in _WORDS[self][:2])

    @classmethod
    def parse(cls, name: str) -> Environment:
        """Read a name or one of its usual short forms, in any case.

        Raises:
            ConfigurationError: the name is none of them.
        """
        word = name.strip().lower()
        for environment, words in _WORDS.items():
            if word in words:
                return environment
        raise ConfigurationError(
            f"{VARIABLE} names an unknown environment",
            next_step=f"set {VARIABLE} to one of: {', '.join(cls)}",
        )


#: Each environment's words: full name, then the abbreviation that section 6.3 uses, then others.
_WORDS: dict[Environment, tuple[str, ...]] = {
    Environment.DEVELOPMENT: ("development", "dev", "develop"),
    Environment.STAGING: ("staging", "stg", "stage"),
    Environment.PRODUCTION: ("production", "prod", "prd"),
}

_BETWEEN_WORDS = r"[^a-z0-9]+"


def current_environment(environ: Mapping[str, str] | None = None) -> Environment:
    """Give the environment that ``DJANGO_ENV`` names; unset or empty means production.

    Raises:
        ConfigurationError: it names none of the three.
    """
    name = (os.environ if environ is None else environ).get(VARIABLE, "")
    return Environment.parse(name) if name.strip() else Environment.PRODUCTION


def in_build_phase(environ: Mapping[str, str]) -> bool:
    """Tell whether ``GLISECRETS_BUILD`` is on (``1``, ``true``, ``yes`` or ``on``)."""
    return environ.get(BUILD_VARIABLE, "").strip().lower() in {"1", "true", "yes", "on"}


def in_github_actions(environ: Mapping[str, str]) -> bool:
    """Tell whether this runs inside GitHub Actions, which says so in each step."""
    return environ.get("GITHUB_ACTIONS") == "true"


def environments_named_in(name: str) -> frozenset[Environment]:
    """Give the environments whose words stand in a name, a path, a host or an ARN.

    Words count whole, between anything that is not a letter or digit, and with a number after
    them: ``gli-db-prod`` and ``prod2.gli`` name production, ``gli/product`` names none.
    """
    tokens = {token.rstrip(digits) for token in re.split(_BETWEEN_WORDS, name.lower())}
    return frozenset(env for env, words in _WORDS.items() if not tokens.isdisjoint(words))
