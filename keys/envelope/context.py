"""What a value is bound to: its data class, environment and field, and, on demand, its row."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from glisecrets.environment import Environment
from glisecrets.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The names of the pairs, as KMS, CloudTrail and policies know them.
DATA_CLASS: Final = "data-class"
ENVIRONMENT: Final = "environment"
FIELD: Final = "field"
ROW: Final = "row"

#: Told in clear to KMS, CloudTrail and Vault's audit log.
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}")
#: Names of pairs that belong to AWS.
_RESERVED = ("aws:", "aws-crypto-")
_MAX_LENGTH = 0xFFFF


@dataclass(frozen=True, slots=True)
class FieldContext:
    """A field: what its data keys are made for, and what each of its values is bound to.

    Raises:
        ConfigurationError: a label that is empty, over 200 characters, or has other characters
            than ASCII letters, digits and ``._:/-``; or an unknown environment.
    """

    #: As ``confidential``; a team may have its own.
    data_class: str
    #: ``development``, ``staging`` or ``production``.
    environment: str
    #: Explicit, and stable: renaming a model or a column must not change it.
    field: str

    def __post_init__(self) -> None:
        for name in ("data_class", "field"):
            if not _LABEL.fullmatch(getattr(self, name)):
                raise ConfigurationError(
                    f"the {name.replace('_', ' ')} of an encrypted field is no label",
                    next_step="write up to 200 letters, digits and . _ : / -",
                )
        if self.environment not in list(Environment):
            raise ConfigurationError(
                "an encrypted field is of an unknown environment",
                next_step=f"use one of: {', '.join(Environment)}",
            )

    def __str__(self) -> str:
        return f"{self.field} ({self.data_class}, {self.environment})"

    def pairs(self) -> dict[str, str]:
        """Give the encryption context, exactly as KMS gets it."""
        return {
            DATA_CLASS: str(self.data_class),
            ENVIRONMENT: str(self.environment),
            FIELD: self.field,
        }

    def canonical(self, row: str | None = None) -> bytes:
        """Give the context as bytes, with the row's id if the value is bound to one.

        Raises:
            ConfigurationError: the row's id is empty, or over 65,535 bytes.
        """
        return canonical(self.pairs() if row is None else {**self.pairs(), ROW: row})


def canonical(pairs: Mapping[str, str]) -> bytes:
    """Write pairs so that no two different sets of them give the same bytes.

    As the AWS Encryption SDK writes its encryption context: a count, then names and values, the
    names in order of their bytes; count and lengths are 16-bit big-endian.

    Raises:
        ConfigurationError: a name that is empty, reserved for AWS or not ASCII, or an empty or
            too long value.
    """
    for name, value in pairs.items():
        if not name.isascii() or not name or name.lower().startswith(_RESERVED):
            raise ConfigurationError(
                "a context has a name that is not ASCII or belongs to AWS",
                next_step="use names of ASCII letters, as KMS's policies compare them",
            )
        if not 0 < len(value.encode()) <= _MAX_LENGTH:
            raise ConfigurationError(
                f"the context's {name} is empty or too long",
                next_step=f"give 1 to {_MAX_LENGTH} bytes; a row has no id before it is written",
            )
    parts = (part.encode() for pair in sorted(pairs.items()) for part in pair)
    counted = b"".join(len(part).to_bytes(2, "big") + part for part in parts)
    return len(pairs).to_bytes(2, "big") + counted
