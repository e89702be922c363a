"""Wrapping keys: KMS in moto's shapes, a real OpenBao, and the local store's own key."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from glisecrets.errors import (
    AccessDenied,
    ConfigurationError,
    StoreUnavailable,
    Undecryptable,
)
from glisecrets.keys.envelope import (
    AwsWrappingKey,
    Envelope,
    FieldContext,
    LocalWrappingKey,
    MemoryDataKeys,
    TransitWrappingKey,
    Wrapped,
    open_wrapping_key,
)
from glisecrets.references import Address
from glisecrets.stores.local import LocalStore
from glisecrets.stores.local.file import LedgerFile

from .strict_kms import StrictKms

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from glisecrets.keys.envelope import WrappingKey

    from ..stores.openbao import OpenBao

EMAIL = FieldContext("confidential", "production", "user.email")
NAME = FieldContext("confidential", "production", "user.name")


@pytest.fixture(scope="module")
def transit(openbao: OpenBao) -> str:
    """The mount of a transit engine with the derived key ``gli`` and the plain key ``plain``."""
    mount = f"transit-{secrets.token_hex(4)}"
    with openbao.client() as client:
        client.sys.enable_secrets_engine("transit", path=mount)
        engine = client.secrets.transit
        engine.create_key("gli", derived=True, mount_point=mount)
        engine.create_key("plain", mount_point=mount)
    return mount


def transit_key(openbao: OpenBao, mount: str, key: str = "gli") -> TransitWrappingKey:
    address = f"vault:{openbao.url}?key={key}&mount={mount}"
    opened = open_wrapping_key(address, environ=openbao.environ())
    assert isinstance(opened, TransitWrappingKey)
    return opened


@pytest.fixture(params=["moto", "openbao", "local"])
def key(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WrappingKey]:
    if request.param == "local":
        yield open_wrapping_key("local:keys", directory=tmp_path, environ={})
    elif request.param == "openbao":
        openbao, mount = (request.getfixturevalue(name) for name in ("openbao", "transit"))
        bao = transit_key(openbao, mount)
        yield bao
        bao.close()
    else:
        with mock_aws():
            client = boto3.client(
                "kms", "ap-northeast-2", aws_access_key_id="x", aws_secret_access_key="x"
            )
            arn = client.create_key()["KeyMetadata"]["Arn"]
            yield AwsWrappingKey(arn, client=client)


def test_every_keeper_wraps_for_one_context(key: WrappingKey) -> None:
    """A data key opens for its own field; for another one, or altered, it does not."""
    plain, wrapped = key.generate(EMAIL)
    assert len(plain) == 32
    assert plain not in wrapped.blob
    assert key.unwrap(wrapped, EMAIL) == plain
    blob = bytearray(wrapped.blob)
    blob[-3] = ord("A") if blob[-3] != ord("A") else ord("B")
    for other, context in ((wrapped, NAME), (wrapped._replace(blob=bytes(blob)), EMAIL)):
        with pytest.raises(Undecryptable):
            key.unwrap(other, context)


def test_every_keeper_rewraps(key: WrappingKey) -> None:
    """The new form holds the same data key, for the same context."""
    plain, wrapped = key.generate(EMAIL)
    again = key.rewrap(wrapped, EMAIL)
    assert again.blob != wrapped.blob
    assert key.unwrap(again, EMAIL) == plain
    with pytest.raises(Undecryptable):
        key.unwrap(again, NAME)


def test_every_keeper_serves_an_envelope(key: WrappingKey) -> None:
    """Encrypted by one process, rewrapped by an operator, read by another."""
    rows = MemoryDataKeys()
    parts = ("confidential", "production", "user.email")
    message = Envelope(key, rows).field(*parts).encrypt(b"value")
    assert len(list(Envelope(key, rows).rewrap())) == 1
    assert Envelope(key, rows).field(*parts).decrypt(message) == b"value"


# AWS KMS ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("AccessDeniedException", AccessDenied),
        ("ExpiredTokenException", AccessDenied),
        ("UnrecognizedClientException", AccessDenied),
        ("NotFoundException", Undecryptable),
        ("KMSInvalidStateException", Undecryptable),
        ("IncorrectKeyException", Undecryptable),
        ("ThrottlingException", StoreUnavailable),
        ("KMSInternalException", StoreUnavailable),
        ("KeyUnavailableException", StoreUnavailable),
        ("SomethingNewException", StoreUnavailable),
    ],
)
def test_what_kms_answers_is_told_with_a_next_step(code: str, error: type[Exception]) -> None:
    """Whoever is on call learns what, which key, and what to do."""
    kms = StrictKms(failing=code)
    with pytest.raises(error, match=code) as raised:
        AwsWrappingKey("alias/gli-secrets", client=kms.client()).generate(EMAIL)
    assert "alias/gli-secrets" in str(raised.value)
    assert "\n  next: " in str(raised.value)
    assert raised.value.__context__ is None


def test_a_data_key_is_decrypted_by_its_own_kms_key_only() -> None:
    """A row that names a key of another account is not decrypted by it."""
    kms = StrictKms()
    key = AwsWrappingKey("alias/gli-secrets", client=kms.client())
    _, wrapped = key.generate(EMAIL)
    with pytest.raises(Undecryptable):
        key.unwrap(wrapped._replace(key="arn:aws:kms:eu-west-1:999999999999:key/other"), EMAIL)


def test_kms_out_of_reach_is_worth_a_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer is another thing than no right."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    address = "aws:alias/x?region=eu-west-1&endpoint_url=http://127.0.0.1:1"
    with pytest.raises(StoreUnavailable, match="EndpointConnectionError"):
        open_wrapping_key(address).generate(EMAIL)


def test_a_client_that_cannot_be_made_is_the_set_ups_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that is not there is told as such."""
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with pytest.raises(ConfigurationError, match="ProfileNotFound"):
        open_wrapping_key("aws:alias/x?region=eu-west-1&profile=nobody").generate(EMAIL)


# Transit ------------------------------------------------------------------------------------


def test_a_transit_key_that_binds_no_context_is_refused(openbao: OpenBao, transit: str) -> None:
    """A key that is not derived ignores the context without a word."""
    key = transit_key(openbao, transit, "plain")
    with pytest.raises(ConfigurationError, match="derived"):
        key.generate(EMAIL)
    key.close()


def test_transit_rewraps_under_the_newest_version(openbao: OpenBao, transit: str) -> None:
    """After a rotation and a rewrap, old versions of the transit key can be given up."""
    key = transit_key(openbao, transit, "turning")
    with openbao.client() as client:
        engine = client.secrets.transit
        engine.create_key("turning", derived=True, mount_point=transit)
        plain, wrapped = key.generate(EMAIL)
        engine.rotate_key("turning", mount_point=transit)
        again = key.rewrap(wrapped, EMAIL)
        engine.update_key_configuration("turning", min_decryption_version=2, mount_point=transit)
    assert [wrapped.material, again.material] == ["v1", "v2"]
    assert key.unwrap(again, EMAIL) == plain
    with pytest.raises(Undecryptable, match="min_decryption_version"):
        key.unwrap(wrapped, EMAIL)
    key.close()


def test_a_missing_right_on_transit_is_told_with_its_path(openbao: OpenBao, transit: str) -> None:
    """The error names the path that the policy lacks."""
    with openbao.client() as client:
        token = client.auth.token.create(policies=["default"])["auth"]["client_token"]
    address = f"vault:{openbao.url}?key=gli&mount={transit}"
    key: Any = open_wrapping_key(address, environ={"VAULT_ADDR": openbao.url, "VAULT_TOKEN": token})
    with pytest.raises(AccessDenied, match=f"{transit}/datakey/plaintext/gli"):
        key.generate(EMAIL)
    key.close()


# The local key ------------------------------------------------------------------------------


def test_the_local_key_is_the_local_stores_own(tmp_path: Path) -> None:
    """One key file to keep; values of the store and data keys never open each other."""
    store = LocalStore(tmp_path)
    store.create("gli/db", "value")
    made = (tmp_path / "key").read_bytes()
    plain, wrapped = LocalWrappingKey(tmp_path).generate(EMAIL)
    assert (tmp_path / "key").read_bytes() == made
    assert LocalWrappingKey(tmp_path).unwrap(wrapped, EMAIL) == plain
    assert store.get(Address("gli/db")).value == "value"


@pytest.mark.parametrize("lost", ["key", "folder", "store", "other key"])
def test_without_its_key_nothing_opens_and_no_new_key_is_made(tmp_path: Path, lost: str) -> None:
    """A key file that was lost is told; making another would bury what the first one opens."""
    folder = tmp_path / "store"
    _, wrapped = LocalWrappingKey(folder).generate(EMAIL)
    if lost == "folder":
        folder = tmp_path / "empty"
    elif lost == "store":  # another one, made and never written to
        folder = tmp_path / "unused"
        with LedgerFile(folder).writing():
            pass
    elif lost == "key":
        (folder / "key").unlink()
    given = os.urandom(32) if lost == "other key" else None
    with pytest.raises(Undecryptable):
        LocalWrappingKey(folder, key=given).unwrap(wrapped, EMAIL)
    assert (folder / "key").exists() == (lost == "other key")


# Addresses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "aws",
        "aws:",
        "aws:alias/x?regoin=eu-west-1",
        "vault:https://v",
        "off",
        "gcp:x",
        "local:x?k=1",
    ],
)
def test_an_address_that_names_no_key_is_refused(address: str, tmp_path: Path) -> None:
    """A mistyped option is not ignored."""
    with pytest.raises(ConfigurationError):
        open_wrapping_key(address, directory=tmp_path, environ={})


def test_a_wrapping_key_connects_only_when_asked() -> None:
    """A service starts, and its checks run, without KMS."""
    key = open_wrapping_key("aws:alias/x?region=eu-west-1", environ={})
    assert (key.scheme, key.name) == ("aws", "alias/x")
    assert Wrapped(b"", "x").material is None
