"""Exit codes, and which error leads to which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import GlisecretsError, SettingsError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..errors import Fault

FINE = 0
#: Faults, findings, or no such secret.
FINDINGS = 1
#: Wrong use or configuration; refused by the environment guard; not confirmed.
USAGE = 2
#: A store cannot be reached, or refuses.
STORE = 3
#: An error that nobody foresaw: ``EX_SOFTWARE`` of sysexits.h.
BUG = 70
INTERRUPTED = 130

#: The kinds of faults that are no mere findings; the first that is there decides.
_BY_KIND = {"denied": STORE, "unavailable": STORE, "configuration": USAGE}


def code_of(error: GlisecretsError) -> int:
    """Give the exit code for an error that ends a command."""
    if isinstance(error, SettingsError):
        return code_of_faults(error.faults)
    if error.is_finding:
        return FINDINGS
    return STORE if isinstance(error, StoreError) else USAGE


def code_of_faults(faults: Iterable[Fault]) -> int:
    """Give the exit code for the faults of one load."""
    kinds = {fault.kind for fault in faults}
    serious = (code for kind, code in _BY_KIND.items() if kind in kinds)
    return next(serious, FINDINGS if kinds else FINE)
