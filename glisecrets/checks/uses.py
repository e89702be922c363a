"""One variable that an existing project reads, as far as its code tells."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import reduce
from math import isfinite
from typing import TYPE_CHECKING

from ..secret_names import holds_credentials, looks_secret

if TYPE_CHECKING:
    from collections.abc import Iterable

#: A literal that code gives where the variable is not set.
Default = str | int | float | bool | list[str] | None

_FALSE = frozenset({"", "0", "false", "no", "off", "n", "f"})


@dataclass(frozen=True, slots=True)
class Use:
    """A variable: its type, its default, and the place where it is read first."""

    name: str
    #: ``str``, ``bool``, ``int``, ``float``, ``list[str]``, ``dict[str, str]``, ``Path`` or
    #: ``JsonValue``; ``None`` where the code does not tell.
    annotation: str | None
    #: The default; ``None`` where there is none, where it is computed, and for a secret.
    default: Default
    #: Whether the code fails without the variable.
    required: bool
    secret: bool
    file: str
    line: int

    @classmethod
    def read(
        cls,
        name: str,
        *,
        annotation: str | None,
        default: object,
        required: bool,
        file: str,
        line: int,
    ) -> Use:
        """Describe one use. A literal default tells the type too; a secret one is dropped."""
        known = annotation or _annotation_of(default)
        leaks = isinstance(default, str) and holds_credentials(default)
        secret = leaks or (known in {None, "str"} and looks_secret(name))
        kept = None if secret else _converted(default, known)
        return cls(name, known, kept, required, secret, file, line)


def merge_uses(uses: Iterable[Use]) -> list[Use]:
    """Give one use per variable, by name: what any of its uses tells, at the place of the first.

    It is required when any use fails without it, and secret when any use takes it for one.
    """
    by_name: dict[str, list[Use]] = {}
    for use in sorted(uses, key=lambda it: (it.file, it.line)):
        by_name.setdefault(use.name, []).append(use)
    return [reduce(_merged, by_name[name]) for name in sorted(by_name)]


def _merged(first: Use, other: Use) -> Use:
    annotation = first.annotation or other.annotation
    secret = first.secret or other.secret
    default = other.default if first.default is None else first.default
    return replace(
        first,
        annotation=annotation,
        default=None if secret else _converted(default, annotation),
        required=first.required or other.required,
        secret=secret,
    )


def _annotation_of(default: object) -> str | None:
    # A text says nothing: os.getenv knows no other default.
    if isinstance(default, bool | int | float):
        return type(default).__name__
    return "list[str]" if isinstance(default, list | tuple) else None


def _converted(default: object, annotation: str | None) -> Default:
    """Give a default as a value of the type; ``None`` where it is none."""
    if isinstance(default, list | tuple):
        return [str(item) for item in default]
    if isinstance(default, str):
        return _parsed(default, annotation)
    return default if isinstance(default, bool | int | float) and isfinite(default) else None


def _parsed(text: str, annotation: str | None) -> Default:
    if annotation == "bool":
        return text.lower() not in _FALSE
    if annotation == "list[str]":
        return [item.strip() for item in text.split(",") if item.strip()]
    if annotation in {"int", "float"}:
        with suppress(ValueError):
            return _converted(int(text) if annotation == "int" else float(text), annotation)
        return None
    return text
