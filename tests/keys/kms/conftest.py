"""A strict KMS, and the command line in a project of its own."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from glisecrets.cli.main import main
from glisecrets.keys.kms import KmsClient, Sites, read_catalogue

from .strict_kms import HOME, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .strict_kms import StrictKms


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be somebody, and let no test reach AWS."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN", "DJANGO_ENV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", HOME)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOFWHOEVERDEPLOYS")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secrets.token_hex())
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")


@pytest.fixture(scope="session")
def _served() -> Iterator[StrictKms]:
    with serving() as served:
        yield served


@pytest.fixture(scope="session")
def _clients() -> Iterator[list[KmsClient]]:
    """One client for the session: making one takes longer than most tests."""
    clients: list[KmsClient] = []
    yield clients
    for client in clients:
        client.close()


@pytest.fixture
def kms(_served: StrictKms, monkeypatch: pytest.MonkeyPatch) -> StrictKms:
    """An account without keys."""
    _served.reset()
    monkeypatch.setenv("AWS_ENDPOINT_URL", _served.url)
    return _served


@dataclass
class Account:
    """An account as the library sees it; every question reads it anew."""

    client: KmsClient
    table: dict[str, Any]

    @property
    def sites(self) -> Sites:
        return Sites(self.client, self.client.place("production"), read_catalogue(self.table))


@pytest.fixture
def account(kms: StrictKms, _clients: list[KmsClient]) -> Account:
    """The strict KMS's account, with a catalogue that a test may change."""
    if not _clients:
        _clients.append(KmsClient(endpoint_url=kms.url))
    return Account(_clients[0], {})


@dataclass
class Ran:
    """What one run of the command line gave."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run ``glisecrets keys kms …`` in a project whose pyproject.toml a test may write."""
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments: str) -> Ran:
        code = main(["--directory", str(tmp_path), "keys", "kms", *arguments])
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return call
