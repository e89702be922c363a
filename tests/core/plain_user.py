"""Programs run as a user for whom file modes count, also when the tests run as root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["reachable_folder", "run_as_plain_user"]

# The interpreter itself may lie in root's home: so the child drops its rights after all that the
# program may import has been, and after one run of it, which imports what others load lazily.
_AS_NOBODY = """
import contextlib, io, os, pkgutil, sys
import glisecrets
sys.dont_write_bytecode = True
for folder in ("", ".layers", ".redaction", ".stores", ".stores.local"):
    package = __import__("glisecrets" + folder, fromlist=["x"])
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            __import__(module.name)
with contextlib.redirect_stdout(io.StringIO()):
    main()
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
main()
"""


def run_as_plain_user(program: str, *arguments: object, **variables: str) -> str:
    """Run a program's ``main()`` with no home and these variables alone; give what it wrote."""
    done = subprocess.run(
        [sys.executable, "-c", program + _AS_NOBODY, *map(str, arguments)],
        cwd="/",
        env={"HOME": "/nonexistent", "PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@contextmanager
def reachable_folder() -> Iterator[Path]:
    """Give an empty folder that a plain user can look into: pytest's own are root's alone."""
    above = Path(tempfile.mkdtemp(prefix="glisecrets-test-"))
    above.chmod(0o755)
    try:
        yield above
    finally:
        for path in (above, *above.rglob("*")):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)
        shutil.rmtree(above)
