"""``glisecrets init``: a ``.env.example`` and a settings class for a project that has neither."""

from __future__ import annotations

import ast
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import ConfigurationError
from ..pyproject import table_in
from .invocation import Invocation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..checks import Use

app = typer.Typer(add_completion=False)

_CLASS = "ProjectSettings"


@app.command()
def init(
    ctx: typer.Context,
    module: Annotated[
        Path, typer.Option("--module", metavar="FILE", help="Where the settings class goes.")
    ] = Path("project_settings.py"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
) -> None:
    """Write a .env.example and a settings class from what the project's code reads.

    Known are os.environ, os.getenv, django-environ, environs and python-decouple. No value is
    read, and no code is run.
    """
    from ..checks import render_template, scan_project

    invocation = Invocation.of(ctx)
    output, root = invocation.output, invocation.project.directory
    with output.progress("reading the code"):
        uses = scan_project(root)
    files = {root / module: _class_source(uses, root), root / ".env.example": render_template(uses)}
    _write(files, root, force=force)
    named = _name_in_pyproject(root / "pyproject.toml", module)
    written = [str(path.relative_to(root)) for path in [*files, *named]]
    steps = _next_steps(module, named=bool(named))
    if output.as_json:
        names = [use.name for use in uses]
        output.json({"written": written, "variables": names, "next_steps": steps})
        return
    output.line(f"{len(uses)} variables found, {sum(use.secret for use in uses)} of them secret")
    output.labelled(("written", path) for path in written)
    output.line()
    output.labelled((f"{number}.", step) for number, step in enumerate(steps, 1))


def _class_source(uses: Iterable[Use], root: Path) -> str:
    from ..checks import render_settings

    django = (root / "manage.py").is_file()
    render = partial(
        render_settings, list(uses), project=root.name, class_name=_CLASS, django=django
    )
    return render(inherited=_fields_of_base(render()))


def _fields_of_base(source: str) -> frozenset[str]:
    """Give the fields that a rendered class inherits: its base is asked, wherever that lives."""
    tree = ast.parse(source)
    bases = next(node for node in tree.body if isinstance(node, ast.ClassDef)).bases
    name = ast.unparse(bases[0])
    imports = (node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module)
    module = next(node.module for node in imports if name in {item.name for item in node.names})
    return frozenset(getattr(import_module(str(module)), name).model_fields)


def _write(files: dict[Path, str], root: Path, *, force: bool) -> None:
    there = [str(path.relative_to(root)) for path in files if path.exists()]
    if there and not force:
        raise ConfigurationError(
            f"{' and '.join(there)} would be overwritten; nothing has changed",
            # The template's name is fixed.
            next_step=("" if ".env.example" in there else "name another --module, ")
            + f"move {'it' if len(there) == 1 else 'them'} away, or pass --force",
        )
    for path, text in files.items():
        with _told_if_refused(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


def _name_in_pyproject(file: Path, module: Path) -> list[Path]:
    """Add ``[tool.glisecrets]`` where there is none; give the file if it was written."""
    if file.is_file() and table_in(file) is not None:
        return []
    text = file.read_text("utf-8") if file.is_file() else ""
    table = f'[tool.glisecrets]\nsettings = "{_import_path(module)}:{_CLASS}"\n'
    with _told_if_refused(file):
        file.write_text(f"{text.rstrip()}\n\n{table}".lstrip(), encoding="utf-8")
    return [file]


@contextmanager
def _told_if_refused(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"cannot write {path}: {error.strerror}",
            next_step=f"make {path.parent} a folder that you can write in, or pass --directory",
        ) from None


def _import_path(module: Path) -> str:
    return ".".join(module.with_suffix("").parts)


def _next_steps(module: Path, *, named: bool) -> list[str]:
    target = f"{_import_path(module)}:{_CLASS}"
    return [
        f"read {module} and .env.example: names, types and secrets are guesses",
        *([] if named else [f'name it in pyproject.toml: settings = "{target}"']),
        "give the secrets: glisecrets store put 'NAME#key' --environment development",
        "look at the result: glisecrets show --environment development",
        f"use it in code: from {_import_path(module)} import {_CLASS}",
        "run in CI: glisecrets check",
    ]
