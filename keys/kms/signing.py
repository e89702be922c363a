"""RSA keys that never leave AWS KMS: they sign there, and their public half is kept here.

Sources: ``Sign`` and ``GetPublicKey`` in the KMS API reference. A digest is sent and not the
message: KMS takes messages of 4,096 bytes at most, and tokens are nobody else's business.
"""

from __future__ import annotations

import hashlib
import os
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding as paddings
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from glisecrets.errors import ConfigurationError
from glisecrets.providers import Patience
from glisecrets.stores.opening import StoreAddress

from ..errors import InvalidKey
from ..key_pair import PublicKey
from ..weak_keys import checked
from .client import KmsClient

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        KeySerializationEncryption,
        PrivateFormat,
    )

_ALGORITHM: Final = "RSASSA_PKCS1_V1_5_SHA_256"
#: Somebody waits for the token: seconds to connect and for an answer, and tries.
_PATIENCE = Patience(connect=2, read=3, attempts=3)
_REGION = re.compile(r"arn:[\w-]+:kms:([\w-]+):")
_OPTIONS = {"region", "profile", "endpoint_url"}


class KmsSigner(rsa.RSAPrivateKey):
    """A private key in KMS, wherever ``cryptography`` takes one of its own: it signs by RS256.

    ::

        pair = KeyPair(KmsSigner.open("aws:alias/gli-jwt?region=ap-northeast-2"))

    Signing raises ``AccessDenied``, :class:`~glisecrets.keys.kms.KmsRefused` (disabled, pending
    deletion) or ``StoreUnavailable`` (throttled, out of reach).
    """

    def __init__(self, arn: str, public: rsa.RSAPublicKey, client: KmsClient) -> None:
        self.arn = arn
        self._public = public
        self._client = client

    @classmethod
    def open(cls, address: str) -> Self:
        """Fetch a key's public half, and see that it signs as JSON Web Tokens ask.

        Args:
            address: ``aws:`` and a key's ARN, id or alias, with ``?region=…&profile=…``.

        Raises:
            ConfigurationError: no such address.
            InvalidKey: the key is for something else, or no RSA key.
            AccessDenied: no ``kms:GetPublicKey``.
            KmsRefused: no such key, disabled, pending deletion, or no asymmetric one.
            StoreUnavailable: KMS cannot be reached, or throttles.
        """
        scheme, key, options = StoreAddress.parse(address)
        if scheme != "aws" or not key or options.keys() - _OPTIONS:
            raise ConfigurationError(
                "not the address of a KMS key", next_step="write aws:alias/gli-jwt?region=…"
            )
        region = options.pop("region", None) or _region(key)
        client = _client(region, **options)
        answer = client.ask("GetPublicKey", region, KeyId=key)
        return cls(answer["KeyId"], _public(key, answer), client)

    @classmethod
    def of(cls, material: str) -> Self:
        """Take a key whose public half is known: KMS is asked for signatures alone.

        Args:
            material: what :attr:`material` gave.

        Raises:
            InvalidKey: it is something else.
        """
        address, _, pem = material.partition("\n")
        arn = address.removeprefix("aws:")
        if not _REGION.match(arn):
            raise InvalidKey(
                "a key in KMS is not told by its ARN and its public half",
                next_step="have it written: glisecrets keys jwt kms",
            )
        return cls(arn, PublicKey.from_pem(pem).rsa, _client(_region(arn)))

    @property
    def material(self) -> str:
        """What a keyring keeps of it: its ARN, as an alias may be moved, and its public half."""
        return f"aws:{self.arn}\n{PublicKey(self._public).pem}"

    @property
    def key_size(self) -> int:
        """Bits."""
        return self._public.key_size

    def public_key(self) -> rsa.RSAPublicKey:
        """Give the public half."""
        return self._public

    def sign(self, data: bytes, padding: Any, algorithm: Any) -> bytes:
        """Sign at KMS: one request, of milliseconds.

        Raises:
            ConfigurationError: not by PKCS#1 v1.5 and SHA-256.
            StoreError: KMS does not sign: see the class.
        """
        if type(padding) is not paddings.PKCS1v15 or not isinstance(algorithm, hashes.SHA256):
            raise ConfigurationError("keys in KMS sign by RS256 here", next_step="use RS256")
        answer = self._client.ask(
            "Sign",
            _region(self.arn),
            KeyId=self.arn,
            Message=hashlib.sha256(data).digest(),
            MessageType="DIGEST",
            SigningAlgorithm=_ALGORITHM,
        )
        signature: bytes = answer["Signature"]
        return signature

    def decrypt(self, ciphertext: bytes, padding: Any) -> NoReturn:  # noqa: ARG002 - cryptography's
        """Refuse: the key signs."""
        raise _kept(self.arn)

    def private_numbers(self) -> NoReturn:
        """Refuse: they never leave KMS."""
        raise _kept(self.arn)

    def private_bytes(
        self,
        encoding: Encoding,  # noqa: ARG002
        format: PrivateFormat,  # noqa: A002, ARG002
        encryption_algorithm: KeySerializationEncryption,  # noqa: ARG002
    ) -> NoReturn:
        """Refuse: they never leave KMS."""
        raise _kept(self.arn)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.arn}>"


@lru_cache(maxsize=8)
def _client(
    region: str | None, profile: str | None = None, endpoint_url: str | None = None
) -> KmsClient:
    """Give one client for all keys of a place: making one takes as long as many signatures.

    It has sockets of its own in each process that was forked.
    """
    return KmsClient(region=region, profile=profile, endpoint_url=endpoint_url, patience=_PATIENCE)


def _region(key: str) -> str | None:
    found = _REGION.match(key)
    return found[1] if found else os.environ.get("AWS_REGION")


def _public(key: str, answer: dict[str, Any]) -> rsa.RSAPublicKey:
    loaded = load_der_public_key(answer["PublicKey"])
    if isinstance(loaded, rsa.RSAPublicKey) and _ALGORITHM in answer.get("SigningAlgorithms", ()):
        return checked(loaded)
    raise InvalidKey(
        f"the KMS key {key} is {answer.get('KeySpec')} for {answer.get('KeyUsage')}, and does not"
        f" sign by {_ALGORITHM}",
        next_step="make one: aws kms create-key --key-usage SIGN_VERIFY --key-spec RSA_2048;"
        " neither can be changed later",
    )


def _kept(arn: str) -> ConfigurationError:
    return ConfigurationError(
        f"the private key {arn} never leaves KMS",
        next_step="have it sign, or export its public half",
    )
