"""``manage.py loaddata``: Django's own, which also takes encrypted values from fixtures."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import loaddata

from ...masking import loading

__all__ = ["Command"]


class Command(loaddata.Command):
    """Takes back what ``dumpdata`` wrote of encrypted fields."""

    def loaddata(self, fixture_labels: Any) -> None:
        """Load the fixtures."""
        with loading():
            super().loaddata(fixture_labels)
