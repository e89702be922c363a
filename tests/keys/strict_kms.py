"""KMS as strict as KMS is, where moto is not: key states, denials, contexts, quotas of patience.

It answers below a real botocore client, which checks every parameter before it comes here.
"""

# ruff: noqa: N802, N803 - the names of operations and parameters are KMS's own

from __future__ import annotations

import base64
import json
import secrets
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import botocore.session
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class Failure(Exception):
    """An error answer."""


@dataclass
class SigningKey:
    """An asymmetric key, which signs, or does not."""

    private: Any = field(repr=False)
    usage: str = "SIGN_VERIFY"
    #: ``Enabled``, ``Disabled`` or ``PendingDeletion``.
    state: str = "Enabled"
    arn: str = field(
        default_factory=lambda: f"arn:aws:kms:ap-northeast-2:123456789012:key/{uuid.uuid4()}"
    )

    @property
    def described(self) -> dict[str, Any]:
        """What GetPublicKey tells of it beside the key."""
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            spec, algorithms = "ECC_NIST_P256", ["ECDSA_SHA_256"]
        else:
            spec = f"RSA_{self.private.key_size}"
            algorithms = ["RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PSS_SHA_256"]
        told = {"KeyId": self.arn, "KeySpec": spec, "KeyUsage": self.usage}
        if self.usage == "SIGN_VERIFY":
            return {**told, "SigningAlgorithms": algorithms}
        return {**told, "EncryptionAlgorithms": ["RSAES_OAEP_SHA_256"]}


@dataclass
class StrictKms:
    """One account with one key, and what was asked of it."""

    arn: str = "arn:aws:kms:ap-northeast-2:123456789012:key/0b5e4f6e-0000-4000-8000-00000000aaaa"
    #: ``Enabled``, ``Disabled`` or ``PendingDeletion``.
    state: str = "Enabled"
    #: What the next request is answered with, whatever it is: an error code.
    failing: str | None = None
    calls: Counter[str] = field(default_factory=Counter)
    #: Actions -> the context of each request.
    contexts: list[dict[str, str]] = field(default_factory=list)
    #: Asymmetric keys by ARN, and by aliases that point at them.
    signing: dict[str, SigningKey] = field(default_factory=dict)
    #: The digests and messages that were signed.
    signed: list[bytes] = field(default_factory=list)
    materials: list[bytes] = field(default_factory=lambda: [secrets.token_bytes(32)], repr=False)

    def client(self) -> Any:
        """Give a botocore client that speaks to this."""
        client = botocore.session.Session().create_client(
            "kms", "ap-northeast-2", aws_access_key_id="test", aws_secret_access_key="test"
        )
        client.meta.events.register("before-call.kms", self._answer)
        return client

    def rotate(self) -> None:
        """Let new blobs be of new key material, as a yearly rotation does."""
        self.materials.append(secrets.token_bytes(32))

    def _answer(self, model: Any, params: dict[str, Any], **_: Any) -> tuple[Any, Any]:
        self.calls[model.name] += 1
        try:
            answer = self._do(model.name, json.loads(params["body"]))
        except Failure as failure:
            return _Http(400), {"Error": {"Code": str(failure), "Message": "no"}}
        return _Http(200), answer

    def _do(self, action: str, body: dict[str, Any]) -> dict[str, Any]:
        if self.failing:
            raise Failure(self.failing)
        _check_state(self.state)
        return getattr(self, f"_{action}")(**body)

    def _GenerateDataKey(
        self,
        KeyId: str,
        KeySpec: str,
        EncryptionContext: dict[str, str],
    ) -> dict[str, Any]:
        assert KeySpec == "AES_256"
        plain = secrets.token_bytes(32)
        return {"Plaintext": plain, **self._sealed(KeyId, plain, EncryptionContext)}

    def _Decrypt(
        self,
        CiphertextBlob: str,
        KeyId: str,
        EncryptionContext: dict[str, str],
    ) -> dict[str, Any]:
        plain = self._opened(KeyId, CiphertextBlob, EncryptionContext)
        return {"Plaintext": plain, "KeyId": self.arn}

    def _ReEncrypt(
        self,
        CiphertextBlob: str,
        SourceKeyId: str,
        SourceEncryptionContext: dict[str, str],
        DestinationKeyId: str,
        DestinationEncryptionContext: dict[str, str],
    ) -> dict[str, Any]:
        plain = self._opened(SourceKeyId, CiphertextBlob, SourceEncryptionContext)
        told = self._sealed(DestinationKeyId, plain, DestinationEncryptionContext)
        return {**told, "DestinationKeyMaterialId": told.pop("KeyMaterialId")}

    def add(
        self, private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, alias: str
    ) -> SigningKey:
        """Make a key of this, as ``create-key`` and ``create-alias`` do of a random one."""
        key = SigningKey(private)
        self.signing |= {key.arn: key, alias: key}
        return key

    def _GetPublicKey(self, KeyId: str) -> dict[str, Any]:
        key = self._asymmetric(KeyId)
        der = key.private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return {**key.described, "PublicKey": der}

    def _Sign(
        self, KeyId: str, Message: str, SigningAlgorithm: str, MessageType: str = "RAW"
    ) -> dict[str, Any]:
        key, message = self._asymmetric(KeyId), base64.b64decode(Message)
        if key.usage != "SIGN_VERIFY" or SigningAlgorithm != "RSASSA_PKCS1_V1_5_SHA_256":
            raise Failure("InvalidKeyUsageException")
        digest = MessageType == "DIGEST"
        if len(message) != hashes.SHA256.digest_size if digest else len(message) > 4096:
            raise Failure("ValidationException")
        self.signed.append(message)
        algorithm = utils.Prehashed(hashes.SHA256()) if digest else hashes.SHA256()
        signature = key.private.sign(message, padding.PKCS1v15(), algorithm)
        return {"KeyId": key.arn, "Signature": signature, "SigningAlgorithm": SigningAlgorithm}

    def _asymmetric(self, key_id: str) -> SigningKey:
        if key_id == self.arn:
            raise Failure("UnsupportedOperationException")
        if key_id not in self.signing:
            raise Failure("NotFoundException")
        _check_state(self.signing[key_id].state)
        return self.signing[key_id]

    def _sealed(self, key: str, plain: bytes, context: dict[str, str]) -> dict[str, Any]:
        self._check_key(key)
        self.contexts.append(context)
        nonce, version = secrets.token_bytes(12), len(self.materials) - 1
        sealed = AESGCM(self.materials[version]).encrypt(nonce, plain, _exactly(context))
        blob = bytes([version]) + nonce + sealed
        return {"CiphertextBlob": blob, "KeyId": self.arn, "KeyMaterialId": f"{version:064x}"}

    def _opened(self, key: str, text: str, context: dict[str, str]) -> bytes:
        self._check_key(key)
        self.contexts.append(context)
        blob = base64.b64decode(text)
        try:
            material = AESGCM(self.materials[blob[0]])
            return material.decrypt(blob[1:13], blob[13:], _exactly(context))
        except (InvalidTag, IndexError, ValueError):
            raise Failure("InvalidCiphertextException") from None

    def _check_key(self, key: str) -> None:
        if key not in {self.arn, "alias/gli-secrets"}:
            raise Failure("NotFoundException")


@dataclass
class _Http:
    status_code: int
    headers: dict[str, str] = field(default_factory=dict)


def _check_state(state: str) -> None:
    if state != "Enabled":
        disabled = state == "Disabled"
        raise Failure("DisabledException" if disabled else "KMSInvalidStateException")


def _exactly(context: dict[str, str]) -> bytes:
    return json.dumps(context, sort_keys=True).encode()
