"""Settings over Vault's own protocol: a real OpenBao, its policies, its seal, its deletions."""

from __future__ import annotations

import json
import logging
import secrets
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel, SecretStr

from glisecrets import LoadOptions, Settings, SettingsError, secret
from glisecrets.stores.local import LocalStore

from ..stores.openbao import OpenBao, openbao_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import hvac


@pytest.fixture(scope="module")
def openbao() -> Iterator[OpenBao]:
    with openbao_server() as server:
        yield server


@pytest.fixture
def operator(openbao: OpenBao) -> Iterator[hvac.Client]:
    """Somebody with ``vault kv`` and every right."""
    with openbao.client() as client:
        yield client


@pytest.fixture
def path() -> str:
    """A path below ``secret/`` that no other test uses."""
    return f"gli-{secrets.token_hex(4)}/staging/db"


def write(operator: hvac.Client, path: str, **document: object) -> None:
    operator.secrets.kv.v2.create_or_update_secret(path, document, mount_point="secret")


class Variables(dict[str, str]):
    """Variables whose repr tells nothing, for the locals of a failing test."""

    def __repr__(self) -> str:
        return "<variables>"


def load(cls: type[Settings], openbao: OpenBao, **more: str) -> Any:
    environ = Variables(openbao.environ(GLISECRETS_STORE="vault", **more))
    return cls.load(environment="staging", environ=environ)


def faults_of(cls: type[Settings], openbao: OpenBao, **more: str) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load(cls, openbao, **more)
    return caught.value


def service(references: dict[str, str], annotation: Any = SecretStr) -> type[Settings]:
    """Declare one secret field for each reference; its live values are read each time."""
    fields = {name: secret(reference) for name, reference in references.items()}
    members = {"__annotations__": dict.fromkeys(fields, annotation), "__module__": __name__}
    options = LoadOptions(live=LoadOptions().live._replace(ttl=0))
    return type("Service", (Settings,), {**members, **fields, "load_options": options})


class Database(BaseModel):
    username: str
    password: SecretStr
    replica: dict[str, str] = {}


def test_references_with_key_version_and_label_read_what_they_name(
    openbao, operator, path, value
) -> None:
    """By Vault's numbers and by our labels, a key, a nested key, and the whole as a model."""
    old, new = value(), value()
    write(operator, path, username="gli", password=old)
    write(operator, path, username="gli", password=new, replica={"host": "b.staging"})

    class Service(Settings):
        database: Database = secret(f"vault:secret/{path}")
        current: SecretStr = secret(f"vault:secret/{path}#password")
        first: SecretStr = secret(f"vault:secret/{path}#password@1")
        second: SecretStr = secret(f"vault:secret/{path}#password@2")
        previous: SecretStr = secret(f"secret/{path}#password@AWSPREVIOUS")
        nested: str = secret(f"secret/{path}#replica.host")

    settings = load(Service, openbao)
    assert settings.database.password.get_secret_value() == new
    assert settings.nested == settings.database.replica["host"] == "b.staging"
    for name, expected in {"current": new, "first": old, "second": new, "previous": old}.items():
        assert getattr(settings, name).get_secret_value() == expected
    assert (
        settings.origin("first").place == f"vault:secret/{path}#password@1 version 1 (AWSPREVIOUS)"
    )


def test_two_stores_feed_one_class(openbao, operator, path, value, tmp_path: Path) -> None:
    """A reference that names its store overrides the settings' own."""
    write(operator, path, password=(password := value()))
    local = LocalStore(tmp_path / "local")
    local.create("gli/key/staging", key := value())
    cls = service({"password": f"vault:secret/{path}#password", "key": "gli/key/{environment}"})
    environ = Variables(openbao.environ(GLISECRETS_STORE=f"local:{local.location}"))
    settings: Any = cls.load(environment="staging", environ=environ)
    assert settings.password.get_secret_value() == password
    assert settings.key.get_secret_value() == key


def test_what_is_deleted_or_absent_is_told_with_what_there_is(openbao, operator, path) -> None:
    """When it was deleted, which keys exist, and how to give the value."""
    write(operator, path, password="first")
    write(operator, path, user="second")
    operator.secrets.kv.v2.delete_secret_versions(path, [1], mount_point="secret")
    names = {"gone": f"vault:secret/{path}#password@1", "renamed": f"vault:secret/{path}#password"}
    error = faults_of(service({**names, "absent": f"vault:secret/{path}/none"}), openbao)
    assert [(fault.field, fault.kind) for fault in error.faults] == [
        (name, "missing") for name in ("gone", "renamed", "absent")
    ]
    looked_at = [fault.looked_at[-1] for fault in error.faults]
    assert f"version 1 of secret/{path} was deleted at 20" in looked_at[0]
    assert "no key 'password' (keys: user)" in looked_at[1]
    assert f"has no secret/{path}/none" in looked_at[2]


def test_a_token_that_was_revoked_is_a_fault_at_start_and_an_error_in_the_log_later(
    openbao, operator, path, value, caplog
) -> None:
    """The running service keeps its value; the next start says what would renew itself."""
    write(operator, path, password=(password := value()))
    cls = service({"password": f"vault:secret/{path}#password"})
    token = operator.auth.token.create(ttl="1h")["auth"]["client_token"]
    settings = load(cls, openbao, VAULT_TOKEN=token)
    operator.auth.token.revoke(token)
    assert settings.live("password").get_secret_value() == password
    [record] = [item for item in caplog.records if item.name == "glisecrets.live"]
    assert record.levelno == logging.ERROR
    error = faults_of(cls, openbao, VAULT_TOKEN=token)
    assert [fault.kind for fault in error.faults] == ["denied"]
    assert "expired or was revoked" in error.faults[0].message
    assert "auth=approle" in error.faults[0].next_step
    assert token not in f"{error}{error.json()}{caplog.text}"


def test_one_denied_path_is_one_fault(openbao, operator, path, value) -> None:
    """The other fields are fine, and the line to add to the policy is told."""
    write(operator, path, password=value())
    write(operator, f"{path}-key", key=value())
    policy = f"policy-{secrets.token_hex(4)}"
    rule = {f"secret/data/{path}": {"capabilities": ["read"]}}
    operator.sys.create_or_update_policy(policy, json.dumps({"path": rule}))
    token = operator.auth.token.create(policies=[policy], ttl="1h")["auth"]["client_token"]
    names = {"password": f"vault:secret/{path}#password", "key": f"vault:secret/{path}-key#key"}
    error = faults_of(service(names), openbao, VAULT_TOKEN=token)
    assert [(fault.field, fault.kind) for fault in error.faults] == [("key", "denied")]
    assert f'path "secret/data/{path}-key"' in error.faults[0].next_step


def test_no_value_and_no_token_reaches_any_log(
    openbao, operator, path, value: Callable[[], str], caplog
) -> None:
    """Requests and urllib3 at DEBUG, through a load, a live read and a failure."""
    write(operator, path, password=(password := value()))
    cls = service({"password": f"vault:secret/{path}#password"})
    with caplog.at_level(logging.DEBUG, logger=""):
        settings = load(cls, openbao)
        assert settings.live("password").get_secret_value() == password
        faults_of(cls, openbao, VAULT_TOKEN=(wrong := value()))
    assert caplog.records
    assert not any(text in caplog.text for text in (password, openbao.root_token, wrong))


def test_a_vault_that_is_sealed_stops_a_start_and_not_a_running_service(
    path, value, caplog
) -> None:
    """After Vault's restart somebody has to unseal it; until then the last value is served."""
    with openbao_server() as openbao:
        with openbao.client() as operator:
            write(operator, path, password=(password := value()))
            cls = service({"password": f"vault:secret/{path}#password"})
            settings = load(cls, openbao)
            operator.sys.seal()
        assert settings.live("password").get_secret_value() == password
        assert "the last known good value is used" in caplog.text
        error = faults_of(cls, openbao)
    assert [fault.kind for fault in error.faults] == ["unavailable"]
    assert "is sealed" in error.faults[0].message
    assert "unseal" in error.faults[0].next_step
    with pytest.raises(SettingsError, match="is unreachable"):
        load(cls, openbao)
