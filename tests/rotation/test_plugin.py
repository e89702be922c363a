"""Another package's kind of credential: the one in ``examples/rotator_plugin``, installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parents[2] / "examples" / "rotator_plugin"

#: Rotates a secret twice, then prints which kinds there are and what the file and the store hold.
PROGRAM = """
import sys
from pathlib import Path
from glisecrets.rotation import Engine, run
from glisecrets.rotation.finding import kinds
from glisecrets.references import Address
from glisecrets.stores.local import LocalStore

folder = Path(sys.argv[1])
store = LocalStore(folder / "store")
tags = {"glisecrets:rotator": "password-file", "glisecrets:path": str(folder / "password")}
store.create("app/password", "first", tags=tags)
run(Engine(store), "app/password")
run(Engine(store), "app/password")
in_force = (folder / "password").read_text() == store.get(Address("app/password")).value
store.close()
print("password-file" in kinds(), in_force, len((folder / "password").read_text()))
"""


@pytest.mark.skipif(not PLUGIN.is_dir(), reason="needs the source tree's examples")
def test_another_package_adds_a_kind_by_an_entry_point_alone(tmp_path: Path) -> None:
    """What users rotate is not limited to what this package knows."""
    source = shutil.copytree(PLUGIN, tmp_path / "source")  # a build leaves files beside it
    site = tmp_path / "site"
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--target", str(site)]
    subprocess.run([sys.executable, "-m", "pip", "install", *offline, str(source)], check=True)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(site)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["True", "True", "43"]
