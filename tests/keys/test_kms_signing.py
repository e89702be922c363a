"""Keys that sign in AWS KMS: like any other of the keyring, only that nobody can take them away."""

from __future__ import annotations

import copy
import hashlib
import json
import secrets
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from glisecrets import Address
from glisecrets.cli.main import main
from glisecrets.errors import AccessDenied, ConfigurationError, StoreUnavailable
from glisecrets.keys import (
    InvalidKey,
    JwtKeys,
    KeyPair,
    LiveJwtKeys,
    RsaKeyring,
    pyjwt,
)
from glisecrets.keys.keyring import FOLLOWED_WITHIN
from glisecrets.keys.kms import KmsRefused, KmsSigner, client, signing
from glisecrets.rotation import NotRotatable, Rotation
from glisecrets.rotation.rotators.jwt_keyring import JwtKeyring
from glisecrets.stores.local import LocalStore

from .strict_kms import StrictKms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    #: Exit code, standard output, standard error.
    Call = Callable[..., tuple[int, str, str]]

NAME = "gli/jwt/development"
ALIAS = "alias/gli-jwt"
NOW = datetime.now(UTC)


def private(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key of the account's; ``number`` tells several apart."""
    return _made(number, bits)


@cache
def _made(number: int, bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@pytest.fixture(scope="module")
def _served() -> tuple[StrictKms, Any]:
    """KMS and a client of it: making one takes longer than most tests."""
    strict = StrictKms()
    return strict, strict.client()


@pytest.fixture
def kms(_served: tuple[StrictKms, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[StrictKms]:
    """An account with one key that signs, at ``alias/gli-jwt``."""
    strict, boto = _served
    vars(strict).update(vars(StrictKms()))
    strict.add(private(), ALIAS)
    monkeypatch.setattr(client, "make_client", lambda *_: boto)
    monkeypatch.setenv("AWS_REGION", "ap-northeast-2")
    forget()
    yield strict
    forget()


def forget() -> None:
    """Be a new process."""
    signing._client.cache_clear()


def ring_of(kms: StrictKms, number: int = 0) -> RsaKeyring:
    alias = f"{ALIAS}-{number}"
    kms.add(private(number), alias)
    return RsaKeyring(RsaKeyring.key_in_kms(f"aws:{alias}", NOW))


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_a_key_in_kms_signs_what_others_verify(kms: StrictKms, bits: int) -> None:
    """Of each size; what is sent is a digest, so a token of any length is signed."""
    key = kms.add(private(1, bits), f"{ALIAS}-{bits}")
    pair = KeyPair(KmsSigner.open(f"aws:{ALIAS}-{bits}"))
    message = secrets.token_bytes(10_000)
    signature = pair.sign(message)
    key.private.public_key().verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    pair.public.verify(signature, message)
    assert kms.signed == [hashlib.sha256(message).digest()]
    assert pair.rsa.key_size == bits


def test_a_keyrings_key_may_be_in_kms(kms: StrictKms) -> None:
    """Tokens by PyJWT and by ourselves, with the thumbprint as kid; the JWKS publishes it."""
    ring = RsaKeyring.parse(ring_of(kms).dumps())
    keys = JwtKeys.of(ring)
    kid = KeyPair(private()).kid
    token = pyjwt.encode(keys, {"sub": "7"})
    assert jwt.get_unverified_header(token)["kid"] == kid
    assert pyjwt.decode(keys, token) == {"sub": "7"}
    assert json.loads(keys.verify(keys.sign(b'{"sub": "8"}'))) == {"sub": "8"}
    assert [key["kid"] for key in keys.jwks()["keys"]] == [kid]
    assert jwt.decode(token, jwt.PyJWK(keys.jwks()["keys"][0]).key, ["RS256"]) == {"sub": "7"}
    ring.check()


def test_the_public_half_is_fetched_once_for_all_processes(kms: StrictKms) -> None:
    """It is in the keyring: a worker that starts while KMS is down verifies all the same."""
    text = ring_of(kms).dumps()
    token = JwtKeys.of(RsaKeyring.parse(text)).sign(b"{}")
    assert kms.calls == {"GetPublicKey": 1, "Sign": 1}
    kms.failing = "ThrottlingException"
    forget()
    keys = JwtKeys.of(RsaKeyring.parse(text))
    keys.verify(token)
    assert [key["kid"] for key in keys.jwks()["keys"]] == [keys.signing.kid]
    assert kms.calls == {"GetPublicKey": 1, "Sign": 1}


def test_the_private_half_is_nowhere(kms: StrictKms) -> None:
    """It cannot be exported, and neither the keyring nor a repr holds more than the ARN."""
    ring = ring_of(kms)
    signer = ring.key_pair.rsa
    numbers = private().private_numbers()
    assert str(numbers.d) not in f"{signer!r}{ring.dumps()}"
    assert ring.signing.material.startswith("aws:arn:aws:kms:ap-northeast-2:")
    none = serialization.NoEncryption()
    for attempt in (
        signer.private_numbers,
        lambda: ring.key_pair.pem,
        lambda: ring.key_pair.encrypted("passphrase"),
        lambda: signer.decrypt(b"", padding.PKCS1v15()),
        lambda: signer.sign(b"", padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()),
        lambda: signer.sign(b"", padding.PKCS1v15(), hashes.SHA512()),
        lambda: signer.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, none
        ),
    ):
        with pytest.raises(ConfigurationError):
            attempt()
    assert copy.deepcopy(signer) is copy.copy(signer) is signer


#: What KMS answers -> our error, and a word of the next step.
ANSWERS = {
    "AccessDeniedException": (AccessDenied, "allow kms:{action}"),
    "UnrecognizedClientException": (AccessDenied, "good credentials"),
    "NotFoundException": (KmsRefused, "the Region"),
    "UnsupportedOperationException": (KmsRefused, "SIGN_VERIFY"),
    "DisabledException": (KmsRefused, "enable-key"),
    "KMSInvalidStateException": (KmsRefused, "cancel-key-deletion"),
    "InvalidKeyUsageException": (KmsRefused, "made for this"),
    "ThrottlingException": (StoreUnavailable, "again"),
    "KeyUnavailableException": (StoreUnavailable, "again"),
    "KMSInternalException": (StoreUnavailable, "again"),
}


@pytest.mark.parametrize("code", ANSWERS)
def test_what_kms_refuses_is_told_with_what_to_do(kms: StrictKms, code: str) -> None:
    """At the start and at each token; the token's claims are in no error."""
    error, told = ANSWERS[code]
    keys = JwtKeys.of(ring_of(kms))
    kms.failing = code
    claim = secrets.token_hex()
    for action, attempt in {
        "Sign": lambda: pyjwt.encode(keys, {"sub": claim}),
        "GetPublicKey": lambda: KmsSigner.open(f"aws:{ALIAS}"),
    }.items():
        with pytest.raises(error) as caught:
            attempt()
        assert told.format(action=action) in caught.value.next_step
        assert caught.value.next_step
        assert action in caught.value.message
        assert claim not in f"{caught.value!r}"
        assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize(
    ("state", "told"), [("Disabled", "Disabled"), ("PendingDeletion", "State")]
)
def test_a_key_that_is_disabled_or_about_to_be_deleted_signs_nothing(
    kms: StrictKms, state: str, told: str
) -> None:
    """And what it has signed is good as before: verifying is ours."""
    keys = JwtKeys.of(ring_of(kms))
    token = keys.sign(b"{}")
    kms.signing[f"{ALIAS}-0"].state = state
    with pytest.raises(KmsRefused, match=told):
        keys.sign(b"{}")
    keys.verify(token)


def test_a_key_that_is_made_for_something_else_is_refused(kms: StrictKms) -> None:
    """One that encrypts, an elliptic one, a symmetric one: with what to make instead."""
    kms.add(private(), "alias/encrypts").usage = "ENCRYPT_DECRYPT"
    kms.add(ec.generate_private_key(ec.SECP256R1()), "alias/elliptic")
    for alias in ("alias/encrypts", "alias/elliptic"):
        with pytest.raises(InvalidKey, match="does not sign") as caught:
            KmsSigner.open(f"aws:{alias}")
        assert "--key-usage SIGN_VERIFY --key-spec RSA_2048" in caught.value.next_step
    with pytest.raises(KmsRefused, match="UnsupportedOperation"):
        KmsSigner.open(f"aws:{kms.arn}")


@pytest.mark.parametrize("address", ["local:x", "aws:", "aws:alias/x?key=7", "alias/x", "vault:x"])
def test_what_is_no_address_of_a_key_is_refused(kms: StrictKms, address: str) -> None:
    """Before anybody is asked."""
    with pytest.raises(ConfigurationError):
        KmsSigner.open(address)
    assert not kms.calls


def test_a_keyring_that_names_another_key_than_it_has_is_refused(kms: StrictKms) -> None:
    """Its kid is the thumbprint of what signs, whatever was written by hand."""
    document = ring_of(kms).document()
    signing_key = document["signing"]
    for id_, material, told in (
        (KeyPair(private(7)).kid, signing_key["material"], "another id than its thumbprint"),
        (signing_key["id"], f"aws:{ALIAS}", "its ARN and its public half"),
        (signing_key["id"], signing_key["material"].partition("\n")[0], "PEM"),
    ):
        document["signing"] = {**signing_key, "id": id_, "material": material}
        with pytest.raises(InvalidKey, match=told):
            JwtKeys.of(RsaKeyring.of(document))


def test_keys_in_kms_take_turns(kms: StrictKms) -> None:
    """A new one is published before it signs; the old one's public half stays, without KMS."""
    first = ring_of(kms, 1)
    token = JwtKeys.of(first).sign(b"{}")
    two, three = (ring_of(kms, number).signing for number in (2, 3))
    published = first.rotated(two, NOW, timedelta(days=30))
    after = published.rotated(three, NOW, timedelta(days=30))
    after.check()
    assert (published.signing.id, after.signing.id) == (first.signing.id, two.id)
    assert "BEGIN PUBLIC KEY" in after.retired[0].material
    kms.signing[f"{ALIAS}-1"].state = "PendingDeletion"
    JwtKeys.of(RsaKeyring.parse(after.dumps())).verify(token)


def test_a_process_follows_a_rotation_while_kms_is_down(kms: StrictKms) -> None:
    """It publishes the new key and verifies by it; only its own signatures fail."""
    first, second = ring_of(kms, 1), ring_of(kms, 2)
    text = first.dumps()
    live = LiveJwtKeys(lambda: text)
    live()
    kms.failing = "ThrottlingException"
    text = first.rotated(second.signing, NOW, timedelta(days=1)).dumps()
    assert list(live().published) == [first.signing.id, second.signing.id]
    with pytest.raises(StoreUnavailable):
        live().sign(b"{}")


def test_a_forked_worker_asks_by_connections_of_its_own(
    kms: StrictKms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that loads before it forks never has two workers read one another's answers."""
    boto, made = kms.client(), []
    monkeypatch.setattr(client, "make_client", lambda *_: made.append(1) or boto)
    keys = JwtKeys.of(ring_of(kms))
    keys.sign(b"{}")
    before = len(made)
    monkeypatch.setattr(client.os, "getpid", lambda: -1)
    for _ in range(3):
        keys.sign(b"{}")
    assert len(made) == before + 1


def test_rotation_leaves_keys_in_kms_alone(kms: StrictKms) -> None:
    """It would have to make keys there; the refusal names the command that takes their place."""
    rotation = Rotation("gli/jwt", secrets.token_hex(16), ring_of(kms).dumps())
    kms.calls.clear()
    with pytest.raises(NotRotatable, match="is in AWS KMS") as caught:
        JwtKeyring().propose(rotation)
    assert "glisecrets keys jwt kms gli/jwt" in caught.value.next_step
    assert not kms.calls


# The command line ---------------------------------------------------------------------------


@pytest.fixture
def call(
    kms: StrictKms,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Call:
    """Runs the command line in a project with a local store."""
    for name in (
        "CI",
        "COLUMNS",
        "GITHUB_ACTIONS",
        "GLISECRETS_STORE",
        "FORCE_COLOR",
        "AWS_PROFILE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DJANGO_ENV", "development")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[project]\n", "utf-8")
    for number in (1, 2, 3):
        kms.add(private(number), f"{ALIAS}-{number}")

    def run(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main(["keys", "jwt", *arguments])
        return (code, *capfd.readouterr())

    return run


def stored(folder: Path) -> RsaKeyring:
    return RsaKeyring.parse(LocalStore(folder / ".secrets").get(Address(NAME)).value)


def kid(number: int) -> str:
    return KeyPair(private(number)).kid


def test_one_command_makes_the_keyring_and_rotates_it(call: Call, tmp_path: Path) -> None:
    """Two keys from the first day on; each new key is next, and no token in between is refused."""
    code, out, err = call("kms", "gli/jwt/{environment}", f"aws:{ALIAS}-1", f"aws:{ALIAS}-2")
    ring = stored(tmp_path)
    assert (code, kid(1) in out, ring.signing.id, ring.next and ring.next.id) == (
        *(0, True, kid(1)),
        kid(2),
    ), err
    token = JwtKeys.of(ring).sign(b"{}")
    assert call("kms", NAME, f"aws:{ALIAS}-3", "--token-life", "7d")[0] == 0
    after = stored(tmp_path)
    assert (after.signing.id, after.next and after.next.id) == (kid(2), kid(3))
    [retired] = after.retired
    assert retired.expires
    assert retired.retired
    assert retired.expires - retired.retired == timedelta(days=7) + FOLLOWED_WITHIN
    JwtKeys.of(after).verify(token)
    code, out, _ = call("verify", "--store", NAME, "--format", "json")
    assert [key["role"] for key in json.loads(out)["keys"]] == ["signing", "next", "retired"]


def test_in_an_emergency_no_other_key_is_left(call: Call, tmp_path: Path) -> None:
    """Only when that was confirmed: everybody must log in again, an attacker too."""
    call("kms", NAME, f"aws:{ALIAS}-1")
    command = ("kms", NAME, f"aws:{ALIAS}-2", f"aws:{ALIAS}-3", "--drop-others")
    assert call(*command)[0] == 2
    assert stored(tmp_path).signing.id == kid(1)
    assert call(*command, "--yes")[0] == 0
    assert [key.id for key in stored(tmp_path).accepted()] == [kid(2), kid(3)]


def test_a_keyring_of_pem_keys_moves_to_kms(call: Call, tmp_path: Path) -> None:
    """The PEM keys take their turn to the end; other parts of the secret stay."""
    call("generate", "--store", NAME)
    before = stored(tmp_path)
    for number in (1, 2):
        assert call("kms", NAME, f"aws:{ALIAS}-{number}")[0] == 0
    ring = stored(tmp_path)
    assert before.next
    assert [key.id for key in ring.accepted()] == [
        *(kid(1), kid(2)),
        *(before.next.id, before.signing.id),
    ]
    assert "PRIVATE" not in ring.dumps()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([f"aws:{ALIAS}-production"], "belongs to production"),
        ([f"aws:{ALIAS}-1", f"aws:{ALIAS}-2", f"aws:{ALIAS}-3"], "two keys at most"),
        (["aws:alias/nothing"], "NotFound"),
        ([f"aws:{ALIAS}-1", "--token-life", "long"], "not a duration"),
        (["local:x"], "not the address of a KMS key"),
    ],
)
def test_what_cannot_be_done_changes_nothing(
    call: Call, tmp_path: Path, arguments: list[str], told: str
) -> None:
    """One sentence, and no secret is made."""
    code, out, err = call("kms", NAME, *arguments)
    assert (code in {2, 3}, out) == (True, "")
    assert told in " ".join(err.split())
    assert not (tmp_path / ".secrets").exists() or not list(
        LocalStore(tmp_path / ".secrets").names()
    )


def test_a_key_is_added_once_and_to_a_keyring_alone(call: Call, tmp_path: Path) -> None:
    """Programs that read private_key would go on signing by a key that is retired."""
    assert call("kms", NAME, f"aws:{ALIAS}-1")[0] == 0
    assert call("kms", NAME, f"aws:{ALIAS}-1")[0] == 2
    assert call("kms", NAME, f"aws:{ALIAS}-2", f"aws:{ALIAS}-3")[0] == 2
    store = LocalStore(tmp_path / ".secrets")
    document: dict[str, Any] = {**stored(tmp_path).document(), "private_key": "PEM"}
    store.put(NAME, json.dumps(document))
    code, _, err = call("kms", NAME, f"aws:{ALIAS}-2")
    assert (code, "private_key" in err) == (2, True)


def test_keys_that_are_not_in_kms_import_no_client_of_it() -> None:
    """Who keeps PEM keys never waits for botocore."""
    code = (
        "import sys; from datetime import datetime, UTC; from glisecrets.keys import *\n"
        "JwtKeys.of(RsaKeyring(RsaKeyring.new_key(datetime.now(UTC))))\n"
        "assert not {'botocore', 'glisecrets.keys.kms'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-P", "-c", code], check=True)
