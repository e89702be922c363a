"""What can go wrong with Secrets Manager, to be switched on and off while the server runs."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from threading import Lock

from .wire import WireError

#: How far a request's clock may be off (AWS General Reference, Signature Version 4).
MAX_CLOCK_SKEW = timedelta(minutes=5)
_AMZ_DATE = "%Y%m%dT%H%M%SZ"


@dataclass
class Faults:
    """Switches. Assign an attribute, change a set or call a method, from any thread."""

    #: Time before each answer, in seconds.
    latency: float = 0.0
    #: Close every connection without an answer.
    down: bool = False
    #: Reads show each secret as it was before its last change: eventual consistency.
    stale: bool = False
    #: Every request's security token has expired.
    expired_credentials: bool = False
    #: How far the server's clock is ahead of this machine's.
    clock_skew: timedelta = timedelta(0)
    #: Names of secrets that the caller may do nothing with.
    denied: set[str] = field(default_factory=set)
    #: Operations that the caller has no right to, like ``BatchGetSecretValue``.
    denied_operations: set[str] = field(default_factory=set)
    #: Names of secrets whose KMS key cannot be used.
    undecryptable: set[str] = field(default_factory=set)
    _throttled_until: float = 0.0
    _throttled_calls: int = 0
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def throttle(self, *, calls: int = 0, seconds: float = 0.0) -> None:
        """Refuse the next calls, or all calls for a time, with ThrottlingException."""
        with self._lock:
            self._throttled_calls = calls
            self._throttled_until = time.monotonic() + seconds

    def clear(self) -> None:
        """Switch everything off."""
        healthy = Faults()
        for switch in fields(self):
            if switch.name != "_lock":
                setattr(self, switch.name, getattr(healthy, switch.name))

    def now(self) -> datetime:
        """Tell the time on the server's clock."""
        return datetime.now(UTC) + self.clock_skew

    def check_request(self, operation: str, signed_at: str) -> None:
        """Refuse a request for what it is, before its content counts.

        Raises:
            WireError: throttled, expired, a clock that is off, or an operation that is denied.
        """
        if self._is_throttled():
            raise WireError("ThrottlingException", "Rate exceeded")
        if self.expired_credentials:
            raise WireError(
                "ExpiredTokenException", "The security token included in the request is expired"
            )
        self._check_clock(signed_at)
        if operation in self.denied_operations:
            raise _not_authorized(operation, "*")

    def check_secret(self, operation: str, name: str) -> None:
        """Refuse a secret that the caller has no right to.

        Raises:
            WireError: it is denied.
        """
        if name in self.denied or operation in self.denied_operations:
            raise _not_authorized(operation, name)

    def check_key(self, name: str) -> None:
        """Refuse a secret whose KMS key cannot be used.

        Raises:
            WireError: it is undecryptable.
        """
        if name in self.undecryptable:
            raise WireError(
                "DecryptionFailure",
                "Secrets Manager can't decrypt the protected secret text using the provided"
                " KMS key.",
            )

    def _is_throttled(self) -> bool:
        with self._lock:
            if self._throttled_calls > 0:
                self._throttled_calls -= 1
                return True
            return time.monotonic() < self._throttled_until

    def _check_clock(self, signed_at: str) -> None:
        try:
            signed = datetime.strptime(signed_at, _AMZ_DATE).replace(tzinfo=UTC)
        except ValueError as error:
            raise WireError("InvalidSignatureException", "The date is missing.") from error
        now = self.now()
        if abs(now - signed) > MAX_CLOCK_SKEW:
            fault = "expired" if signed < now else "not yet current"
            raise WireError(
                "InvalidSignatureException",
                f"Signature {fault}: {signed_at} is more than 5 min. from {now:{_AMZ_DATE}}",
            )


def _not_authorized(operation: str, resource: str) -> WireError:
    return WireError(
        "AccessDeniedException",
        f"User is not authorized to perform: secretsmanager:{operation} on resource: {resource}"
        " because no identity-based policy allows the action",
    )
