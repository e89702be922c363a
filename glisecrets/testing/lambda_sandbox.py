"""One sandbox of a Lambda function: a process of AWS's own runtime client, and the API it polls.

The process sees what a function sees: its code, boto3, the standard library and an environment of
its own. Source: "Using the Lambda runtime API for custom runtimes", AWS Lambda developer guide.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
import uuid
from functools import partial
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

from .listener import Listener, QuietHandler

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_API = "/2018-06-01/runtime"
_ARN = "arn:aws:lambda:ap-northeast-2:123456789012:function:rotate"
#: What Lambda's Python runtimes bring along.
_RUNTIME = ("awslambdaric", "boto3")


class Answer(NamedTuple):
    """What a sandbox made of an event."""

    #: ``response`` or ``error``; ``init`` for an error of the import, ``exit`` for no answer.
    kind: str
    body: bytes = b""


class Sandbox:
    """A process that takes events, and where it takes them from. It ends with :meth:`close`.

    Args:
        code: the function's unpacked code.
        runtime: a folder made by :func:`link_runtime`.
        handler: as ``package.module.function``.
        environ: the function's own variables.
        log: what the process prints is appended there.
    """

    def __init__(
        self, code: Path, runtime: Path, handler: str, environ: Mapping[str, str], log: Path
    ) -> None:
        self._events: SimpleQueue[tuple[bytes, float] | None] = SimpleQueue()
        self._answers: SimpleQueue[Answer] = SimpleQueue()
        self._listener = Listener(0, partial(_RuntimeApi, self._events, self._answers))
        api = f"127.0.0.1:{self._listener.server_address[1]}"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                # -S: no site-packages, so that nothing is there which Lambda would not have.
                [sys.executable, "-S", "-m", "awslambdaric", handler],
                cwd=code,
                env=_environment(code, runtime, handler, api) | dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        threading.Thread(target=self._report_exit, daemon=True).start()

    def answer(self, event: bytes, timeout: float) -> Answer | None:
        """Have an event handled; ``None`` when it takes longer than so many seconds."""
        self._events.put((event, timeout))
        try:
            return self._answers.get(timeout=timeout)
        except Empty:
            return None

    def close(self) -> None:
        """Kill the process, as Lambda does with one that takes too long."""
        self._process.kill()
        self._process.wait()
        self._events.put(None)
        self._listener.stop()

    def _report_exit(self) -> None:
        self._process.wait()
        self._answers.put(Answer("exit"))


class _RuntimeApi(QuietHandler):
    """The three requests that the runtime client makes."""

    def __init__(
        self,
        events: SimpleQueue[tuple[bytes, float] | None],
        answers: SimpleQueue[Answer],
        *args: Any,
    ) -> None:
        self._events = events
        self._answers = answers
        super().__init__(*args)

    def do_GET(self) -> None:  # noqa: N802 - as http.server names it
        """Give the next event once there is one."""
        event = self._events.get()
        if event is None:
            self.close_connection = True
            return
        body, timeout = event
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + timeout) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": _ARN,
        }
        self.answer(HTTPStatus.OK, body, headers)

    def do_POST(self) -> None:  # noqa: N802 - as http.server names it
        """Take a response or an error, also of the function's import."""
        body = self.body()
        kind = "init" if self.path == f"{_API}/init/error" else self.path.rpartition("/")[2]
        self.answer(HTTPStatus.ACCEPTED, b"{}", {"Content-Type": "application/json"})
        self._answers.put(Answer(kind, body))


def link_runtime(folder: Path) -> None:
    """Link what Lambda's Python runtime has, and nothing else of this installation, in a folder.

    Raises:
        PackageNotFoundError: awslambdaric or boto3 is not installed.
    """
    for name in _with_requirements(_RUNTIME):
        files = distribution(name).files or []
        for top in {file.parts[0] for file in files} - {"..", "__pycache__"}:
            target = Path(str(distribution(name).locate_file(top)))
            (folder / top).symlink_to(target.resolve())


def _with_requirements(names: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _requirements(name)
    return found


def _requirements(name: str) -> Iterator[str]:
    for line in distribution(name).requires or ():
        match = re.match(r"[\w.-]+", line)
        if match and "extra ==" not in line and _is_installed(match[0]):
            yield match[0]


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:  # an environment marker leaves it out
        return False
    return True


def _environment(code: Path, runtime: Path, handler: str, api: str) -> dict[str, str]:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {
        "PATH": os.defpath,
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "HOME": os.devnull,
        "PYTHONPATH": f"{code}:{runtime}",
        # The code's folder is read-only there, so that each cold start compiles it.
        "PYTHONDONTWRITEBYTECODE": "1",
        "LAMBDA_TASK_ROOT": str(code),
        "_HANDLER": handler,
        "AWS_LAMBDA_RUNTIME_API": api,
        "AWS_LAMBDA_FUNCTION_NAME": "rotate",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/rotate",
        "AWS_LAMBDA_LOG_STREAM_NAME": "$LATEST",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{version}",
    }
