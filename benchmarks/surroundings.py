"""What every measure works with: an interpreter, the stub of Secrets Manager, the environment."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock
from urllib.request import urlopen

from programs.catalogue import PLAIN, SECRETS

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
#: In milliseconds, of the store that counts calls which overlap.
SLOW = "500"
LATENCIES = ("5", "20", SLOW)


@dataclass(frozen=True)
class Surroundings:
    """Shared by all measures of one run."""

    #: An interpreter that has the wheel: see :mod:`installed`.
    python: Path
    #: An empty folder: home, and where programs start.
    folder: Path
    #: Latency in milliseconds -> URL of Secrets Manager with that latency.
    urls: dict[str, str]
    #: How many rounds, instead of each measure's own number.
    rounds: int | None
    #: Part of each measure's own number of rounds that is run.
    share: float = 1.0

    def rounds_of(self, usual: int) -> int:
        """Give how many rounds to run of what usually takes so many."""
        return self.rounds or max(1, round(usual * self.share))

    def environ(self, latency: str = "5", *, secret: bool = True) -> dict[str, str]:
        """Give a program's whole environment, with the secret values in it or in the store."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONPATH": str(HERE),
            "DJANGO_ENV": "staging",
            "GLISECRETS_STORE": "aws",
            "AWS_ENDPOINT_URL": self.urls[latency],
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "ap-northeast-2",
            "AWS_EC2_METADATA_DISABLED": "true",
            **PLAIN,
            **({} if secret else {name.upper(): _VALUES[name] for name in SECRETS}),
        }

    def calls(self, latency: str) -> list[dict[str, Any]]:
        """Give the calls since this was last asked: see :class:`stub.Call`."""
        with urlopen(self.urls[latency]) as answer:
            calls: list[dict[str, Any]] = json.load(answer)
        return calls

    @contextmanager
    def as_own(self, *, secret: bool) -> Iterator[None]:
        """Make a program's environment and folder this process's own."""
        before = Path.cwd()
        os.chdir(self.folder)
        try:
            with mock.patch.dict(os.environ, self.environ(secret=secret), clear=True):
                yield
        finally:
            os.chdir(before)


_VALUES = {name: secrets.token_hex(20) for name in SECRETS}


@contextmanager
def stub() -> Iterator[dict[str, str]]:
    """Serve Secrets Manager's protocol from a process of its own; give its URLs."""
    command = (sys.executable, HERE / "stub.py", *LATENCIES)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
