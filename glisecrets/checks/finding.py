"""One thing that a check found: a place and a next step, never a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: ``error``: it is wrong now. ``warning``: it will go wrong, or somewhere else. ``info``: to know.
Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check found. The codes are stable and listed in ``docs/checks.md``."""

    #: ``family.what``: ``dotenv.dollar``, ``git.tracked-secret-file``.
    code: str
    severity: Severity
    #: What was found, in one sentence, without any value or part of one.
    message: str
    #: What the reader can do about it.
    next_step: str
    #: Path of the file, as the caller named it.
    file: str | None = None
    #: Line in that file, counted from 1.
    line: int | None = None
    #: The field or variable concerned.
    field: str | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        head = f"{place}: {self.severity}" if place else self.severity
        return f"{head}: {self.message} [{self.code}]\n  next: {self.next_step}"
