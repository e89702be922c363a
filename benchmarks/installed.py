"""An interpreter that has glisecrets as its users have it: from a wheel, with what it needs.

In a checkout it is installed "editable": each start then loads an import hook, and a search for
plug-ins goes through everything that developing takes. Neither is what a service pays.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
_SOURCES = ("pyproject.toml", "LICENSE", "README.md", "glisecrets", "keys", "rotation")
_FLOOR_LINKS = ("keys", "rotation", "django_integration")


def install(folder: Path) -> Path:
    """Build the wheel, install it with the peers in a virtual environment; give its Python."""
    with TemporaryDirectory() as scratch:
        sources = _copied(Path(scratch))
        _run(ROOT / "scripts" / "make-venv", folder, sys.executable)
        python = folder / "bin" / "python"
        pip = (python, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt")
        _run(*pip, f"{sources}[aws]", "django-environ")
    return python


def _copied(folder: Path) -> Path:
    """Copy what the wheel is made of: a build in the checkout would leave its traces there."""
    for name in (*_SOURCES, "django_integration"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=_unbuilt)
        else:
            shutil.copy(source, folder)
    return folder


def _unbuilt(folder: str, names: list[str]) -> set[str]:
    links = set(_FLOOR_LINKS) if Path(folder) == ROOT / "glisecrets" else set()
    return {"__pycache__", *links} & set(names)


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        raise SystemExit(f"benchmarks: {Path(command[0]).name} failed")
