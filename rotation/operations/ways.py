"""Where a secret is rotated: in this process, or by its Lambda."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import running
from ..errors import about
from ..policy.lambda_rotation import LambdaRotation
from ..retiring import retire

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..engine import Engine, Outcome


def rotate(
    engine: Engine,
    secret: str,
    *,
    here: bool = False,
    urgent: bool = False,
    told: Callable[[Outcome], None] = lambda _: None,
) -> str:
    """Rotate a secret now, where it is usually rotated; give the new version's id.

    A Lambda may reach a database that this machine does not.

    Args:
        engine: rotates what is rotated here.
        secret: the name.
        here: rotate in this process in any case.
        urgent: a leak is suspected: no overlap is waited for.
        told: called after each step that is made here.

    Raises:
        RotationError: see :func:`.running.run` and :meth:`.LambdaRotation.rotate`.
        StoreError: the store did not take part.
    """
    on_aws = None if here else LambdaRotation.of(engine.store)
    if on_aws is None or not _has_lambda(on_aws, secret):
        return running.run(engine, secret, urgent=urgent, told=told)
    if urgent:
        # Its Lambda would wait for the end of the overlap.
        _retire_now(engine, secret)
    with about(secret):
        return on_aws.rotate(secret, engine.clock)


def _retire_now(engine: Engine, secret: str) -> None:
    subject = engine.subject(secret, urgent=True)
    if subject.overlap is not None:
        retire(subject)


def _has_lambda(on_aws: LambdaRotation, secret: str) -> bool:
    setup = on_aws.setup(secret)
    return setup.enabled and bool(setup.function)
