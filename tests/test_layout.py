"""The rules of the house: floors, packaging, sizes and pinned versions.

The tests that read the source tree are skipped where there is only an installed wheel; there,
``make wheel-test`` proves that the wheel holds all that the tree does.
"""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
#: Each floor's folder at the root; a floor imports only floors below it.
FLOORS = {"glisecrets": 1, "keys": 2, "rotation": 3, "django_integration": 4}
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 40
#: Files and functions (``file::function``) that may be longer, each with the reason.
LONGER: dict[str, str] = {}

in_tree = pytest.mark.skipif(
    not (ROOT / "glisecrets").is_dir(), reason="reads the source tree, which is not here"
)
if (ROOT / "glisecrets").is_dir():
    SOURCES = sorted(path for folder in FLOORS for path in (ROOT / folder).rglob("*.py"))
else:
    SOURCES = []
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


# Floors -------------------------------------------------------------------------------------


def imports(source: str) -> Iterator[tuple[int, str]]:
    """Give each import as its relative level (0: absolute) and its dotted name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = f"{node.module}." if node.module else ""
            yield from ((node.level, f"{module}{alias.name}") for alias in node.names)


def folder_of(dotted: str) -> str | None:
    """Give the root folder that a dotted name lies in; None for other people's packages."""
    package, _, rest = dotted.partition(".")
    if package != "glisecrets":
        return None
    head = rest.partition(".")[0]
    return head if head in FLOORS else "glisecrets"


def absolute(path: str, level: int, name: str) -> str:
    """Resolve a relative import of the file at that path below the root."""
    folder, *inner = path.split("/")[:-1]
    package = ["glisecrets", *([] if folder == "glisecrets" else [folder]), *inner]
    return ".".join([*package[: len(package) - level + 1], name])


def floor_faults(path: str, source: str) -> list[str]:
    """Give what breaks the floors' rule in the file at that path below the root."""
    own = path.partition("/")[0]
    faults = []
    for level, name in imports(source):
        target = folder_of(absolute(path, level, name) if level else name)
        if not level and name.partition(".")[0] in FLOORS.keys() - {"glisecrets"}:
            faults.append(f"{path}: {name} would be a second copy of glisecrets.{name}")
        elif target and FLOORS[target] > FLOORS[own]:
            faults.append(f"{path}: {name} lies on a floor above")
        elif target and (target == own) != bool(level):
            faults.append(f"{path}: {name}: relative in the own folder, absolute below it")
    return faults


def names_of_upper_floors(source: str) -> list[str]:
    """Give the strings that name a module of an upper floor, as importlib would be given it."""
    upper = re.compile(r"glisecrets\.(keys|rotation|django_integration)\b[\w.]*(:\w+)?")
    nodes = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    return [
        node.value for node in nodes if isinstance(node.value, str) and upper.fullmatch(node.value)
    ]


@in_tree
def test_a_floor_imports_only_floors_below_it() -> None:
    """The Lambda needs no Django, the settings need no rotation: lower floors stand alone."""
    faults = [
        fault
        for path in SOURCES
        for fault in floor_faults(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
    ]
    assert faults == []


@in_tree
def test_the_core_names_nothing_above_it() -> None:
    """Upper floors reach the core's command line by entry points, as anyone's package can."""
    core = [path for path in SOURCES if path.is_relative_to(ROOT / "glisecrets")]
    named = {path.name: names_of_upper_floors(path.read_text("utf-8")) for path in core}
    assert {name: strings for name, strings in named.items() if strings} == {}


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("glisecrets/loading.py", "from glisecrets.keys import Keyring"),
        ("glisecrets/loading.py", "from . import rotation"),
        ("glisecrets/cli/main.py", "def f():\n    from ..django_integration import apps"),
        ("glisecrets/loading.py", "import glisecrets.errors"),
        ("keys/ring.py", "import glisecrets.rotation.engine"),
        ("keys/ring.py", "from ..errors import GlisecretsError"),
        ("keys/ring.py", "from glisecrets.keys import jwks"),
        ("rotation/engine.py", "import keys"),
        ("rotation/rotators/postgres.py", "from ...django_integration import backend"),
    ],
)
def test_the_floor_check_finds(path: str, source: str) -> None:
    """Each way to break the rule is found."""
    assert len(floor_faults(path, source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("glisecrets/loading.py", "from .errors import GlisecretsError\nimport boto3"),
        ("glisecrets/stores/aws/plan.py", "from ...errors import GlisecretsError"),
        ("keys/ring.py", "from glisecrets.errors import GlisecretsError"),
        ("rotation/rotators/jwt.py", "from ..engine import Step\nfrom glisecrets import keys"),
        ("django_integration/apps.py", "from glisecrets.rotation import Engine"),
    ],
)
def test_the_floor_check_allows(path: str, source: str) -> None:
    """Imports of the own folder and of floors below are fine."""
    assert floor_faults(path, source) == []


# Packaging ----------------------------------------------------------------------------------


@in_tree
def test_every_folder_with_python_files_is_in_the_packages_list() -> None:
    """A sub-package that the list forgets would vanish from the wheel without a warning."""
    found = {path.relative_to(ROOT).parent.as_posix().replace("/", ".") for path in SOURCES}
    packages = {name if name.startswith("glisecrets") else f"glisecrets.{name}" for name in found}
    assert packages == set(PROJECT["tool"]["setuptools"]["packages"])


@in_tree
def test_no_symlink_is_committed() -> None:
    """A clone on Windows would turn a link into a text file with a path in it."""
    listed = subprocess.run(
        ["git", "ls-files", "--stage"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git clone")
    assert [line for line in listed.stdout.splitlines() if line.startswith("120000")] == []


@pytest.mark.skipif(
    "GLISECRETS_TREE" not in os.environ, reason="compares a wheel: run by `make wheel-test`"
)
def test_the_wheel_holds_what_the_tree_holds() -> None:
    """Whoever installs the wheel gets every module, template and marker file, and no more."""
    tree = Path(os.environ["GLISECRETS_TREE"])
    kept = {
        Path(*(() if folder == "glisecrets" else ("glisecrets",)), path.relative_to(tree))
        for folder in FLOORS
        for path in (tree / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    installed = importlib.metadata.files("glisecrets") or []
    shipped = {Path(f) for f in installed if f.parts[0] == "glisecrets" and f.suffix != ".pyc"}
    assert kept - shipped == set()
    assert shipped - kept == set()


# Sizes --------------------------------------------------------------------------------------


def function_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count a function's lines without its docstring."""
    first = function.body[0]
    has_docstring = ast.get_docstring(function) is not None
    docstring = (first.end_lineno or 0) - first.lineno + 1 if has_docstring else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def too_long(path: Path) -> Iterator[str]:
    """Name the file, and each function in it, that is over its limit."""
    name, source = path.relative_to(ROOT).as_posix(), path.read_text("utf-8")
    if source.count("\n") > MAX_FILE_LINES:
        yield name
    for node in ast.walk(ast.parse(source)):
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if is_function and function_lines(node) > MAX_FUNCTION_LINES:
            yield f"{name}::{node.name}"


@in_tree
def test_files_and_functions_stay_small() -> None:
    """Small is a feature: what is longer stands in LONGER, with its reason and while it is so."""
    assert {fault for path in SOURCES for fault in too_long(path)} == LONGER.keys()


# Versions -----------------------------------------------------------------------------------


def constraints() -> list[str]:
    """Give the lines of constraints.txt, comments left out."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


@in_tree
def test_constraints_are_versions_and_nothing_else() -> None:
    """Which index packages come from is the machine's business: no address, option or path."""
    pin = re.compile(r"[a-z0-9][a-z0-9.-]*==[0-9][\w.]*( ; python_version == [^;/@]+)?")
    assert [line for line in constraints() if not pin.fullmatch(line)] == []


@in_tree
def test_every_dependency_is_pinned() -> None:
    """Set-up is reproducible: after adding a dependency, run `make constraints`."""
    pinned = {canonicalize_name(line.partition("==")[0]) for line in constraints()}
    project = PROJECT["project"]
    extras = project["optional-dependencies"].values()
    listed = [*project["dependencies"], *(line for extra in extras for line in extra)]
    needed = {canonicalize_name(Requirement(line).name) for line in listed} - {"glisecrets"}
    assert needed - pinned == set()
