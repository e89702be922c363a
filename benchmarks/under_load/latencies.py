"""How long answers took."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Latencies:
    """Seconds until requests were answered, whatever the answer was."""

    def __init__(self, seconds: Iterable[float]) -> None:
        self._sorted = sorted(seconds)

    def __len__(self) -> int:
        return len(self._sorted)

    def quantile(self, share: float) -> float:
        """Give the time within which that share of the requests was answered (nearest rank)."""
        if not self._sorted:
            return 0.0
        return self._sorted[min(int(share * len(self)), len(self) - 1)]

    @property
    def p50(self) -> float:
        """The median."""
        return self.quantile(0.5)

    @property
    def p99(self) -> float:
        """What one in a hundred exceeds."""
        return self.quantile(0.99)

    @property
    def longest(self) -> float:
        """The slowest."""
        return self.quantile(1.0)
