"""The rotation Lambda's zip, and its cold start: from its process's start to its first response.

Both functions run under AWS's own runtime client with boto3 beside them, against our Secrets
Manager. As in Lambda, the code's folder keeps no compiled files, and boto3's has them.
"""

from __future__ import annotations

import json
import platform
import secrets
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING

from rows import Row, compared
from turns import interleaved

from glisecrets.rotation.bundle import build_bundle
from glisecrets.testing import LambdaRuntime, SecretsManagerServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_secretsmanager import SecretsManagerClient
    from surroundings import Surroundings

PEER = "empty function with a boto3 client"
EMPTY = """
import boto3

client = boto3.client("secretsmanager")

def handle(event, context):
    return {}
"""
#: Lambda's quota for a zip that is uploaded directly, and our own goal, in MB.
QUOTA, GOAL = 50, 12
ARCHITECTURE = {"x86_64": "x86_64"}.get(platform.machine(), "arm64")
LAMBDA = "arn:aws:lambda:ap-northeast-2:123456789012:function:rotate"


def measure(surroundings: Surroundings) -> list[Row]:
    """Build the zip, and start both functions in turns, each time in a new process."""
    with TemporaryDirectory() as folder, SecretsManagerServer() as server:
        sizes = {extra: _built(Path(folder, f"{extra}.zip"), extra) for extra in _ZIPS}
        Path(folder, "empty.py").write_text(EMPTY, "utf-8")
        functions = {
            "ours": LambdaRuntime(
                Path(folder, "rotation.zip"),
                "glisecrets.rotation.handler.handle",
                environ=server.environ,
            ),
            PEER: LambdaRuntime(Path(folder), "empty.handle", environ=server.environ),
        }
        client = server.client()
        events = _events(client)
        turns = {name: partial(_turn, function, events) for name, function in functions.items()}
        for turn in turns.values():  # the first one loads the code into the machine's cache
            turn()
        times = interleaved("Lambda's cold start", turns, surroundings.rounds_of(25))
        client.close()
    return [
        compared("Lambda: cold start, createSecret of PostgreSQL", times, PEER, "ms", goal=1.5),
        *(
            Row(name, "Lambda's quota", sizes[key], QUOTA, "MB", goal=GOAL)
            for key, name in _ZIPS.items()
        ),
    ]


#: Extra -> what the table calls the zip with it.
_ZIPS = {"rotation": "Lambda: zip", "github": "Lambda: zip with the extra github"}


def _built(output: Path, extra: str) -> float:
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    extras = {"rotation", extra}
    return build_bundle(output, python=here, architecture=ARCHITECTURE, extras=extras).size / 1e6


def _events(client: SecretsManagerClient) -> Iterator[Mapping[str, str]]:
    """Begin one rotation after another, each of a secret of its own."""
    value = {"engine": "postgres", "host": "db.internal", "username": "api"}
    while True:
        name = f"gli/db/{secrets.token_hex(8)}"
        client.create_secret(
            Name=name,
            SecretString=json.dumps(value | {"password": secrets.token_urlsafe()}),
            Tags=[{"Key": "glisecrets:rotator", "Value": "postgresql"}],
        )
        begun = client.rotate_secret(SecretId=name, RotationLambdaARN=LAMBDA)
        yield {
            "Step": "createSecret",
            "SecretId": begun["ARN"],
            "ClientRequestToken": begun["VersionId"],
        }


def _turn(function: LambdaRuntime, events: Iterator[Mapping[str, str]]) -> float:
    event = next(events)
    start = perf_counter()
    function.invoke(event)
    taken = perf_counter() - start
    function.kill()
    return taken
