"""A Lambda function on this machine: the real zip, driven by AWS's own runtime client.

::

    with LambdaRuntime(Path("zip"), "module.handle", environ=server.environ) as function:
        server = SecretsManagerServer(on_rotate=function.invoke)
"""

from __future__ import annotations

import json
import shutil
import tempfile
import weakref
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Self
from zipfile import ZipFile, is_zipfile

from ..errors import MissingExtra
from .lambda_sandbox import Sandbox, link_runtime

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType


class LambdaFailed(Exception):
    """The function raised, or its process ended."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(f"{error_type}: {message}")
        #: The class's name, ``Runtime.ExitError`` or ``Sandbox.Timedout``.
        self.error_type = error_type
        #: What it said.
        self.message = message


class LambdaRuntime:
    """A Lambda function for the length of a ``with`` block: one event at a time.

    The first event starts a process, which is kept for the next ones, as Lambda keeps a sandbox;
    after a timeout or its end the next event starts another one.

    Args:
        code: the zip, or a folder that it was unpacked into.
        handler: as ``package.module.function``.
        environ: the function's variables; nothing of this process's environment is passed on.
        timeout: seconds until the process is killed.

    Raises:
        MissingExtra: awslambdaric or boto3 is not installed.
    """

    def __init__(
        self,
        code: Path,
        handler: str,
        *,
        environ: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> None:
        #: The function's variables, for sandboxes that start later.
        self.environ = dict(environ or {})
        #: Seconds that an event may take.
        self.timeout = timeout
        #: How many processes were started.
        self.cold_starts = 0
        self._folder = Path(tempfile.mkdtemp(prefix="glisecrets-lambda-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._code = self._unpacked(code)
        self._handler = handler
        self._runtime = self._linked_runtime()
        self._sandbox: Sandbox | None = None
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    def invoke(self, event: Mapping[str, Any]) -> Any:
        """Have an event handled, and give what the function returned.

        Raises:
            LambdaFailed: it raised, took too long, or its process ended.
        """
        with self._lock:
            sandbox = self._sandbox = self._sandbox or self._cold_start()
            answer = sandbox.answer(json.dumps(dict(event)).encode(), self.timeout)
            if answer is None or answer.kind in {"init", "exit"}:
                self.kill()
        if answer is None:
            raise LambdaFailed("Sandbox.Timedout", f"Task timed out after {self.timeout:.2f} s")
        if answer.kind == "exit":
            raise LambdaFailed("Runtime.ExitError", "Runtime exited without providing a reason")
        content = json.loads(answer.body)
        if answer.kind != "response":
            raise LambdaFailed(content["errorType"], content["errorMessage"])
        return content

    def kill(self) -> None:
        """End the process, whatever it is doing; the next event starts another one."""
        sandbox, self._sandbox = self._sandbox, None
        if sandbox is not None:
            sandbox.close()

    @property
    def log(self) -> str:
        """What the function has printed so far, as CloudWatch would keep it."""
        log = self._folder / "log"
        return log.read_text("utf-8", "replace") if log.exists() else ""

    def _cold_start(self) -> Sandbox:
        self.cold_starts += 1
        log = self._folder / "log"
        return Sandbox(self._code, self._runtime, self._handler, self.environ, log)

    def _unpacked(self, code: Path) -> Path:
        if not is_zipfile(code):
            return code.absolute()
        folder = self._folder / "task"
        with ZipFile(code) as archive:
            archive.extractall(folder)
        return folder

    def _linked_runtime(self) -> Path:
        folder = self._folder / "runtime"
        folder.mkdir()
        try:
            link_runtime(folder)
        except PackageNotFoundError as error:
            raise MissingExtra("LambdaRuntime", "servers") from error
        return folder
