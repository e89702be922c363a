"""Well-known shapes of credentials, so few and so exact that a match is worth an interruption.

A table and not detect-secrets, which is for a pre-commit hook: importing it takes over the root
logger's handlers, and its entropy and keyword detectors need a reviewed baseline to be of use.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class Credential(NamedTuple):
    """One kind of credential and how it looks."""

    kind: str
    pattern: re.Pattern[str]


#: The AWS documentation's own keys end so.
_NOT_EXAMPLE = r"(?<!EXAMPLE)(?<!EXAMPLEKEY)"

# No pattern starts with \b: a literal start lets the engine skip through a file at once.
_CREDENTIALS = tuple(
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
        "OpenAI key": r"sk-(?:proj-|svcacct-)?[A-Za-z0-9_-]{20,}T3BlbkFJ[A-Za-z0-9_-]{20,}",
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

#: A line that says so, in detect-secrets' own words, is left alone.
_ALLOWED = re.compile(r"pragma:\s*allowlist[ -]secret")


def credentials_in(text: str) -> Iterator[tuple[str, int]]:
    """Give kind and line of each credential in a text; each kind and line once."""
    seen: set[int] = set()
    for kind, pattern in _CREDENTIALS:
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            if line not in seen and not _allowed(text, match.start()):
                seen.add(line)
                yield kind, line


def _allowed(text: str, position: int) -> bool:
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    return _ALLOWED.search(text, start, len(text) if end < 0 else end) is not None
