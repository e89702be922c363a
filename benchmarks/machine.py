"""Where and with what a run was made: no figure means anything without it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

PACKAGES = (
    "boto3",
    "botocore",
    "pydantic",
    "pydantic-settings",
    "django-environ",
    "ahocorasick_rs",
    "cryptography",
    "django",
    "psycopg",
)


def described(
    python: Path,
    day: date,
    load: tuple[float, float],
    *,
    own: str = "is about 1.0",
    packages: Iterable[str] = PACKAGES,
) -> str:
    """Describe machine and versions.

    Args:
        python: the interpreter that the cold processes run in.
        day: when it was.
        load: the load average of a minute, at the start and at the end.
        own: how much of the load is the run itself.
        packages: whose versions matter, by their normalised names.
    """
    found = _versions(python, packages)
    versions = ", ".join(f"{name} {version}" for name, version in found.items())
    return (
        f"{day:%d %B %Y}. {os.cpu_count()} processors ({_processor()}), {platform.system()}"
        f" {platform.machine()}; load average {load[0]:.1f} at the start, {load[1]:.1f} at the end"
        f" (our own work {own}). {versions}."
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or "processor")


def _versions(python: Path, packages: Iterable[str]) -> dict[str, str]:
    """Ask the measured interpreter; what only the in-process measures use is asked here."""
    code = (
        "import platform, sys; from importlib.metadata import distributions; "
        "print(platform.python_implementation(), platform.python_version()); "
        "[print(d.name, d.version) for d in distributions()]"
    )
    listed = [
        subprocess.run([name, "-c", code], check=True, capture_output=True, text=True).stdout
        for name in (sys.executable, python)
    ]
    found = {}
    for line in "".join(listed).splitlines():
        name, version = line.split()
        found[name.lower().replace("_", "-")] = version
    kind = platform.python_implementation()
    return {kind: found[kind.lower()]} | {n: found[n.replace("_", "-")] for n in packages}
