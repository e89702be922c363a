"""A project whose settings class declares secrets to be rotated, and its command line."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from glisecrets.cli.main import main
from glisecrets.rotation.subject import Clock
from glisecrets.stores.local import LocalStore
from glisecrets.testing import SecretsManagerServer

from .loopback import Asked, Reply, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from glisecrets.stores.base import Store

#: What would make a run depend on whose machine it is.
FOREIGN = ("CI", "COLUMNS", "GITHUB_ACTIONS", "GLISECRETS_STORE", "GLISECRETS_ROTATION_LAMBDA")
HEAD = "from pydantic import SecretStr\nfrom glisecrets import Settings, secret\n\n\n"


@dataclass
class Done:
    """What one run of the command line gave."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass
class Service:
    """A project in staging, with a store of its own."""

    root: Path
    store: Store
    call: Callable[..., Done]
    monkeypatch: pytest.MonkeyPatch

    def declare(self, *fields: str) -> None:
        """Write the settings class; a field is ``name: type = secret(…)``."""
        module = f"settings_{secrets.token_hex(6)}"  # a module's name is taken once per process
        body = "".join(f"    {line}\n" for line in fields)
        text = f"{HEAD}class ApiSettings(Settings):\n{body}"
        (self.root / f"{module}.py").write_text(text, "utf-8")
        table = f'[tool.glisecrets]\nsettings = "{module}:ApiSettings"\n'
        (self.root / "pyproject.toml").write_text(table, "utf-8")

    def create(self, name: str, **tags: str) -> str:
        """Make a secret with a value that nobody has seen; give its version id."""
        named = {f"glisecrets:{key.replace('_', '-')}": text for key, text in tags.items()}
        value = secrets.token_urlsafe(24)
        return self.store.create(name, value, tags=named).version_id

    def later(self, **ago: float) -> None:
        """Let so much time pass for the command line."""
        shift = timedelta(**ago)
        clock = Clock(now=lambda: datetime.now(UTC) + shift, pause=lambda _: None)
        self.monkeypatch.setattr("glisecrets.rotation.engine.Clock", lambda: clock)


@pytest.fixture
def make_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[[Store], Service]:
    """Make a project around a store."""
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DJANGO_ENV", "staging")
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Done:
        capfd.readouterr()
        code = main(("rotate", *arguments))
        out, err = capfd.readouterr()
        return Done(code, out, err)

    return lambda store: Service(tmp_path, store, call, monkeypatch)


@pytest.fixture
def service(make_service: Callable[[Store], Service], tmp_path: Path) -> Service:
    """A project with a local store."""
    made = make_service(LocalStore(tmp_path / "store"))
    made.monkeypatch.setenv("GLISECRETS_STORE", f"local:{tmp_path / 'store'}")
    return made


@pytest.fixture
def aws_service(
    make_service: Callable[[Store], Service], aws_server: SecretsManagerServer
) -> Service:
    """A project whose store is Secrets Manager."""
    from glisecrets.stores.aws import AwsStore

    made = make_service(AwsStore(environ=aws_server.environ))
    made.monkeypatch.setenv("GLISECRETS_STORE", "aws")
    for name, text in aws_server.environ.items():
        made.monkeypatch.setenv(name, text)
    return made


@pytest.fixture
def aws_server() -> Iterator[SecretsManagerServer]:
    """Secrets Manager on this machine."""
    with SecretsManagerServer() as server:
        yield server


@dataclass
class Bouncer:
    """Accepts the tokens that it is told of, by HTTP."""

    url: str = ""
    accepted: set[str] = field(default_factory=set)

    def answer(self, asked: Asked) -> Reply:
        return Reply(200 if asked.token in self.accepted else 401)


@pytest.fixture
def bouncer() -> Iterator[Bouncer]:
    """A provider that accepts nobody yet."""
    made = Bouncer()
    with serving(made.answer) as made.url:
        yield made


@pytest.fixture(autouse=True)
def _no_real_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test reach AWS by the credentials of whoever runs it."""
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
