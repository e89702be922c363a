"""``make demo`` keeps its promises, ends by itself, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).parents[1] / "examples" / "gli_api"
COLUMNS = 80
#: As many characters of a value are looked for.
PART = 12

#: Runs the demo's own frame around two steps: one that lets a value be written, and the search.
LEAKING = """
import sys
from contextlib import contextmanager
from types import SimpleNamespace
sys.path.insert(0, sys.argv[1])
import demo, demo_steps

def leak(staging):
    value = staging.screen.values.made("the value")
    staging.screen.block(f"a table with {value} in it")
    staging.screen.remember(f"a log with {value[20:40]} in it")

@contextmanager
def no_servers(values, screen):
    yield SimpleNamespace(screen=screen)

demo.staging = no_servers
demo_steps.STEPS.clear()
demo_steps.STEPS.update({"Leak": leak, "Search": demo_steps.search_for_values})
sys.exit(demo.main())
"""


def surroundings(folder: Path, **more: str) -> dict[str, str]:
    """Give the variables of a person whose shell is set up for something else."""
    home = folder / "home"
    home.mkdir()
    return {
        "PATH": os.defpath,
        "HOME": str(home),
        "TMPDIR": str(folder),
        "DJANGO_ENV": "production",
        "DATABASE_URL": "postgresql://somebody@db.invalid/else",
        "GLISECRETS_STORE": "off",
        "AWS_PROFILE": "nobody",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "HTTP_PROXY": "http://127.0.0.1:1",
        **more,
    }


def parts(value: str) -> set[str]:
    """Give every part of a value, of PEM without the lines that all keys share."""
    lines = [line for line in value.splitlines() if not line.startswith("-----")]
    return {line[i : i + PART] for line in lines for i in range(len(line) - PART + 1)}


def shown_parts(text: str, values: dict[str, str]) -> list[str]:
    """Give the names of the values of which a part stands in a text, also across lines."""
    joined = "".join(text.split())
    return [name for name, value in values.items() if any(it in joined for it in parts(value))]


def test_the_demo_does_what_it_says(tmp_path: Path) -> None:
    """A newcomer's first command works in any shell, shows all it promises, and no secret."""
    file = tmp_path / "values.json"
    done = subprocess.run(
        [sys.executable, str(FOLDER / "demo.py")],
        env=surroundings(tmp_path, GLI_DEMO_VALUES_FILE=str(file)),
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    values = json.loads(file.read_text("utf-8"))
    shown = shown_parts(done.stdout + done.stderr, values)  # before anything quotes the output
    assert shown == []
    assert (done.returncode, done.stderr) == (0, "")
    assert_all_is_shown(done.stdout)
    assert len(values) > 5
    assert file.stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["home"]
    assert list((tmp_path / "home").iterdir()) == []


def assert_all_is_shown(output: str) -> None:
    """Hold what was printed to section G of the demo's promises."""
    lines = output.splitlines()
    assert max(map(len, lines)) <= COLUMNS
    winners = re.findall(
        r"^[a-z_]+ {2,}.*? (defaults|template|dotenv|github|store)\b", output, re.MULTILINE
    )
    assert set(winners) == {"defaults", "template", "dotenv", "github", "store"}
    assert re.search(r"^store +wins +gli/db/staging version", output, re.MULTILINE)
    assert re.search(r"^dotenv +shadowed +\.env\.staging:\d+$", output, re.MULTILINE)
    assert "GET /api/services/ -> 200" in output
    assert '"user": "glidbadmin"' in output
    assert "reference gli/db/production belongs to production" in output
    assert "ConnectionError: could not connect to" in output
    assert "password = '[redacted:database.password]'" in output
    assert_row_is_shown(output)
    assert_keys_are_shown(output)
    assert_rotations_are_shown(output)
    assert lines[-2:] == ["demo: 10 steps, all as promised", ""]


def assert_row_is_shown(output: str) -> None:
    """One encrypted row as it is stored and as it is read; an altered one is refused."""
    assert re.search(r"^  As Django reads it: \+82 10 2345 6789$", output, re.MULTILINE)
    assert re.search(
        r"^  As PostgreSQL stores it \(90 bytes\): \\x0101[0-9a-f]+$", output, re.MULTILINE
    )
    assert "InvalidMessage: customers.Customer.phone: an encrypted value of" in output


def assert_keys_are_shown(output: str) -> None:
    """The JWKS before and after a rotation: the next key signs, the one before still verifies."""
    _, _, step = output.partition("Before: GET /.well-known/jwks.json")
    before, _, after = step.partition("After: GET /.well-known/jwks.json")
    (was, following), (signing, _, retired) = map(published_keys, (before, after))
    assert (signing, retired) == (following, was)
    assert re.findall(r"^  by .* -> (\d+)$", after, re.MULTILINE) == ["200", "200", "200", "401"]


def published_keys(step: str) -> list[str]:
    """Give the kids that a part of the output shows, in order."""
    return re.findall(r"^  (\S{43})  RSA RS256  ", step, re.MULTILINE)


def assert_rotations_are_shown(output: str) -> None:
    """Three new passwords under load, no failed request, and the origin before and after."""
    _, _, step = output.partition("Three new database passwords")
    made = re.findall(r"^gli/db/staging  rotated  (\w{8})$", step, re.MULTILINE)
    shown = re.findall(r"^origin +store: gli/db/staging version (\w{8})", step, re.MULTILINE)
    assert len(set(made)) == 3
    assert len(shown) == 2
    assert shown[0] not in made
    assert shown[1] == made[-1]
    assert re.search(r"^requests [1-9][\d,]*, failed 0$", step, re.MULTILINE)
    assert int(re.findall(r"found the new\s+password (\d+)\s+times", step)[0]) >= 3


def test_a_secret_that_is_shown_fails_the_demo(tmp_path: Path) -> None:
    """The search at the end is no decoration: it finds a value in print and a part in a log."""
    done = subprocess.run(
        [sys.executable, "-c", LEAKING, str(FOLDER)],
        env=surroundings(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "(not shown: it holds the value)" in done.stdout
    assert "BROKEN PROMISE: no value is shown: the value" in done.stdout
    assert "demo: 2 steps, 1 NOT as promised" in done.stdout


@pytest.mark.parametrize(
    ("send", "number"),
    [
        pytest.param(os.killpg, signal.SIGINT, id="Ctrl-C, to every program of a terminal"),
        pytest.param(os.kill, signal.SIGTERM, id="kill, to the demo alone"),
    ],
)
def test_an_interrupted_demo_leaves_nothing_behind(
    tmp_path: Path, send: Callable[[int, int], None], number: signal.Signals
) -> None:
    """Ctrl-C, or a CI job that is cancelled, stops PostgreSQL and takes the secrets away."""
    with started(tmp_path) as demo:
        wait_for_servers(demo)
        send(demo.pid, number)
        _, errors = demo.communicate(timeout=60)
    assert (demo.returncode, errors) == (128 + number, f"demo: ended by {number.name}\n")
    with pytest.raises(ProcessLookupError):  # nobody is left in the demo's process group
        os.killpg(demo.pid, 0)
    places = [tmp_path, Path("/tmp")]
    assert [path for place in places for path in place.glob(f"glisecrets-{demo.pid}-*")] == []
    assert list(tmp_path.glob("gli-demo-*")) == []


def started(folder: Path) -> subprocess.Popen[str]:
    """Start the demo in a process group of its own."""
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = [sys.executable, str(FOLDER / "demo.py")]
    return subprocess.Popen(command, env=surroundings(folder), start_new_session=True, **options)


def wait_for_servers(demo: subprocess.Popen[str]) -> None:
    """Read until the first step begins: then all servers run."""
    assert demo.stdout is not None
    assert any(line.startswith("1/") for line in demo.stdout)
