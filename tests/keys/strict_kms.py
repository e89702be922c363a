"""KMS as strict as KMS is, where moto is not: key states, denials, contexts, quotas of patience.

It answers below a real botocore client, which checks every parameter before it comes here.
"""

# ruff: noqa: N802, N803 - the names of operations and parameters are KMS's own

from __future__ import annotations

import base64
import json
import secrets
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import botocore.session
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class Failure(Exception):
    """An error answer."""


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
        if self.state != "Enabled":
            disabled = self.state == "Disabled"
            raise Failure("DisabledException" if disabled else "KMSInvalidStateException")
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


def _exactly(context: dict[str, str]) -> bytes:
    return json.dumps(context, sort_keys=True).encode()
