"""Private keys behind a passphrase, in the forms that travel, and those that anyone can break."""

from __future__ import annotations

import random
import secrets
import subprocess
from functools import cache
from math import prod

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from glisecrets.errors import ConfigurationError
from glisecrets.keys import InvalidKey, KeyPair, PublicKey, encrypted_pem
from glisecrets.pem_forms import escaped, one_line

_ROCA_MODULUS_PARTS = (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)


@cache
def pair() -> KeyPair:
    return KeyPair.generate()


@cache
def protected() -> tuple[str, str]:
    """A passphrase with characters of all kinds, and the key behind it."""
    passphrase = f"pæss 문구 {secrets.token_urlsafe(16)}"
    return passphrase, pair().encrypted(passphrase)


@pytest.mark.parametrize("form", [str, one_line, escaped])
def test_an_encrypted_key_reads_back_in_every_form(form: type[str]) -> None:
    """GitHub Secrets and .env files take it as they take the plain one."""
    passphrase, pem = protected()
    assert pem.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    assert KeyPair.from_pem(form(pem), passphrase).kid == pair().kid


@pytest.mark.parametrize("form", [one_line, escaped])
def test_a_one_line_form_is_one_line_and_reads_back(form: type[str]) -> None:
    """No shell, no .env file and no JSON gets a line break wrong that is not there."""
    for pem, read in (
        (pair().pem, KeyPair.from_pem),
        (pair().pkcs1, KeyPair.from_pem),
        (pair().public.pem, PublicKey.from_pem),
        (pair().public.pkcs1, PublicKey.from_pem),
    ):
        assert len(form(pem).splitlines()) == 1
        assert read(form(pem)).kid == pair().kid


def test_another_passphrase_or_none_is_told_as_such() -> None:
    """Who mistypes it knows what to do; the message repeats neither."""
    passphrase, pem = protected()
    wrong = secrets.token_urlsafe()
    for given, told in ((wrong, "another one"), (None, "behind a passphrase"), ("", "behind")):
        with pytest.raises(InvalidKey, match=told) as caught:
            KeyPair.from_pem(pem, given)
        assert passphrase not in str(caught.value)
        assert wrong not in str(caught.value)
    with pytest.raises(InvalidKey, match="no passphrase"):
        KeyPair.from_pem(pair().pem, wrong)
    with pytest.raises(ConfigurationError, match="empty"):
        pair().encrypted("")


def test_each_guess_at_a_passphrase_is_dear() -> None:
    """What OWASP's Password Storage Cheat Sheet asks of scrypt at N = 2¹⁴, or more."""
    cost, parallel = encrypted_pem.COST, encrypted_pem.PARALLEL
    assert (cost >= 2**14, encrypted_pem.BLOCK_SIZE, parallel) == (True, 8, 5)


def test_openssl_reads_what_we_encrypt() -> None:
    """The form is PKCS#8's own; the openssl command takes it within its limit of memory."""
    passphrase, pem = protected()
    command = ["openssl", "pkey", "-noout", "-check", "-passin", "env:P"]
    try:
        done = subprocess.run(
            command, input=pem.encode(), capture_output=True, check=False, env={"P": passphrase}
        )
    except FileNotFoundError:
        pytest.skip("openssl is not here")
    assert b"valid" in done.stdout, done.stderr


def test_keys_encrypted_elsewhere_are_read() -> None:
    """Also those with weaker derivation, as openssl writes them of itself."""
    command = ["openssl", "pkcs8", "-topk8", "-passout", "pass:weak"]
    try:
        done = subprocess.run(command, input=pair().pem.encode(), capture_output=True, check=True)
    except FileNotFoundError:
        pytest.skip("openssl is not here")
    assert KeyPair.from_pem(done.stdout.decode(), "weak").kid == pair().kid


def test_pkcs1_is_what_openssl_writes() -> None:
    """Programs that know no PKCS#8 are served too."""
    assert pair().pkcs1.startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    read = load_pem_private_key(pair().pkcs1.encode(), None)
    assert isinstance(read, rsa.RSAPrivateKey)
    assert read.private_numbers() == pair().rsa.private_numbers()
    assert pair().public.pkcs1.startswith("-----BEGIN RSA PUBLIC KEY-----\n")


def modulus_of_close_primes() -> int:
    """The product of two numbers that are close, and have no small factor."""
    while True:
        middle = secrets.randbits(1022) | 3 << 1022 | 1
        halves = (middle - 2**10, middle + 2**10)
        if all(half % small for half in halves for small in range(3, 1000, 2)):
            return prod(halves)


def modulus_of_roca() -> int:
    """A number with the mark of the chips: a power of 65537 modulo each small prime."""
    module = prod(_ROCA_MODULUS_PARTS)
    start = pow(65537, 12_345, module)
    while True:
        found = start + module * (secrets.randbits(1950) | 1 << 1960)
        if found.bit_length() >= 2048 and all(found % small for small in range(2, 1000)):
            return found


def modulus_with_small_factor() -> int:
    """What a broken generator makes."""
    return 997 * (secrets.randbits(2046) | 1 << 2046 | 1)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (modulus_of_close_primes, "close"),
        (modulus_of_roca, "CVE-2017-15361"),
        (modulus_with_small_factor, "small factor"),
    ],
)
def test_a_key_that_anyone_can_break_is_refused(make: object, told: str) -> None:
    """A long key is no good one of itself."""
    modulus = make()  # type: ignore[operator]
    public = rsa.RSAPublicNumbers(65537, modulus).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(InvalidKey, match=told):
        PublicKey.from_pem(pem)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (lambda: pair().public.pem, "public key, where the private"),
        (lambda: pair().pem.replace("\n", " "), "lost its line breaks"),
        (lambda: pair().pem.replace("\n", ""), "lost its line breaks"),
    ],
)
def test_what_went_wrong_on_the_way_is_named(text: object, told: str) -> None:
    """The usual slips have messages of their own, which repeat nothing of the key."""
    given = text()  # type: ignore[operator]
    with pytest.raises(InvalidKey, match=told) as caught:
        KeyPair.from_pem(given)
    assert caught.value.__context__ is None
    sample = random.Random(0).sample(range(40, len(given) - 60), 5)
    assert not any(given[i : i + 12] in str(caught.value) for i in sample)


def test_the_halves_of_two_pairs_do_not_match() -> None:
    """A private key deployed beside another pair's public one is found before the first login."""
    pair().check_public(pair().public)
    with pytest.raises(InvalidKey, match="not the other half"):
        pair().check_public(KeyPair.generate().public)
    with pytest.raises(InvalidKey, match="private key, where the public"):
        PublicKey.from_pem(pair().pem)
