"""Logging in to Vault, staying logged in, and what is said when that fails."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from glisecrets.errors import AccessDenied, ConfigurationError, StoreUnavailable
from glisecrets.references import Address
from glisecrets.stores.opening import open_store
from glisecrets.stores.vault import VaultStore, connection

from .openbao import openbao_server
from .vault_logins import Signer, allow, approle, kubernetes_api

if TYPE_CHECKING:
    from pathlib import Path

    import hvac

    from .openbao import OpenBao

READ = ["read"]


@pytest.fixture
def password() -> str:
    """A value that no error may show."""
    return secrets.token_urlsafe(20)


@pytest.fixture
def secret(openbao: OpenBao, password: str) -> str:
    """A secret that an operator wrote."""
    path = f"gli/{secrets.token_hex(6)}"
    with openbao.client() as client:
        client.secrets.kv.v2.create_or_update_secret(path, {"password": password})
    return f"secret/{path}"


def reader(client: hvac.Client, secret: str) -> str:
    """Make the policy that reads one secret and nothing else."""
    return allow(client, **{secret.replace("/", "/data/", 1): READ})


def logins(client: hvac.Client) -> int:
    """Count the tokens that are alive on the server."""
    return len(client.auth.token.list_accessors()["data"]["keys"])


def test_a_token_from_the_environment_reads_a_secret(openbao, secret, password):
    """VAULT_ADDR and VAULT_TOKEN are all that a program needs."""
    with closing(open_store("vault", environ=openbao.environ())) as store:
        assert password in store.get(Address(secret)).value


def test_openbaos_own_variables_are_read_too(openbao, secret, password):
    """A program set up for the bao command needs no second set of variables."""
    environ = {"BAO_ADDR": openbao.url, "BAO_TOKEN": openbao.root_token}
    with closing(VaultStore.from_options("", {}, environ=environ)) as store:
        assert password in store.get(Address(secret)).value


def test_the_token_that_vault_login_left_is_used_and_read_again_when_it_died(
    openbao, secret, tmp_path
):
    """A sidecar may replace ~/.vault-token: the program goes on with the new one."""
    file = tmp_path / ".vault-token"
    environ = {"VAULT_ADDR": openbao.url, "HOME": str(tmp_path)}
    with openbao.client() as client, closing(open_store("vault", environ=environ)) as store:
        old, new = (client.auth.token.create(ttl="1h", policies=["root"]) for _ in range(2))
        file.write_text(old["auth"]["client_token"] + "\n")
        store.get(Address(secret))
        client.auth.token.revoke(old["auth"]["client_token"])
        file.write_text(new["auth"]["client_token"])
        assert store.get(Address(secret)).secret == secret


def test_an_approle_logs_in_from_variables_or_from_files(openbao, secret, password, tmp_path):
    """The credentials come by variable or by mounted file, whichever the platform gives."""
    with openbao.client() as client:
        mount, variables = approle(client, reader(client, secret))
    files = {f"{name}_FILE": str(write(tmp_path / name, v)) for name, v in variables.items()}
    for given in (variables, files):
        with closing(role_store(openbao, mount, given)) as store:
            assert password in store.get(Address(secret)).value


def test_a_pod_logs_in_with_its_service_account_and_follows_the_projected_token(
    openbao, secret, password, tmp_path
):
    """Kubernetes replaces the mounted token: every login reads the file anew."""
    file, signer, mount = tmp_path / "token", Signer(), f"kubernetes-{secrets.token_hex(4)}"
    options = {"auth": "kubernetes", "role": "api", "auth_mount": mount, "jwt_file": str(file)}
    with openbao.client() as client, kubernetes_api() as api:
        client.sys.enable_auth_method("kubernetes", path=mount)
        client.auth.kubernetes.configure(
            api.url,
            kubernetes_ca_cert=signer.certificate,
            disable_local_ca_jwt=True,
            token_reviewer_jwt=signer.service_account_token("kube-system", "reviewer"),
            mount_point=mount,
        )
        client.auth.kubernetes.create_role(
            "api", ["api"], ["gli"], policies=[reader(client, secret)], mount_point=mount
        )
        with closing(VaultStore.from_options(openbao.url, options, environ={})) as store:
            for _ in range(2):
                token = signer.service_account_token("gli", "api")
                api.good = {token: "system:serviceaccount:gli:api"}
                write(file, token)
                assert password in store.get(Address(secret)).value
                store.close()


def test_a_signed_jwt_logs_in(openbao, secret, password, tmp_path):
    """A CI job with an identity token needs no stored Vault credential."""
    signer, mount = Signer(), f"jwt-{secrets.token_hex(4)}"
    with openbao.client() as client:
        client.sys.enable_auth_method("jwt", path=mount)
        client.auth.jwt.configure(jwt_validation_pubkeys=[signer.public_key], path=mount)
        client.auth.jwt.create_role(
            "ci",
            user_claim="sub",
            allowed_redirect_uris=[],
            role_type="jwt",
            bound_audiences=["vault"],
            token_policies=[reader(client, secret)],
            path=mount,
        )
    file = write(tmp_path / "jwt", signer.token(sub="repo:gli/api", aud="vault"))
    options = {"auth": "jwt", "role": "ci", "auth_mount": mount}
    environ = {"VAULT_ADDR": openbao.url, "VAULT_JWT_FILE": str(file)}
    with closing(VaultStore.from_options("", options, environ=environ)) as store:
        assert password in store.get(Address(secret)).value
        write(file, Signer().token(sub="repo:gli/api", aud="vault"))
        store.close()
        with pytest.raises(AccessDenied, match=r"refuses the login by jwt at auth/jwt-\w+ as ci"):
            store.get(Address(secret))


@pytest.mark.parametrize("by", ["variable", "option"])
def test_a_namespace_is_entered_which_hvac_alone_would_not(openbao, password, by):
    """VAULT_NAMESPACE, or the address, names the namespace of every call and of the login."""
    name = f"team-{secrets.token_hex(4)}"
    with openbao.client() as client:
        client.adapter.post(f"/v1/sys/namespaces/{name}", json={})
    with openbao.client(name) as client:
        client.sys.enable_secrets_engine("kv", "secret", options={"version": "2"})
        client.secrets.kv.v2.create_or_update_secret("gli/db", {"password": password})
        mount, variables = approle(client, reader(client, "secret/gli/db"))
    if by == "variable":
        store = role_store(openbao, mount, {**variables, "VAULT_NAMESPACE": name})
    else:
        store = role_store(openbao, mount, variables, namespace=name)
    with closing(store):
        assert password in store.get(Address("secret/gli/db")).value
        assert name in store.location


def test_a_revoked_login_is_renewed_by_the_next_call_and_by_one_thread_only(openbao, secret):
    """An operator who revokes tokens causes one login, not a failed request nor a stampede."""
    with openbao.client() as client:
        mount, variables = approle(client, reader(client, secret))
        with closing(role_store(openbao, mount, variables)) as store:
            store.get(Address(secret))
            client.sys.revoke_prefix(f"auth/{mount}")
            before = logins(client)
            with ThreadPoolExecutor(8) as threads:
                versions = list(threads.map(store.get, [Address(secret)] * 24))
            assert len(versions) == 24
            assert logins(client) - before == 1


def test_a_login_is_made_anew_before_the_lease_ends(openbao, secret, monkeypatch):
    """No request has to fail for a token's lease to be noticed."""
    now = time.monotonic()
    monkeypatch.setattr(connection.time, "monotonic", lambda: now)
    with openbao.client() as client:
        mount, variables = approle(client, reader(client, secret), ttl="1000s")
        with closing(role_store(openbao, mount, variables)) as store:
            store.get(Address(secret))
            before = logins(client)
            now += 890
            store.get(Address(secret))
            assert logins(client) == before
            now += 11
            store.get(Address(secret))
            assert logins(client) == before + 1


def test_a_revoked_token_says_that_it_is_dead_and_what_would_renew_itself(openbao, secret):
    """A static token cannot be renewed: the error says so, instead of blaming the policy."""
    with openbao.client() as client:
        token = client.auth.token.create(ttl="1h")["auth"]["client_token"]
        with closing(open_store("vault", environ=openbao.environ(VAULT_TOKEN=token))) as store:
            store.get(Address(secret))
            client.auth.token.revoke(token)
            with pytest.raises(AccessDenied, match="expired or was revoked") as caught:
                store.get(Address(secret))
    assert "auth=approle" in caught.value.next_step
    assert token not in told(caught.value)


def test_a_refused_login_shows_no_credential(openbao, secret):
    """A wrong secret id is reported by where it was refused, never by what it was."""
    with openbao.client() as client:
        mount, variables = approle(client, reader(client, secret))
    wrong = {**variables, "VAULT_SECRET_ID": secrets.token_hex(20)}
    with closing(role_store(openbao, mount, wrong)) as store:
        with pytest.raises(
            AccessDenied, match=f"refuses the login by AppRole at auth/{mount}"
        ) as e:
            store.get(Address(secret))
        assert not any(value in told(e.value) for value in wrong.values())
        assert not any(value in repr(vars(store._connection)) for value in wrong.values())


@pytest.mark.parametrize(
    ("options", "environ", "what"),
    [
        ({}, {}, r"no token.*\.vault-token"),
        ({"auth": "approle"}, {}, "no role id"),
        ({"auth": "approle"}, {"VAULT_ROLE_ID": "x"}, "no secret id"),
        ({"auth": "jwt", "role": "ci"}, {}, "no JWT"),
        ({"auth": "jwt", "role": "ci", "jwt_file": "/nowhere/jwt"}, {}, "no JWT.*/nowhere/jwt"),
        ({"auth": "kubernetes", "role": "ci", "jwt_file": "/nowhere/t"}, {}, "no JWT.*/nowhere/t"),
    ],
)
def test_a_missing_credential_is_named_and_vault_is_not_asked(tmp_path, options, environ, what):
    """The first start on a new machine says which variable or file is missing."""
    environ = {"VAULT_ADDR": "http://127.0.0.1:1", "HOME": str(tmp_path), **environ}
    store = VaultStore.from_options("", options, environ=environ)
    with closing(store), pytest.raises(AccessDenied, match=what):
        store.get(Address("secret/gli/db"))


def test_a_token_with_a_line_end_is_refused_without_showing_it(openbao):
    """Pasted quotes and line ends are the usual fault; the HTTP library would print the token."""
    token = f"{openbao.root_token}\nx"
    store = open_store("vault", environ=openbao.environ(VAULT_TOKEN=token))
    with closing(store), pytest.raises(AccessDenied, match="that no token has") as caught:
        store.get(Address("secret/gli/db"))
    assert openbao.root_token not in told(caught.value)


@pytest.mark.parametrize(
    ("path", "options", "environ", "what"),
    [
        ("", {}, {}, "no usable address"),
        ("vault.example:8200", {}, {}, "no usable address"),
        ("https://user:pass@vault.example", {}, {}, "no usable address"),
        ("https://v", {"token": "x"}, {}, "unknown option.*token"),
        ("https://v", {"auth": "ldap"}, {}, "unknown Vault login 'ldap'"),
        ("https://v", {"auth": "kubernetes"}, {}, "needs a role"),
        ("https://v", {"kv": "3"}, {}, "1 or 2"),
        ("https://v", {}, {"VAULT_SKIP_VERIFY": "true"}, "VAULT_SKIP_VERIFY"),
    ],
)
def test_a_wrong_setting_is_refused_before_any_call(path, options, environ, what):
    """A typo, a credential in the address or switched-off TLS checks stop the program at once."""
    with pytest.raises(ConfigurationError, match=what) as caught:
        VaultStore.from_options(path, options, environ=environ)
    assert "pass" not in str(caught.value)


def test_skip_verify_may_be_set_to_false():
    """Only switching the check off is refused, not saying that it is on."""
    environ = {"VAULT_SKIP_VERIFY": "false", "VAULT_CACERT": "/etc/ca.pem"}
    store = VaultStore.from_options("https://v", {}, environ=environ)
    assert store._options.verify == "/etc/ca.pem"


def test_a_vault_that_is_not_there_is_unavailable():
    """A wrong port or a stopped server is told with the address and what to check."""
    store = open_store("vault:http://127.0.0.1:1", environ={"VAULT_TOKEN": "x"})
    with closing(store), pytest.raises(StoreUnavailable, match="1:1 is unreachable") as caught:
        store.get(Address("secret/gli/db"))
    assert caught.value.next_step


def test_what_is_no_vault_is_told_so():
    """A proxy's page in Vault's place is no crash deep in a parser."""
    with kubernetes_api() as web:
        store = open_store(f"vault:{web.url}", environ={"VAULT_TOKEN": "x"})
        with closing(store), pytest.raises(StoreUnavailable, match="is not a Vault"):
            store.get(Address("secret/gli/db"))


def test_a_login_that_fails_is_tried_once_for_all_that_wait_for_it():
    """With Vault down, a start with forty secrets fails as fast as one with one secret."""
    with kubernetes_api() as gateway:
        environ = {"VAULT_ROLE_ID": "x", "VAULT_SECRET_ID": "x"}
        store = VaultStore.from_options(gateway.url, {"auth": "approle"}, environ=environ)
        with closing(store):
            read = store.get_many([Address(f"secret/{number}") for number in range(40)])
        assert {type(error) for error in read.values()} == {StoreUnavailable}
        assert gateway.asked <= connection.CONCURRENCY


def test_tls_is_checked_and_the_authority_may_be_named(password):
    """A private authority needs VAULT_CACERT, and the error says so."""
    with openbao_server(tls=True) as server:
        trusting = {"VAULT_CACERT": str(server.authority)}
        with closing(open_store("vault", environ=server.environ(**trusting))) as store:
            store.create("secret/gli/db", password)
            assert store.get(Address("secret/gli/db")).value == password
        store = open_store("vault", environ=server.environ())
        with closing(store), pytest.raises(StoreUnavailable, match="is not trusted") as caught:
            store.get(Address("secret/gli/db"))
    assert "VAULT_CACERT" in caught.value.next_step


def test_a_sealed_vault_says_that_it_has_to_be_unsealed(password):
    """After a restart of Vault, the one who is paged reads what to do."""
    with (
        openbao_server() as server,
        closing(open_store("vault", environ=server.environ())) as store,
    ):
        store.create("secret/gli/db", password)
        with server.client() as client:
            client.sys.seal()
        with pytest.raises(StoreUnavailable, match="is sealed") as caught:
            store.get(Address("secret/gli/db"))
    assert "unseal" in caught.value.next_step


def test_without_hvac_the_extra_is_named():
    """A program that names a Vault store and lacks the library is told the line to type."""
    program = (
        "import sys; sys.modules['hvac'] = None\n"
        "from glisecrets.errors import MissingExtra\n"
        "from glisecrets.stores.opening import open_store\n"
        "try: open_store('vault:https://vault.example')\n"
        "except MissingExtra as error: print(error.next_step)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "pip install 'glisecrets[vault]'\n"


def test_a_forked_worker_uses_its_own_connection_and_lock(openbao, secret):
    """Gunicorn's preloaded master may have read secrets already: its workers read on."""
    with closing(open_store("vault", environ=openbao.environ())) as store:
        store.get(Address(secret))
        store._connection._lock.acquire()  # as if another thread of the parent were logging in
        child = os.fork()
        if child == 0:
            code = 1
            try:
                store.get(Address(secret))
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        store._connection._lock.release()
        assert os.waitstatus_to_exitcode(status) == 0
        assert store.get(Address(secret)).secret == secret


def role_store(
    openbao: OpenBao, mount: str, variables: dict[str, str], **options: str
) -> VaultStore:
    """Open a store that logs in by AppRole."""
    options |= {"auth": "approle", "auth_mount": mount}
    return VaultStore.from_options(openbao.url, options, environ=variables)


def write(file: Path, content: str) -> Path:
    """Write a file with the line end that most tools leave."""
    file.write_text(content + "\n")
    return file


def told(error: BaseException) -> str:
    """Give all that a log could show of an error, with what it was raised from."""
    assert error.__cause__ is None
    context = told(error.__context__) if error.__context__ else ""
    return f"{error!r} {error} {vars(error)} {context}"
