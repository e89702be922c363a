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
    """Makes values, and finds them in texts; a class for those that it knows."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._known)

    def made(self, name: str) -> str:
        """Make a value, which is looked for from now on."""
        value = secrets.token_urlsafe(50)
        self.know(name, value)
        return value

    def know(self, name: str, value: str) -> None:
        """Look from now on for a value that was made elsewhere, too."""
        self._known[name] = value

    def found_in(self, text: str) -> list[str]:
        """Give the names of the values that a text holds whole or in part."""
        return [name for name, value in self._known.items() if _is_in(text, value)]

    def write_for_tests(self) -> None:
        """Write all values to the file that a test named, if one did."""
        file = os.environ.get(_FILE_VARIABLE)
        if file:
            Path(file).touch(mode=0o600)
            Path(file).write_text(json.dumps(self._known), encoding="utf-8")


def _is_in(text: str, value: str) -> bool:
    lines = [line for line in value.splitlines() if not line.startswith("-----")]
    parts = (line[i : i + _PART] for line in lines for i in range(len(line) - _PART + 1))
    return any(part in text for part in parts)
