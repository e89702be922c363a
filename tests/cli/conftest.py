"""A project with settings of every kind, and the command line run in it, here or as a process."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from glisecrets.cli.main import main
from glisecrets.stores.local import LocalStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SETTINGS = """
from pydantic import BaseModel, SecretStr
from glisecrets import SecretPemKey, Settings, secret


class Database(BaseModel):
    username: str
    password: SecretStr
    port: int = 5432


class ApiSettings(Settings):
    debug: bool = False
    allowed_hosts: list[str] = []
    port: int
    greeting: str = "hello"
    token: SecretStr = secret("gli/api/{environment}#token")
    key: SecretPemKey = secret("gli/key/{environment}")
    database: Database = secret("gli/db/{environment}")
    cache_address: str = "redis://:in-the-code-1@cache:6379"


settings = ApiSettings()
"""

TEMPLATE = """\
ALLOWED_HOSTS=localhost,127.0.0.1
PORT=8000
TOKEN=
KEY=<pem>
DATABASE=
DEBUG=false
GREETING=hello
CACHE_ADDRESS=
"""

#: What would make a run depend on whose machine it is.
FOREIGN = (
    "CI",
    "COLUMNS",
    "NO_COLOR",
    "FORCE_COLOR",
    "GITHUB_ACTIONS",
    "GLISECRETS_STORE",
    "TOKEN",
)


@dataclass
class Done:
    """What one run of the command line gave."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What it printed as JSON."""
        return json.loads(self.out)


@dataclass
class Project:
    """A project in a folder of its own, in development, with a local store."""

    root: Path
    store: LocalStore
    values: dict[str, str] = field(repr=False)
    call: Callable[..., Done]

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return path

    def command(self, *arguments: str) -> list[str]:
        """Give the command line of a process that runs ours."""
        return [sys.executable, "-P", "-m", "glisecrets", *arguments]

    def process(self, *arguments: str, given: bytes = b"", **variables: str) -> Done:
        """Run the command line as a process of its own."""
        done = subprocess.run(
            self.command(*arguments),
            input=given,
            capture_output=True,
            check=False,
            cwd=self.root,
            env={**os.environ, **variables},
            timeout=60,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Project:
    """A project whose settings all have values."""
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DJANGO_ENV", "development")
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Done:
        capfd.readouterr()
        code = main(arguments)
        out, err = capfd.readouterr()
        return Done(code, out, err)

    # A module's name is taken once per process.
    module = f"settings_{secrets.token_hex(6)}"
    values = make_values()
    project = Project(tmp_path, LocalStore(tmp_path / ".secrets"), values, call)
    project.write(f"{module}.py", SETTINGS)
    project.write("pyproject.toml", f'[tool.glisecrets]\nsettings = "{module}:ApiSettings"\n')
    project.write(".env.example", TEMPLATE)
    project.store.create("gli/api/development", json.dumps({"token": values["token"]}))
    project.store.create("gli/key/development", values["key"])
    database = {"username": "api", "password": values["password"]}
    project.store.create("gli/db/development", json.dumps(database))
    return project


def make_values() -> dict[str, str]:
    """Make secrets; what stands for a PEM need not be a key."""
    lines = "\n".join(secrets.token_urlsafe(48) for _ in range(4))
    return {
        "token": f"t/{secrets.token_urlsafe(24)}+&=",
        "password": f"p'{secrets.token_urlsafe(18)}\"\\",
        "key": f"-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n",
    }
