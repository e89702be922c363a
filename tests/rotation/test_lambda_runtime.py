"""LambdaRuntime: a function behaves in it as it does in Lambda."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest

from glisecrets.errors import MissingExtra
from glisecrets.testing import LambdaFailed, LambdaRuntime, lambda_sandbox

if TYPE_CHECKING:
    from pathlib import Path

FUNCTION = """
import os, sys, time

calls = 0

def handle(event, context):
    global calls
    calls += 1
    match event.get("do"):
        case "raise": raise LookupError("nothing there")
        case "exit": os._exit(3)
        case "sleep": time.sleep(60)
        case "import": __import__(event["name"])
        case "print": print(event["text"])
    return {
        "calls": calls,
        "process": os.getpid(),
        "environ": dict(os.environ),
        "left": context.get_remaining_time_in_millis(),
        "id": context.aws_request_id,
    }
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A folder with a function."""
    (tmp_path / "function.py").write_text(FUNCTION, "utf-8")
    return tmp_path


@pytest.fixture
def function(code: Path):
    """It, in a sandbox."""
    with LambdaRuntime(code, "function.handle") as function:
        yield function


def test_a_sandbox_is_kept_for_the_next_event(function: LambdaRuntime) -> None:
    """The second event finds the module imported; each has an id of its own."""
    first, second = function.invoke({}), function.invoke({})
    assert (first["calls"], second["calls"], function.cold_starts) == (1, 2, 1)
    assert first["id"] != second["id"]
    assert 0 < first["left"] <= 30_000


def test_a_zip_does_as_well_as_a_folder(code: Path) -> None:
    """What is deployed is what is tested."""
    with ZipFile(code / "function.zip", "w") as archive:
        archive.write(code / "function.py", "function.py")
    (code / "function.py").unlink()
    with LambdaRuntime(code / "function.zip", "function.handle") as function:
        assert function.invoke({})["calls"] == 1


def test_nothing_of_this_process_is_passed_on(code: Path, monkeypatch) -> None:
    """Neither variables nor packages, but for what is given and for boto3."""
    canary = secrets.token_hex(8)
    monkeypatch.setenv("CANARY", canary)
    with LambdaRuntime(code, "function.handle", environ={"GIVEN": "yes"}) as function:
        environ = function.invoke({})["environ"]
        assert (environ["GIVEN"], canary in str(environ)) == ("yes", False)
        function.invoke({"do": "import", "name": "boto3"})
        with pytest.raises(LambdaFailed, match="No module named 'pydantic'"):
            function.invoke({"do": "import", "name": "pydantic"})


def test_an_exception_is_told_and_the_sandbox_stays(function: LambdaRuntime) -> None:
    """Class and message arrive, as Secrets Manager gets them."""
    with pytest.raises(LambdaFailed) as failure:
        function.invoke({"do": "raise"})
    assert (failure.value.error_type, failure.value.message) == ("LookupError", "nothing there")
    assert function.invoke({})["calls"] == 2
    assert "LookupError" in function.log


@pytest.mark.parametrize(
    ("event", "kind"),
    [({"do": "exit"}, "Runtime.ExitError"), ({"do": "sleep"}, "Sandbox.Timedout")],
)
def test_after_an_end_of_the_process_comes_a_cold_start(function, event, kind) -> None:
    """An exit and a timeout lose the sandbox, and nothing else."""
    gone = function.invoke({})["process"]
    function.timeout = 0.3 if kind == "Sandbox.Timedout" else 30
    with pytest.raises(LambdaFailed) as failure:
        function.invoke(event)
    assert failure.value.error_type == kind
    with pytest.raises(ProcessLookupError):
        os.kill(gone, 0)
    function.timeout = 30
    assert function.invoke({})["calls"] == 1
    assert function.cold_starts == 2


@pytest.mark.parametrize(
    ("handler", "text"),
    [("function.nothing", "nothing"), ("nowhere.handle", "No module named 'nowhere'")],
)
def test_a_function_that_cannot_be_imported_says_so(code: Path, handler: str, text: str) -> None:
    """Each time anew, as in Lambda."""
    with LambdaRuntime(code, handler) as function:
        for _ in range(2):
            with pytest.raises(LambdaFailed, match=text):
                function.invoke({})


def test_what_it_prints_is_kept(function: LambdaRuntime) -> None:
    """As CloudWatch would keep it, over all sandboxes."""
    for text in ("one", "two"):
        function.invoke({"do": "print", "text": text})
        function.kill()
    assert function.log.split() == ["one", "two"]


def test_nothing_is_left_afterwards(code: Path) -> None:
    """The process ends with the block."""
    with LambdaRuntime(code, "function.handle") as function:
        process = function.invoke({})["process"]
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_without_the_runtime_client_the_extra_is_named(code: Path, monkeypatch) -> None:
    """The error is what to install."""
    monkeypatch.setattr(lambda_sandbox, "_RUNTIME", ("no-such-package",))
    with pytest.raises(MissingExtra, match=r"glisecrets\[servers\]"):
        LambdaRuntime(code, "function.handle")
