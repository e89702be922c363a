"""The secret values of one run: made now, never printed, forgotten with the process."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

__all__ = ["Values"]

#: Names a file to which every value is written, for a test that searches the demo's output.
_FILE_VARIABLE = "GLI_DEMO_VALUES_FILE"
#: As many characters of a value are looked for: a part of a secret is as bad as all of it.
_PART = 12


class Values:
    """Makes values, and finds them in texts; a class for what it has made."""

    def __init__(self) -> None:
        self._made: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._made)

    def made(self, name: str, value: str | None = None) -> str:
        """Give a new value, or take one that was made elsewhere; it is known from now on."""
        self._made[name] = value or secrets.token_urlsafe(50)
        return self._made[name]

    def found_in(self, text: str) -> list[str]:
        """Give the names of the values that a text holds whole or in part."""
        return [name for name, value in self._made.items() if any(p in text for p in _parts(value))]

    def write_for_tests(self) -> None:
        """Write all values to the file that a test named, if one did."""
        file = os.environ.get(_FILE_VARIABLE)
        if file:
            Path(file).touch(mode=0o600)
            Path(file).write_text(json.dumps(self._made), encoding="utf-8")


def _parts(value: str) -> list[str]:
    lines = [line for line in value.splitlines() if not line.startswith("-----")]
    return [line[i : i + _PART] for line in lines for i in range(len(line) - _PART + 1)]
