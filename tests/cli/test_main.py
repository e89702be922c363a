"""The command line as a whole: exit codes, options, other packages' commands, failures."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from glisecrets.cli import app as command_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Project


def test_no_settings_class_is_exit_code_2_and_says_how_to_name_one(project: Project) -> None:
    """The first thing a newcomer meets tells the two lines to write."""
    (project.root / "pyproject.toml").unlink()
    done = project.call("show")
    assert done.code == 2
    assert "[tool.glisecrets]\n       settings = " in done.err
    assert "glisecrets init" in done.err
    assert "there is no pyproject.toml in" in done.err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[tool.glisecrets]\nsettngs = "a:B"\n', "has settngs, where settings and references"),
        ("[tool.glisecrets]\nsettings = 3\n", "settings is no text in"),
        ("[project]\nname = 'api'\n", "there is no `settings` in"),
        ("tool = 1\n", "there is no `settings` in"),
    ],
)
def test_a_pyproject_that_names_no_class_is_told_by_its_path(
    project: Project, text: str, told: str
) -> None:
    """Which file was read, and what is wrong there: a mistyped key is no riddle."""
    file = project.write("pyproject.toml", text)
    done = project.call("show")
    assert done.code == 2
    assert told in done.err
    assert str(file) in done.err


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ("near.envv:ApiSettings", "did you mean near.env?"),
        ("naer.env:ApiSettings", "did you mean near.env?"),
        ("near.env:ApiSetings", "did you mean near.env:ApiSettings?"),
    ],
)
def test_a_mistyped_class_or_module_is_guessed(project: Project, named: str, meant: str) -> None:
    """A typo costs one more try; of the classes, those are proposed that stand in the module."""
    (module,) = project.root.glob("settings_*.py")
    project.write("near/__init__.py", "")
    text = module.read_text("utf-8")
    project.write("near/env.py", f"from {module.stem} import ApiSettings as Other\n{text}")
    done = project.call("show", "--settings", named)
    assert done.code == 2
    assert "correct `settings` in pyproject.toml or --settings" in done.err
    assert meant in done.err
    if named.startswith("near.env:"):
        assert "(there are: ApiSettings)" in done.err
    for name in ("near.env", "near"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("nowhere:Settings", "there is no module nowhere"),
        ("broken:ApiSettings", "ZeroDivisionError at"),
        ("unfit:Nothing", "does not exist (there are: none)"),
        ("unfit:Text", "is no settings class"),
        ("unfit", "names no class"),
    ],
)
def test_a_class_that_cannot_be_had_is_exit_code_2(project: Project, named: str, told: str) -> None:
    """A wrong name and a broken module each say what they are."""
    project.write("broken.py", "password = 'hunter2-hunter2'\n1 / 0\n")
    project.write("unfit.py", "Text = 'text'\n")
    done = project.call("show", "--settings", named)
    assert done.code == 2
    assert told in done.err
    assert "hunter2" not in done.err
    for module in ("broken", "unfit"):
        sys.modules.pop(module, None)


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "--environment", "prodd"],
        ["show", "--directory", "nowhere"],
        ["show", "--format", "yaml"],
        ["nothing"],
        ["explain"],
        ["show", "--no-such-option"],
    ],
)
def test_wrong_use_is_exit_code_2(project: Project, arguments: list[str]) -> None:
    """Wrong use is told on stderr; stdout stays free."""
    done = project.call(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert done.err


def test_an_unreadable_pyproject_is_told(project: Project) -> None:
    """A merge conflict in pyproject.toml is a message, not a traceback."""
    project.write("pyproject.toml", "<<<<<<< HEAD\n")
    done = project.call("show")
    assert done.code == 2
    assert "pyproject.toml" in done.err


def test_errors_are_json_on_stderr_when_json_is_asked_for(project: Project) -> None:
    """A pipe into jq gets nothing rather than an error that looks like a value."""
    done = project.call("store", "get", "gli/none/here", "--reveal", "--format", "json")
    assert (done.code, done.out) == (1, "")
    error = json.loads(done.err)["error"]
    assert error["kind"] == "SecretNotFound"
    assert error["next_step"]


def test_json_holds_no_colour_and_colour_needs_a_terminal(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a log nor a file gets escape codes, whatever CI pretends."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("FORCE_COLOR", "1")
    for arguments in (["show"], ["show", "--format", "json"], ["explain", "port"], ["check"]):
        done = project.call(*arguments)
        assert "\x1b" not in done.out + done.err


def test_the_environment_of_the_caller_is_left_as_it_was(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Called from a program (Django's command), it changes neither variables nor the path."""
    import os

    before = dict(os.environ), list(sys.path), sys.stdout, sys.stderr
    project.call("show", "--environment", "staging")
    assert (dict(os.environ), list(sys.path), sys.stdout, sys.stderr) == before


def test_help_names_every_command_and_the_exit_codes(project: Project) -> None:
    """One page tells what there is."""
    done = project.call("--help")
    assert done.code == 0
    rows = {line.strip("│ ").split("  ")[0] for line in done.out.splitlines()}
    assert {"show", "explain", "check", "run", "store", "init"} <= rows
    assert "3 a store" in done.out


@pytest.mark.parametrize(
    "command", [["show"], ["check"], ["run"], ["init"], ["store", "put"], ["store", "copy"]]
)
def test_help_holds_what_a_person_needs_and_no_more(
    project: Project, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No type after a flag, no option that does not work, one way to write a placeholder."""
    monkeypatch.setenv("COLUMNS", "120")
    done = project.call(*command, "--help")
    assert done.code == 0
    assert "<bool>" not in done.out
    assert "completion" not in done.out
    usage = next(line for line in done.out.splitlines() if "Usage:" in line)
    assert not re.search(r"[{\[][a-z]", usage), usage
    assert ("NAME@version" in done.out) == (command == ["store", "copy"])
    paragraph = {"run": "and so are standard input", "copy": "unless --allow-environment"}
    assert paragraph.get(command[-1], "") in " ".join(done.out.split())


def test_an_unforeseen_error_shows_neither_values_nor_a_traceback(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug of ours is one paragraph; its text and its locals may hold anything: not shown."""
    value = project.values["token"]

    def crash(*_: object) -> None:
        here = value
        raise RuntimeError(f"unforeseen {here}")

    monkeypatch.setattr("glisecrets.report.report_on", crash)
    done = project.call("show")
    assert done.code == 70
    assert "unexpected RuntimeError at" in done.err
    assert "Traceback" not in done.err
    assert value not in done.err
    project.call("store", "get", "gli/api/development")  # from here on, the value is known
    debugged = project.call("show", "--debug")
    assert debugged.code == 70
    assert "Traceback" in debugged.err
    assert value not in debugged.err


@pytest.mark.parametrize("package", ["typer", "rich"])
def test_without_the_extra_it_says_how_to_install_it(project: Project, package: str) -> None:
    """A plain install has the command, and the command says what is missing."""
    block = (
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] == '{package}':\n"
        "            raise ModuleNotFoundError(name=name)\n"
        "import importlib.util\n"
        "real = importlib.util.find_spec\n"
        f"importlib.util.find_spec = lambda name: None if name == '{package}' else real(name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "from glisecrets.cli.main import main\n"
        "sys.exit(main(['show']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", block], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "pip install 'glisecrets[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_python_dash_m_is_the_same_command(project: Project) -> None:
    """Where the script is not on PATH."""
    done = project.process("--version")
    assert done.out == f"glisecrets {importlib.metadata.version('glisecrets')}\n"


# Commands of other packages -----------------------------------------------------------------

OTHERS = """
import click, typer
from glisecrets.cli import Invocation

app = typer.Typer()

@app.command()
def audit(ctx: typer.Context):
    "Rotate."
    invocation = Invocation.of(ctx)
    invocation.output.line(f"auditing in {invocation.current_environment()}")

group = typer.Typer()

@group.command()
def one(ctx: typer.Context):
    Invocation.of(ctx).output.json({"one": True})

@group.command()
def two():
    raise typer.Exit(5)

@group.command()
def careless():
    import os
    typer.echo(os.environ["TOKEN"])
    print(os.environ["TOKEN"], file=__import__("sys").stderr)

@click.command()
@click.option("--times", type=int, default=1)
@click.pass_context
def plain(ctx, times):
    "A click command."
    click.echo(f"{Invocation.of(ctx).current_environment()} {times}")
    ctx.exit(6)
"""


@pytest.fixture
def others(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Commands that another installed package adds, one of them broken."""
    project.write("others.py", OTHERS)
    project.write(
        "others-1.dist-info/entry_points.txt",
        "[glisecrets.commands]\naudit = others:app\ngroup = others:group\nplain = others:plain\n"
        "broken = no_such_module:app\nshow = others:app\n",
    )
    project.write("others-1.dist-info/METADATA", "Name: others\nVersion: 1\n")
    monkeypatch.syspath_prepend(str(project.root))
    command_line._entry_points.cache_clear()
    yield
    command_line._entry_points.cache_clear()
    sys.modules.pop("others", None)


@pytest.mark.usefixtures("others")
def test_other_packages_add_commands(project: Project) -> None:
    """A typer application, a group of commands and a click command all work, options included."""
    done = project.call("audit", "--environment", "staging")
    assert (done.code, done.out) == (0, "auditing in staging\n")
    assert project.call("group", "one", "--format", "json").document == {"schema": 1, "one": True}
    assert project.call("group", "two").code == 5
    done = project.call("plain", "--times", "3", "--environment", "staging")
    assert (done.code, done.out) == (6, "staging 3\n")


@pytest.mark.usefixtures("others")
def test_other_packages_commands_are_masked_too(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However a command prints: what the redactor knows does not get out."""
    monkeypatch.setenv("TOKEN", project.values["token"])
    project.call("store", "get", "gli/api/development")
    done = project.call("group", "careless")
    assert done.code == 0
    assert project.values["token"] not in done.out + done.err
    assert "[redacted:" in done.out
    assert "[redacted:" in done.err


@pytest.mark.usefixtures("others")
def test_a_broken_command_harms_no_other(project: Project) -> None:
    """A package that does not import costs a warning; our own commands are never replaced."""
    done = project.call("--help")
    assert done.code == 0
    assert "audit" in done.out
    assert "the command broken" in done.err
    assert project.call("audit").err == ""
    done = project.call("broken", "--times", "3")
    assert (done.code, "cannot be loaded" in done.err) == (2, True)
    assert "No such command" not in done.err
    assert "FIELD" in project.call("show").out
