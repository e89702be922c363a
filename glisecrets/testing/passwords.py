"""GetRandomPassword."""

from __future__ import annotations

import secrets
import string
from typing import TYPE_CHECKING

from .wire import WireError

if TYPE_CHECKING:
    from .wire import Request

#: The parameter that leaves a kind of character out, and the kind.
_KINDS = {
    "ExcludeLowercase": string.ascii_lowercase,
    "ExcludeUppercase": string.ascii_uppercase,
    "ExcludeNumbers": string.digits,
    "ExcludePunctuation": string.punctuation,
}


def random_password(request: Request) -> str:
    """Make a password as the request wants it; by default 32 characters, of each kind one.

    Raises:
        WireError: nothing is left to choose from, or the length cannot hold each kind.
    """
    length = request.get("PasswordLength", 32)
    excluded = set(request.get("ExcludeCharacters", ""))
    kinds = [chars for exclude, chars in _KINDS.items() if not request.get(exclude, False)]
    if request.get("IncludeSpace", False):
        kinds.append(" ")
    kept = [kind for kind in (sorted(set(chars) - excluded) for chars in kinds) if kind]
    required = kept if request.get("RequireEachIncludedType", True) else []
    if not kept or not max(1, len(required)) <= length <= 4096:  # noqa: PLR2004 - the API reference's own
        raise WireError("InvalidParameterException", "The password length or kinds are invalid.")
    everything = [character for kind in kept for character in kind]
    chosen = [secrets.choice(kind) for kind in required]
    chosen += [secrets.choice(everything) for _ in range(length - len(chosen))]
    secrets.SystemRandom().shuffle(chosen)
    return "".join(chosen)
