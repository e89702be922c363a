"""Write constraints.txt: every version that a development install takes, on each Python.

Each supported Python, which must be on this machine, resolves the ``dev`` extra anew; a package
whose version differs between them gets a line for each.
"""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from pathlib import Path

SUPPORTED = ("3.11", "3.12", "3.13")

HEADER = """\
# Versions of a development install, for reproducible set-up. Written by `make constraints`.
# It names versions only: which package index they come from is the machine's own business."""

#: Python version -> package -> pinned version.
Resolution = dict[str, dict[str, str]]


def resolve(version: str) -> dict[str, str]:
    """Give what pip would install on that Python, without installing it."""
    found = subprocess.run(["scripts/find-python", version], check=True, stdout=subprocess.PIPE)
    python = found.stdout.decode().strip()
    options = ["--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
    command = [python, "-m", "pip", "install", *options, ".[dev]"]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    metadata = [item["metadata"] for item in report["install"]]
    return {item["name"]: item["version"] for item in metadata if item["name"] != "glisecrets"}


def lines(resolution: Resolution) -> list[str]:
    """Give one line per package, or one per Python where the versions differ."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for python, pins in resolution.items():
        for name, version in pins.items():
            found[name.lower().replace("_", "-")][version].append(python)
    return [line for name in sorted(found) for line in _lines_of(name, found[name])]


def _lines_of(name: str, versions: dict[str, list[str]]) -> list[str]:
    if len(versions) == 1:
        return [f"{name}=={version}" for version in versions]
    return [
        f"{name}=={version} ; " + " or ".join(f'python_version == "{python}"' for python in pythons)
        for version, pythons in versions.items()
    ]


if __name__ == "__main__":
    pinned = lines({version: resolve(version) for version in SUPPORTED})
    Path("constraints.txt").write_text("\n".join([HEADER, *pinned, ""]), encoding="utf-8")
