"""RSA key pairs: what openssl and ssh-keygen write is read, what is weak or damaged is refused."""

from __future__ import annotations

import base64
import subprocess
from functools import cache
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc import jwt
from joserfc.jwk import RSAKey

from glisecrets.errors import ConfigurationError
from glisecrets.keys import InvalidKey, InvalidSignature, KeyPair, PublicKey

if TYPE_CHECKING:
    from pathlib import Path

#: RFC 7638, section 3.1: a key and its thumbprint.
RFC_7638_KEY = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1"
    "L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4"
    "QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbO"
    "pbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csF"
    "Cur-kEgU8awapJzKnqDKgw",
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}
RFC_7638_THUMBPRINT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@cache
def pair() -> KeyPair:
    return KeyPair.generate()


def private_pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize("bits", [2048, 3072])
def test_a_new_pair_has_the_size_that_is_asked_for(bits: int) -> None:
    """The size and the exponent are what RS256 asks for."""
    made = KeyPair.generate(bits)
    assert (made.rsa.key_size, made.public.rsa.public_numbers().e) == (bits, 65537)


@pytest.mark.parametrize("bits", [512, 1024, 2047, 8192])
def test_other_sizes_are_not_made(bits: int) -> None:
    """A weak key cannot be made by a slip of the pen."""
    with pytest.raises(ConfigurationError, match="2048, 3072, 4096"):
        KeyPair.generate(bits)


def test_the_id_is_the_thumbprint_of_rfc_7638() -> None:
    """Any verifier can work out which key it has."""
    assert PublicKey.from_jwk(RFC_7638_KEY).kid == RFC_7638_THUMBPRINT


def test_another_library_verifies_what_we_publish() -> None:
    """A token that the pair signs is good for joserfc, by the JWK alone; the ids agree."""
    key = RSAKey.import_key(pair().pem)
    token = jwt.encode({"alg": "RS256", "kid": pair().kid}, {"sub": "7"}, key)
    published = RSAKey.import_key(pair().public.jwk)
    assert jwt.decode(token, published).claims == {"sub": "7"}
    assert published.thumbprint() == pair().kid


def test_a_signature_is_of_one_message_by_one_key() -> None:
    """A changed message and another key's signature raise; a good one passes."""
    signature = pair().sign(b"message")
    pair().public.verify(signature, b"message")
    with pytest.raises(InvalidSignature):
        pair().public.verify(signature, b"massage")
    with pytest.raises(InvalidSignature):
        KeyPair.generate().public.verify(signature, b"message")


@pytest.mark.parametrize(
    "form", ["raw", "escaped", "base64", "crlf", "Windows", "base64 of Windows"]
)
def test_a_key_is_read_in_the_forms_that_it_travels_in(form: str) -> None:
    """GitHub Secrets, .env files and JSON mangle a PEM key, each in its way."""
    forms = {
        "raw": lambda pem: pem,
        "escaped": lambda pem: pem.replace("\n", "\\n"),
        "base64": lambda pem: base64.b64encode(pem.encode()).decode(),
        "crlf": lambda pem: pem.replace("\n", "\r\n"),
        "Windows": lambda pem: "\ufeff" + pem.replace("\n", "\r\n"),
        "base64 of Windows": lambda pem: base64.b64encode(f"\ufeff{pem}".encode()).decode(),
    }
    assert KeyPair.from_pem(forms[form](pair().pem)).kid == pair().kid
    assert PublicKey.from_pem(forms[form](pair().public.pem)).kid == pair().kid


def test_keys_of_openssl_and_ssh_keygen_are_read(tmp_path: Path) -> None:
    """The guide's own commands (section 6.3.3) make keys that are taken as they are."""
    openssl, ssh = tmp_path / "openssl.pem", tmp_path / "ssh"
    commands = [
        ["openssl", "genrsa", "-traditional", "-out", str(openssl), "2048"],
        ["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "", "-f", str(ssh)],
        ["openssl", "rsa", "-in", str(ssh), "-pubout", "-out", f"{ssh}.pem"],
    ]
    for command in commands:
        try:
            subprocess.run(command, check=True, capture_output=True)
        except FileNotFoundError:
            pytest.skip(f"{command[0]} is not here")
    assert openssl.read_text().startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert KeyPair.from_pem(openssl.read_text()).rsa.key_size == 2048
    public = PublicKey.from_pem((tmp_path / "ssh.pem").read_text())
    assert KeyPair.from_pem(ssh.read_text()).kid == public.kid


def test_a_key_for_another_scheme_alone_is_refused(tmp_path: Path) -> None:
    """Its owner has said that it signs by RSASSA-PSS and nothing else; both halves say so."""
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    made = ["genpkey", "-algorithm", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"]
    for arguments in (
        [*made, "-out", private],
        ["pkey", "-in", private, "-pubout", "-out", public],
    ):
        try:
            subprocess.run(["openssl", *arguments], check=True, capture_output=True)
        except FileNotFoundError:
            pytest.skip("openssl is not here")
    for read, file in ((KeyPair.from_pem, private), (PublicKey.from_pem, public)):
        with pytest.raises(InvalidKey, match="PSS"):
            read(file.read_text())


def damaged_keys() -> dict[str, str]:
    key = pair().rsa
    encrypted = BestAvailableEncryption(b"passphrase")
    numbers, other = key.private_numbers(), KeyPair.generate().rsa.private_numbers()
    mixed = rsa.RSAPrivateNumbers(
        numbers.p, numbers.q, other.d, numbers.dmp1, numbers.dmq1, numbers.iqmp,
        numbers.public_numbers,
    ).private_key(unsafe_skip_rsa_key_validation=True)  # fmt: skip
    return {
        "1024 bits": private_pem(rsa.generate_private_key(65537, 1024)),
        "exponent 3": private_pem(rsa.generate_private_key(3, 2048)),
        "a public key": pair().public.pem,
        "lost line breaks": pair().pem.replace("\n", " "),
        "half of it": pair().pem[:800],
        "passphrase": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encrypted).decode(),
        "of two keys": private_pem(mixed),
        "no key": "hunter2",
    }


def test_what_is_no_good_private_key_is_refused_and_not_repeated() -> None:
    """Weak, damaged, public and encrypted keys fail when they are read, not at the first login."""
    for name, text in damaged_keys().items():
        with pytest.raises(InvalidKey) as caught:
            KeyPair.from_pem(text)
        shown = f"{caught.value}{caught.value.__context__}"
        assert not any(line in shown for line in text.splitlines()), name


@pytest.mark.parametrize(
    "jwk", [{}, {"kty": "EC"}, {"kty": "RSA", "n": 5, "e": "AQAB"}, {**RFC_7638_KEY, "e": "Aw"}]
)
def test_what_is_no_good_json_web_key_is_refused(jwk: dict[str, object]) -> None:
    """Of a JWKS that someone else publishes, only sound RSA keys are used."""
    with pytest.raises(InvalidKey):
        PublicKey.from_jwk(jwk)


def test_a_private_key_is_no_public_key() -> None:
    """Where a public key is asked for, a private one by mistake is refused, with the cure."""
    with pytest.raises(InvalidKey, match="keys jwt public FILE"):
        PublicKey.from_pem(pair().pem)


def test_pkcs1_public_keys_are_read() -> None:
    """The older form of a public key is taken too."""
    old = pair().rsa.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()
    assert PublicKey.from_pem(old).kid == pair().kid


def test_the_repr_shows_the_id_alone() -> None:
    """A key pair in a log or a traceback gives nothing away."""
    assert repr(pair()) == f"<KeyPair {pair().kid}>"
