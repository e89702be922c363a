"""Waiting for a Lambda's rotation, while what Secrets Manager shows lags behind."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from glisecrets.references import AWSCURRENT, AWSPENDING
from glisecrets.rotation import Engine, NotRotatable, Rotation, Rotator, Step, Verdict
from glisecrets.rotation.policy.lambda_rotation import PATIENCE, LambdaRotation
from glisecrets.rotation.subject import Clock
from glisecrets.stores.aws import AwsStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from glisecrets.stores.base import SecretValue
    from glisecrets.testing import SecretsManagerServer

NAME = "gli/hook"
LAMBDA = "arn:aws:lambda:ap-northeast-2:123456789012:function:rotate"


class Hook(Rotator):
    """A kind that nobody has to be told of."""

    def propose(self, rotation: Rotation) -> SecretValue:
        return secrets.token_urlsafe(24)

    def probe(self, rotation: Rotation, value: SecretValue) -> Verdict:
        return Verdict.ACCEPTED


class Followed:
    """A secret whose Lambda does something between two looks at it."""

    def __init__(self, server: SecretsManagerServer) -> None:
        self.server, self.store = server, AwsStore(environ=server.environ)
        self.store.create(NAME, secrets.token_urlsafe(24), tags={"glisecrets:rotator": "hook"})
        self.rotation = LambdaRotation(self.store)
        rules = {"AutomaticallyAfterDays": 30}
        self.rotation.set_up(NAME, LAMBDA, rules, at_once=False)
        server.wait_for_rotations()
        self.waited = 0.0
        self.looks = 0
        #: By the number of looks before it: what happens then.
        self.then: dict[int, Callable[[], None]] = {}

    def rotate(self) -> str:
        """Rotate, and wait in no time."""
        return self.rotation.rotate(NAME, Clock(pause=self._pause))

    def _pause(self, seconds: float) -> None:
        self.waited += seconds
        self.looks += 1
        self.then.get(self.looks, lambda: None)()

    def lag(self) -> None:
        """Show everything as it was before its last change."""
        self.server.faults.stale = True

    def catch_up(self) -> None:
        self.server.faults.stale = False

    @property
    def pending(self) -> str:
        return self.store.describe(NAME).labelled(AWSPENDING) or ""

    def finish(self) -> None:
        """Do what the Lambda does."""
        engine = Engine(self.store, find=lambda _: Hook())
        token = self.pending
        for step in Step:
            engine.step(step, NAME, token)

    def give_up(self) -> None:
        """Take the rotation's label off, as ``rotate repair`` does."""
        self.store.move_label(NAME, AWSPENDING, expected=self.pending)


@pytest.fixture
def followed(aws_server: SecretsManagerServer) -> Iterator[Followed]:
    made = Followed(aws_server)
    yield made
    made.store.close()


def test_a_read_that_lags_behind_is_no_end(followed: Followed) -> None:
    """The first looks show no new version yet: the rotation has begun all the same."""
    followed.lag()
    followed.then = {3: followed.catch_up, 5: followed.finish}
    token = followed.rotate()
    assert followed.looks == 5
    assert followed.store.describe(NAME).labelled(AWSCURRENT) == token


def test_a_rotation_that_lost_its_label_has_ended(followed: Followed) -> None:
    """It was seen to begin; nobody waits for five minutes for what will not come."""
    followed.then = {2: followed.give_up}
    with pytest.raises(NotRotatable, match="has ended without a new version"):
        followed.rotate()
    assert followed.looks == 2


def test_one_that_never_shows_is_given_up_before_patience_ends(followed: Followed) -> None:
    """A read lags for seconds; what is not there after those has ended before it was seen."""
    followed.lag()
    with pytest.raises(NotRotatable, match="has ended without a new version"):
        followed.rotate()
    assert 10 < followed.waited < PATIENCE / 5
