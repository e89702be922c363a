"""Build the Lambda's zip: the same bytes from the same versions, with only what rotation needs.

The packages come as wheels for the Lambda's Python and architecture, by pip and its own
configuration, in the versions that are installed here. boto3 is left out: Lambda has it. Compiled
``.pyc`` files are left out too, for no two compilations need give the same bytes.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from ..finding import GROUP
from .wheels import Target, download

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: What a rotation does without, by the beginning of the name in the zip.
_LEFT_OUT = (
    "glisecrets/checks/",
    "glisecrets/cli/",
    "glisecrets/django_integration/",
    "glisecrets/keys/cli/",
    "glisecrets/keys/envelope/",
    "glisecrets/keys/kms/",
    "glisecrets/layers/",
    "glisecrets/rotation/bundle/",
    "glisecrets/rotation/cli/",
    "glisecrets/rotation/operations/",
    "glisecrets/rotation/policy/",
    "glisecrets/stores/local/",
    "glisecrets/stores/vault/",
    "glisecrets/testing/",
)
_OWN_PACKAGES = ("glisecrets", "glisecrets.keys", "glisecrets.rotation")
#: Of wheels: what only installers, type checkers, shells and compilers of C read.
_UNREAD = re.compile(
    r"\.dist-info/(RECORD|WHEEL|sboms/.*)$|\.pyi$|\.data/(scripts|data)/|^(cffi|pycparser)/"
)
#: The earliest date that a zip can hold.
_DATE = (1980, 1, 1, 0, 0, 0)
_MODE = 0o644


@dataclass(frozen=True, slots=True)
class BundleReport:
    """What was built."""

    path: Path
    target: Target
    #: Bytes.
    size: int
    #: Hexadecimal, of the file.
    sha256: str
    #: Package -> version.
    packages: Mapping[str, str]

    def __str__(self) -> str:
        return (
            f"Python {self.target.python}, {self.target.architecture},"
            f" {self.size / 1e6:.1f} MB, sha256 {self.sha256}"
        )


def build_bundle(
    output: Path,
    *,
    python: str = "3.12",
    architecture: str = "arm64",
    extras: Iterable[str] = ("rotation",),
    wheels: Iterable[Path] = (),
) -> BundleReport:
    """Build the zip, in place of any file that has its name.

    Args:
        output: the zip.
        python: the Lambda's Python, as ``3.12``.
        architecture: the Lambda's, ``arm64`` or ``x86_64``.
        extras: extras of glisecrets whose packages are put in: ``rotation``; ``github`` for copies
            in GitHub's secrets and for SendGrid; ``aws`` for a boto3 of your own.
        wheels: packages that add rotators, put in as they are.

    Raises:
        ConfigurationError: there is no such Lambda, or pip finds no wheels for it.
    """
    target = Target.of(python, architecture)
    with TemporaryDirectory() as folder:
        downloaded = download(_requirements(extras), target, Path(folder))
        files = dict(_own_files())
        for wheel in [*downloaded, *wheels]:
            files |= _wheel_files(wheel)
    _write(output, files)
    content = output.read_bytes()
    packages = {name: version for name, version in map(_package, files) if name}
    digest = hashlib.sha256(content).hexdigest()
    return BundleReport(output, target, len(content), digest, dict(sorted(packages.items())))


def _requirements(extras: Iterable[str]) -> list[str]:
    """Give what the extras ask for, and cryptography, which the keyrings need."""
    wanted = {f'extra == "{extra}"' for extra in extras}
    listed = [line.partition(";") for line in importlib.metadata.requires("glisecrets") or ()]
    return [
        requirement.strip()
        for requirement, _, marker in listed
        if marker.strip().replace("'", '"') in wanted or requirement.startswith("cryptography")
    ]


def _own_files() -> Iterator[tuple[str, bytes]]:
    for package in _OWN_PACKAGES:
        spec = find_spec(package)
        folder = Path(((spec and spec.submodule_search_locations) or [""])[0])
        for path in folder.rglob("*.py"):
            name = f"{package.replace('.', '/')}/{path.relative_to(folder).as_posix()}"
            if not name.startswith(_LEFT_OUT):
                yield name, path.read_bytes()
    own = importlib.metadata.distribution("glisecrets")
    entry_points = own.entry_points.select(group=GROUP)
    lines = [f"[{GROUP}]", *sorted(f"{each.name} = {each.value}" for each in entry_points)]
    folder_name = f"glisecrets-{own.version}.dist-info"
    yield f"{folder_name}/entry_points.txt", "\n".join([*lines, ""]).encode()
    yield (
        f"{folder_name}/METADATA",
        f"Metadata-Version: 2.1\nName: glisecrets\nVersion: {own.version}\n".encode(),
    )


def _wheel_files(wheel: Path) -> dict[str, bytes]:
    with ZipFile(wheel) as archive:
        names = (name for name in archive.namelist() if not name.endswith("/"))
        return {name: archive.read(name) for name in names if not _UNREAD.search(name)}


def _write(output: Path, files: Mapping[str, bytes]) -> None:
    """Write the zip beside its place first, so that no half of one is ever deployed."""
    unfinished = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        with ZipFile(unfinished, "w", ZIP_DEFLATED, compresslevel=9) as archive:
            for name, content in sorted(files.items()):
                entry = ZipInfo(name, _DATE)
                entry.compress_type = ZIP_DEFLATED
                entry.create_system = 3  # Unix, wherever it is built
                entry.external_attr = _MODE << 16
                archive.writestr(entry, content)
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)


def _package(name: str) -> tuple[str, str]:
    """Give the package and version that a file's folder names, or empty texts."""
    match = re.match(r"([^/]+)-([^/-]+)\.dist-info/METADATA$", name)
    return (match[1].lower().replace("_", "-"), match[2]) if match else ("", "")
