"""Rotate every secret of an account in an emergency; print how many and in how many seconds."""

from __future__ import annotations

import http.client
import json
import secrets
import sys
import time
from datetime import UTC, datetime
from functools import partial
from threading import local
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from glisecrets.rotation import Engine, Rotation, Rotator, Verdict, run
from glisecrets.rotation.operations.emergency import Emergency, EmergencyRun, find_targets, waves
from glisecrets.stores.aws import AwsStore

if TYPE_CHECKING:
    from glisecrets.stores.base import SecretValue


class Remote(Rotator):
    """A credential of a provider that is asked over HTTP: to set it, and to probe it."""

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).netloc
        self._own = local()

    def propose(self, _rotation: Rotation) -> SecretValue:
        return secrets.token_urlsafe(24)

    def apply(self, _rotation: Rotation) -> None:
        self._ask()

    def probe(self, _rotation: Rotation, _value: SecretValue) -> Verdict:
        self._ask()
        return Verdict.ACCEPTED

    def _ask(self) -> None:
        if not hasattr(self._own, "connection"):
            self._own.connection = http.client.HTTPConnection(self._host)
        self._own.connection.request("GET", "/")
        self._own.connection.getresponse().read()


def rotate(engine: Engine, secret: str, told: object) -> str:
    return run(engine, secret, urgent=True, told=told)  # type: ignore[arg-type]


def main(url: str) -> None:
    remote = Remote(url)
    engine = Engine(AwsStore(), find=lambda _: remote)
    names = list(engine.store.names())
    started = time.perf_counter()
    emergency = Emergency.now("laptop stolen", datetime.now(UTC))
    made = EmergencyRun(engine.store, emergency, partial(rotate, engine))
    made.run(waves(find_targets(engine, names)))
    seconds = time.perf_counter() - started
    rotated = sum(result.error is None for result in made.results)
    print(json.dumps({"rotated": rotated, "seconds": seconds}))


main(sys.argv[1])
