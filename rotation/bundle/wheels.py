"""Wheels for a Lambda of another Python and architecture than this machine's, by pip."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple, Self

from glisecrets.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

#: Lambda's name of an architecture -> the name in wheels.
ARCHITECTURES = {"arm64": "aarch64", "x86_64": "x86_64"}

#: Lambda's Pythons -> the minor version of their glibc 2: Amazon Linux 2, then 2023.
PYTHONS = {"3.11": 26, "3.12": 34, "3.13": 34}

_OLDEST_GLIBC = 17
_ADDRESS = re.compile(r"\b[\w+]+://\S+")
#: pip judges markers by the Python that it runs on; these are of all Pythons that need them.
_BY_MARKERS = ("typing-extensions",)


class Target(NamedTuple):
    """A Lambda's Python and architecture."""

    python: str
    architecture: str

    @classmethod
    def of(cls, python: str, architecture: str) -> Self:
        """Give the target of these names.

        Raises:
            ConfigurationError: Lambda, or glisecrets, has none such.
        """
        if python in PYTHONS and architecture in ARCHITECTURES:
            return cls(python, architecture)
        raise ConfigurationError(
            f"no bundle is built for Python {python} on {architecture}",
            next_step=f"choose of {', '.join(PYTHONS)} and of {', '.join(ARCHITECTURES)}",
        )

    @property
    def platforms(self) -> list[str]:
        """The platform tags that run there, the newest first."""
        newest, machine = PYTHONS[self.python], ARCHITECTURES[self.architecture]
        minors = range(newest, _OLDEST_GLIBC - 1, -1)
        return [*(f"manylinux_2_{minor}_{machine}" for minor in minors), f"manylinux2014_{machine}"]


def download(requirements: Iterable[str], target: Target, folder: Path) -> list[Path]:
    """Download requirements and what they require, in the versions that are installed here.

    Raises:
        ConfigurationError: pip is not there, or finds no wheel of one of them.
    """
    pins = folder / "pins.txt"
    pins.write_text("\n".join(_installed()), "utf-8")
    options = [
        *("--quiet", "--only-binary=:all:", "--implementation=cp"),
        *(f"--python-version={target.python}", f"--constraint={pins}", f"--dest={folder}"),
        *(f"--platform={platform}" for platform in target.platforms),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, *_BY_MARKERS, *requirements],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise _refused(done.stderr, target)
    return sorted(folder.glob("*.whl"))


def _installed() -> list[str]:
    found = {each.name: each.version for each in importlib.metadata.distributions() if each.name}
    return sorted(f"{name}=={version}" for name, version in found.items() if name != "glisecrets")


def _refused(said: str, target: Target) -> ConfigurationError:
    """Tell what pip said, without the addresses of the indexes that it asked."""
    lines = [line for line in said.splitlines() if line.startswith("ERROR:")]
    reason = _ADDRESS.sub("…", (lines or said.splitlines() or ["pip failed"])[0])
    return ConfigurationError(
        f"no wheels for Python {target.python} on {target.architecture}: {reason}",
        next_step="choose another Python or architecture, or install pip and other versions",
    )
