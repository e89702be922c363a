"""What can be wrong with an encrypted value.

::

    InvalidMessage              not gs1, truncated, altered, or of another context
    └── UnknownDataKey          encrypted under a data key that this field does not have

What is wrong with a data key itself is an error of whoever keeps it: ``AccessDenied``,
``Undecryptable`` or ``StoreUnavailable`` of :mod:`glisecrets.errors`.
"""

from __future__ import annotations

from glisecrets.errors import GlisecretsError


class InvalidMessage(GlisecretsError):
    """The bytes are no message of this field, environment and row, or not as they were written."""


class UnknownDataKey(InvalidMessage):
    """The message names a data key that the field does not have: deleted, or another field's."""

    #: Hexadecimal, as the message has it.
    key_id: str

    def __init__(self, message: str, *, key_id: str, next_step: str = "") -> None:
        super().__init__(message, next_step=next_step)
        self.key_id = key_id
