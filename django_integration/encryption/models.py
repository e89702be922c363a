"""The table of data keys: each one encrypted, and stored once for all values under it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.db import models

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["DataKey"]


class DataKey(models.Model):
    """A row of :class:`~glisecrets.keys.envelope.DataKey`; holds nothing that must be hidden.

    Deleting a row makes every value under its key unreadable, for ever.
    """

    #: The key id of its messages, hexadecimal.
    id: models.CharField[str, str] = models.CharField(
        primary_key=True, max_length=64, editable=False
    )
    data_class: models.CharField[str, str] = models.CharField(max_length=200, editable=False)
    environment: models.CharField[str, str] = models.CharField(max_length=16, editable=False)
    field: models.CharField[str, str] = models.CharField(max_length=200, editable=False)
    #: As the wrapping key's keeper gave it, and which key that is, and its version if told.
    wrapped: models.BinaryField[bytes, bytes] = models.BinaryField(editable=False)
    wrapping_key: models.TextField[str, str] = models.TextField(editable=False)
    material: models.TextField[str | None, str | None] = models.TextField(null=True, editable=False)  # noqa: DJ001 - not told is not empty
    created: models.DateTimeField[datetime, datetime] = models.DateTimeField(editable=False)
    #: When another one took its place; ``None``: new values are encrypted under it.
    retired: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        null=True, editable=False
    )

    class Meta:
        """One active key per field."""

        verbose_name = "data key"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["data_class", "environment", "field"],
                condition=models.Q(retired=None),
                name="glisecrets_one_active_data_key",
            )
        ]

    def __str__(self) -> str:
        return f"{self.field} ({self.data_class}, {self.environment}): {self.id}"
