"""Well-known shapes of credentials, so few and so exact that a match is worth an interruption.

When detect-secrets is installed, its patterns for tokens with a fixed prefix are looked for too.
Its entropy and keyword detectors are left out: they need a reviewed baseline to be of use.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Credential", "credentials_in", "known_credentials"]


class Credential(NamedTuple):
    """One kind of credential and how it looks."""

    kind: str
    pattern: re.Pattern[str]


#: The AWS documentation's own keys end so.
_NOT_EXAMPLE = r"(?<!EXAMPLE)(?<!EXAMPLEKEY)"

# No pattern starts with \b: a literal start lets the engine skip through a file at once.
_OWN = tuple(
    Credential(kind, re.compile(pattern))
    for kind, pattern in {
        "AWS access key id": rf"A[KS]IA[A-Z2-7]{{16}}\b{_NOT_EXAMPLE}",
        "AWS secret access key": (
            r"[aA][wW][sS]_?[sS][eE][cC][rR][eE][tT]_?(?:[aA][cC]{2}[eE][sS]{2}_?)?[kK][eE][yY]"
            rf"['\"]?\s{{0,3}}[=:]\s{{0,3}}['\"]?[A-Za-z0-9/+]{{40}}(?![A-Za-z0-9/+=]){_NOT_EXAMPLE}"
        ),
        # Key material must follow: the header alone stands in many a document and test.
        "private key": (
            r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
            r"(?:\s|\\r|\\n|[A-Za-z-]+: [^\n]*\n)*[A-Za-z0-9+/]{40}"
        ),
        "GitHub token": r"gh(?:[pousr]_[A-Za-z0-9]{36}|itub_pat_[A-Za-z0-9]{22}_\w{59})\b",
        "GitLab token": r"glpat-[\w-]{20}",
        "SendGrid API key": r"SG\.[\w-]{22}\.[\w-]{43}",
        "Slack token": r"xox[abeoprs]-(?:\d+-)+[A-Za-z0-9]{10}",
        "Slack webhook": r"hooks\.slack\.com/services/T\w{8,}/B\w{8,}/\w{20}",
        "Stripe live key": r"[rs]k_live_[A-Za-z0-9]{24}",
        "npm token": r"npm_[A-Za-z0-9]{36}\b",
        "PyPI token": r"pypi-AgEIcHlwaS5vcmc[\w-]{70}",
        "Vault token": r"hvs\.[\w-]{24}",
    }.items()
)

#: Modules of ``detect_secrets.plugins`` whose patterns are quick and exact.
_PLUGINS = ("gitlab_token", "npm", "openai", "slack", "square_oauth", "stripe")

#: A line that says so, in detect-secrets' own words, is left alone.
_ALLOWED = re.compile(r"pragma:\s*allowlist[ -]secret")


@cache
def known_credentials() -> tuple[Credential, ...]:
    """Give the own patterns, and those of detect-secrets when it is installed."""
    try:
        return (*_OWN, *_of_detect_secrets())
    except ImportError:
        return _OWN


def _of_detect_secrets() -> Iterator[Credential]:
    from importlib import import_module

    for module in _PLUGINS:
        plugins = vars(import_module(f"detect_secrets.plugins.{module}")).values()
        for plugin in plugins:
            if getattr(plugin, "__module__", "").endswith(module) and hasattr(plugin, "denylist"):
                yield from (Credential(plugin.secret_type, it) for it in plugin.denylist)


def credentials_in(text: str, known: tuple[Credential, ...]) -> Iterator[tuple[str, int]]:
    """Give kind and line of each credential in a text; each kind and line once."""
    seen: set[int] = set()
    for kind, pattern in known:
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            if line not in seen and not _allowed(text, match.start()):
                seen.add(line)
                yield kind, line


def _allowed(text: str, position: int) -> bool:
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    return _ALLOWED.search(text, start, len(text) if end < 0 else end) is not None
