"""What can go wrong in a rotation; every class hangs below ``GlisecretsError``.

::

    RotationError
    ├── NotRotatable      the secret, its tags or its value are not set up for this rotation
    │   └── NoRotator     nothing says how it is rotated
    ├── StaleRotation     this token is not the one that is rotating
    ├── RotationBusy      another rotation of the secret is under way: try again later
    ├── Unreachable       a provider cannot be asked, or gives no clear answer: try again
    ├── ProviderRefused   a provider said no: somebody has to change something there
    ├── ProbeRejected     a provider does not accept the new value
    ├── LockedOut         a provider accepts no version that carries a label: repair
    └── Superseded        somebody wrote a version by hand while a rotation was under way

No error carries a value. What is quoted of a provider is what cannot repeat one (AWS's word on a
missing right), or has the password masked (PostgreSQL's).
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from glisecrets.errors import GlisecretsError

if TYPE_CHECKING:
    from collections.abc import Iterator


class RotationError(GlisecretsError):
    """Root of what rotations raise."""

    #: The secret that was rotated, as it was named: see :func:`about`.
    secret: str | None = None
    is_finding = True
    #: Whether the same call may succeed later without anyone's doing.
    passing: bool = False


class NotRotatable(RotationError):
    """The secret, its tags, its options or its value are not set up for this rotation."""


class NoRotator(NotRotatable):
    """Neither a tag nor the declaration says how the secret is rotated."""


class StaleRotation(RotationError):
    """The token is unknown or no longer the one that is rotating; nothing was changed."""


class RotationBusy(RotationError):
    """Another rotation of this secret is under way."""

    passing = True


class Unreachable(RotationError):
    """A provider cannot be asked, is too busy or fails: whether a value is good is not known."""

    passing = True


class ProviderRefused(RotationError):
    """A provider understood and said no: a right, a role or a quota is missing."""


class ProbeRejected(RotationError):
    """A provider was asked with the new value and does not accept it."""


class LockedOut(RotationError):
    """A provider accepts no version that carries a label: ``glisecrets rotate repair``."""


class Superseded(RotationError):
    """Somebody wrote a version by hand while a rotation was under way; both are kept."""


@contextmanager
def about(secret: str) -> Iterator[None]:
    """Have the errors that leave a ``with`` block say which secret they are about.

    The engine's entries do so; whoever raises one need not.
    """
    try:
        yield
    except RotationError as error:
        error.secret = error.secret or secret
        raise
