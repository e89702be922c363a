"""What may stand where a file is looked for, and who may read it."""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import (
    SecretStr,
)

from glisecrets import LoadOptions, Settings
from glisecrets.stores.local import LocalStore

from .one_field import faults_of
from .plain_user import reachable_folder, run_as_plain_user

if TYPE_CHECKING:
    from collections.abc import Callable


class Mounted(Settings):
    api_key: SecretStr | None = None
    name: str = "default"


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def a_dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


def fifty_megabytes(path: Path) -> None:
    path.touch()
    os.truncate(path, 50_000_000)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


OBSTACLES: list[tuple[Callable[[Path], None], str]] = [
    (Path.mkdir, "not a regular file"),
    (a_pipe, "not a regular file"),
    (a_socket, "not a regular file"),
    (a_link_to_itself, "Too many levels of symbolic links"),
    (a_dangling_link, "No such file"),
    (fifty_megabytes, "larger than 1048576 bytes"),
]


@pytest.mark.parametrize(("put", "complaint"), OBSTACLES)
def test_what_is_no_file_is_told_and_not_waited_for(
    project: Path, monkeypatch: pytest.MonkeyPatch, put: Callable[[Path], None], complaint: str
) -> None:
    """A pipe would hang the start, a gigabyte kill it; Docker makes a folder of a missing file."""
    (project / "run").mkdir()
    monkeypatch.chdir(project)  # a socket's path is short
    put(Path(".env.staging"))
    put(Path("run/api_key"))
    environ = {"GLISECRETS_SECRETS_DIR": str(project / "run")}
    error = faults_of(Mounted, environ=environ, directory=project)
    assert [fault.field for fault in error.faults] == ["(settings)", "api_key"]
    assert all(complaint in fault.message for fault in error.faults)


def test_a_file_is_blotted_out_by_dev_null(project: Path) -> None:
    """`/dev/null:/app/.env.staging` is how a container is kept from a file."""
    (project / ".env.staging").symlink_to("/dev/null")
    assert Mounted.load(environment="staging", directory=project, environ={}, store="off")


def test_an_empty_variable_does_not_hide_a_mounted_file(project: Path) -> None:
    """A compose file that passes `API_KEY` on sets it to nothing."""
    (project / "api_key").write_text("mounted\n")
    environ = {"GLISECRETS_SECRETS_DIR": str(project), "API_KEY": ""}
    settings = Mounted.load(environment="staging", environ=environ, store="off")
    assert settings.origin("api_key").file == str(project / "api_key")


def test_the_last_line_counts_in_whatever_case_and_its_number_is_told(project: Path) -> None:
    """The value and the line must be those of one and the same assignment."""
    (project / ".env.staging").write_bytes(b"NAME=1\r\nname='2\r\n'\r\nNAME=3\r\n")
    settings = Mounted.load(environment="staging", directory=project, environ={}, store="off")
    assert (settings.name, settings.origin("name").line) == ("3", 4)


def test_expansion_reads_the_variables_that_the_load_was_given(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A load from other surroundings takes nothing from this process; cycles come to an end."""

    class Expanding(Mounted):
        load_options = LoadOptions(expand=True)

    monkeypatch.setenv("HERE", "this process")
    text = "A=${B}\nB=${A}\nNAME=${HERE:-}${THERE}${A}${B}${NAME}\n"
    (project / ".env.staging").write_text(text)
    settings = Expanding.load(
        environment="staging", directory=project, environ={"THERE": "given"}, store="off"
    )
    assert settings.name == "given"


AS_PLAIN_USER = """
import os, sys
from pathlib import Path
from pydantic import SecretStr
from glisecrets import Settings, SettingsError, secret

class Service(Settings):
    api_key: SecretStr
    name: str
    database: SecretStr = secret("gli/db/{environment}#password")

def refuse_writing(event, arguments):
    if event == "open" and arguments[2] and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        raise AssertionError(f"{arguments[0]} is opened for writing")
    if event in {"os.mkdir", "os.rename", "os.remove", "os.chmod", "os.truncate"}:
        raise AssertionError(f"{event} {arguments}")

def main():
    if os.geteuid() != 0:
        sys.addaudithook(refuse_writing)
    try:
        settings = Service.load(environment="staging", directory=Path(sys.argv[1]))
    except SettingsError as error:
        print(*(f"{fault.field}: {fault.message} {fault.looked_at}" for fault in error.faults))
    else:
        print(settings.name, *(settings.origin(name).layer for name in Service.model_fields))
"""


def test_a_plain_user_on_a_read_only_file_system_loads_every_layer(value) -> None:
    """As ECS and Kubernetes run it: no root, no home, nothing that may be written."""
    with reachable_folder() as folder:
        (folder / ".git").mkdir()
        (folder / ".env.staging").write_text("NAME=dotenv\n")
        (folder / "run").mkdir()
        (folder / "run" / "api_key").write_text(value())
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        store = LocalStore(folder / "store", key=base64.b64decode(key))
        store.create("gli/db/staging", json.dumps({"password": value()}))
        for path in folder.rglob("*"):
            path.chmod(0o555 if path.is_dir() else 0o444)
        told = run_as_plain_user(
            AS_PLAIN_USER,
            folder,
            GLISECRETS_STORE=f"local:{folder}/store",
            GLISECRETS_LOCAL_KEY=key,
            GLISECRETS_SECRETS_DIR=f"{folder}/run",
        )
    assert told == "dotenv process dotenv store"


def test_a_folder_that_a_plain_user_may_not_list_is_told(value) -> None:
    """Podman's /run/secrets is root's: the missing secret must not look like an unset variable."""
    with reachable_folder() as folder:
        (folder / "run").mkdir(mode=0o700)
        (folder / "run" / "api_key").write_text(value())
        (folder / "run").chmod(0)
        environ = {"GLISECRETS_SECRETS_DIR": f"{folder}/run/deeper", "GLISECRETS_STORE": "off"}
        deeper = run_as_plain_user(AS_PLAIN_USER, folder, **environ)
        environ["GLISECRETS_SECRETS_DIR"] = f"{folder}/run"
        told = run_as_plain_user(AS_PLAIN_USER, folder, **environ)
    assert "or file in" in told
    assert told.count("Permission denied") == deeper.count("Permission denied") == 3
