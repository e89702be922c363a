"""The Lambda's zip: small, the same bytes each time, and with nothing but what rotation needs."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import secrets
import subprocess
import sys
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest

from glisecrets.errors import ConfigurationError
from glisecrets.rotation.bundle import BundleReport, build_bundle
from glisecrets.rotation.bundle.wheels import ARCHITECTURES, PYTHONS, Target

if TYPE_CHECKING:
    from pathlib import Path

MAX_SIZE = 12_000_000
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
THIS_MACHINE = {ours: name for name, ours in ARCHITECTURES.items()}.get(platform.machine(), "arm64")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bundles")


@pytest.fixture(scope="module")
def built(folder: Path) -> BundleReport:
    """The largest zip: with what copies in GitHub's secrets need."""
    return build_bundle(
        folder / "rotation.zip",
        python=HERE,
        architecture=THIS_MACHINE,
        extras=("rotation", "github"),
    )


def test_two_builds_give_the_same_bytes(folder: Path) -> None:
    """A zip can be checked against its source: who builds it, where and when does not matter."""
    code = (
        "import os, pathlib, sys; from glisecrets.rotation.bundle import build_bundle;"
        "os.umask(int(sys.argv[2]));"
        "build_bundle(pathlib.Path(sys.argv[1]), python=sys.argv[3], architecture=sys.argv[4])"
    )
    surroundings = ({"TZ": "UTC", "PYTHONHASHSEED": "1"}, {"TZ": "Asia/Seoul", "LANG": "C"})
    digests = set()
    for number, variables in enumerate(surroundings):
        output, home = folder / f"{number}.zip", folder / f"home{number}"
        home.mkdir()
        subprocess.run(
            [sys.executable, "-P", "-c", code, output, str(number), HERE, THIS_MACHINE],
            check=True,
            env={"PATH": os.defpath, "HOME": str(home), **variables},
        )
        digests.add(hashlib.sha256(output.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_the_zip_is_small_and_reported_truly(built: BundleReport) -> None:
    """Even with every optional package it stays under 12 MB."""
    content = built.path.read_bytes()
    assert built.size == len(content) <= MAX_SIZE
    assert built.sha256 == hashlib.sha256(content).hexdigest()
    assert built.target == Target(HERE, THIS_MACHINE)
    assert {"glisecrets", "psycopg", "psycopg-binary", "redis", "pynacl"} <= built.packages.keys()
    assert f"{built.size / 1e6:.1f} MB" in str(built)


def test_only_what_rotation_needs_is_in_it(built: BundleReport) -> None:
    """No Django, pydantic or typer; no boto3, which Lambda has; no test server, no ``.pyc``."""
    with ZipFile(built.path) as archive:
        names = archive.namelist()
    unwanted = {"django", "pydantic", "pydantic_settings", "typer", "rich", "boto3", "botocore"}
    assert {name.partition("/")[0] for name in names} & unwanted == set()
    ours = {name.split("/")[1] for name in names if name.startswith("glisecrets/")}
    assert ours & {"testing", "cli", "checks", "django_integration"} == set()
    assert {"rotation", "keys", "stores"} <= ours
    assert {"glisecrets/providers/github.py", "glisecrets/keys/rsa_keyring.py"} <= {*names}
    keys = {name.split("/")[2] for name in names if name.startswith("glisecrets/keys/")}
    assert keys & {"cli", "envelope", "kms"} == set()
    parts = {name.split("/")[2] for name in names if name.startswith("glisecrets/rotation/")}
    assert parts & {"bundle", "cli", "operations", "policy"} == set()
    assert [name for name in names if name.endswith((".pyc", "RECORD", "direct_url.json"))] == []
    assert "glisecrets/rotation/rotators/postgresql.py" in names


def test_every_entry_has_the_same_date_and_mode(built: BundleReport) -> None:
    """Lambda's user can read all of it, and nothing tells when or by whom it was built."""
    with ZipFile(built.path) as archive:
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    facts = {(e.date_time, e.external_attr >> 16, e.create_system, e.extra) for e in entries}
    assert facts == {((1980, 1, 1, 0, 0, 0), 0o644, 3, b"")}


def test_every_kind_of_this_project_is_found_in_it(built: BundleReport) -> None:
    """The entry points are in the zip: a secret's tag finds its rotator there."""
    with ZipFile(built.path) as archive:
        (name,) = [n for n in archive.namelist() if re.match(r"glisecrets-.*/entry_points", n)]
        text = archive.read(name).decode()
        modules = re.findall(r"= ([\w.]+):", text)
        assert {f"{module.replace('.', '/')}.py" for module in modules} <= {*archive.namelist()}
    assert text.startswith("[glisecrets.rotators]\n")
    assert "postgresql = " in text


def test_a_package_that_adds_a_rotator_is_put_in(folder: Path) -> None:
    """Anyone's wheel goes in as it is, with its entry points."""
    wheel = folder / "mine-1.0-py3-none-any.whl"
    module = secrets.token_hex(8)
    with ZipFile(wheel, "w") as archive:
        archive.writestr(f"mine/{module}.py", "")
        archive.writestr("mine-1.0.dist-info/METADATA", "Name: mine\nVersion: 1.0\n")
        archive.writestr("mine-1.0.dist-info/RECORD", "")
    report = build_bundle(
        folder / "with.zip", python=HERE, architecture=THIS_MACHINE, extras=(), wheels=[wheel]
    )
    assert report.packages["mine"] == "1.0"
    with ZipFile(report.path) as archive:
        names = archive.namelist()
    assert f"mine/{module}.py" in names
    assert "mine-1.0.dist-info/RECORD" not in names


@pytest.mark.parametrize(("python", "architecture"), [("3.10", "arm64"), ("3.12", "riscv64")])
def test_a_lambda_that_there_is_not_is_refused(folder, python, architecture) -> None:
    """The error names what can be chosen."""
    with pytest.raises(ConfigurationError, match=r"arm64") as refusal:
        build_bundle(folder / "no.zip", python=python, architecture=architecture)
    assert all(known in refusal.value.next_step for known in PYTHONS)


def test_without_wheels_nothing_is_written_and_no_index_is_shown(folder, monkeypatch) -> None:
    """What pip said is told, without the index's address; an older zip stays as it was."""
    output = folder / "kept.zip"
    output.write_bytes(b"older")
    password = secrets.token_hex(12)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", f"https://user:{password}@127.0.0.1:9/")
    with pytest.raises(ConfigurationError, match="no wheels for Python") as refusal:
        build_bundle(output, python=HERE, architecture=THIS_MACHINE)
    assert "127.0.0.1" not in str(refusal.value)
    assert password not in str(refusal.value)
    assert output.read_bytes() == b"older"
    assert list(folder.glob(".kept*")) == []
