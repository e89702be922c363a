"""Data keys under an AWS KMS key: made, opened and renewed with the field's context."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from glisecrets.errors import (
    AccessDenied,
    ConfigurationError,
    StoreError,
    StoreUnavailable,
    Undecryptable,
)
from glisecrets.providers import Patience, make_client
from glisecrets.stores.aws.options import ClientOptions

from .wrapping import Wrapped

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from .context import FieldContext

#: A request of a user waits for it.
_PATIENCE = Patience(connect=2, read=5, attempts=4)


class _Kind(NamedTuple):
    error: type[StoreError]
    message: str
    next_step: str


_DENIED = _Kind(
    AccessDenied,
    "may not be used by this caller",
    "allow kms:{action} with this encryption context to this role, in IAM or the key's policy",
)
_STRANGER = _Kind(
    AccessDenied,
    "cannot be asked: AWS does not know the caller",
    "give this task, pod or function a role, or log in again",
)
_GONE = _Kind(
    Undecryptable,
    "is disabled, scheduled for deletion or not there",
    "enable the key, or cancel its deletion; check its region and account",
)
_OTHER = _Kind(
    Undecryptable,
    "did not encrypt this data key with this context",
    "restore the data key's row; a field's label, class or environment must not change",
)
_DOWN = _Kind(StoreUnavailable, "cannot be asked", "try again; check the network and the region")

#: Error codes, without the word ``Exception`` that some end in.
_CODES = {
    **dict.fromkeys(("AccessDenied", "NotAuthorized", "OptInRequired"), _DENIED),
    **dict.fromkeys(
        (
            "ExpiredToken",
            "UnrecognizedClient",
            "InvalidClientTokenId",
            "InvalidSignature",
            "MissingAuthenticationToken",
            "NoCredentialsError",
            "PartialCredentialsError",
            "CredentialRetrievalError",
        ),
        _STRANGER,
    ),
    **dict.fromkeys(("Disabled", "KMSInvalidState", "NotFound", "InvalidKeyUsage"), _GONE),
    **dict.fromkeys(("InvalidCiphertext", "IncorrectKey", "Validation"), _OTHER),
}


class AwsWrappingKey:
    """A KMS key. Connects when first asked; a forked child makes a client of its own.

    Args:
        key: ARN, key id, or ``alias/…``.
        client: a boto3 client for ``kms``, in place of an own one.
        region: for an own client; default botocore's usual chain.
        profile: the same.
        endpoint_url: the same.
    """

    scheme = "aws"

    def __init__(
        self,
        key: str,
        *,
        client: Any = None,
        region: str | None = None,
        profile: str | None = None,
        endpoint_url: str | None = None,
    ) -> None:
        self.name = key
        self._given = client
        self._options = ClientOptions.of(region, profile, endpoint_url, None)
        #: By process id: no socket is shared with a parent.
        self._clients: dict[int, Any] = {}

    @classmethod
    def from_options(cls, path: str, options: Mapping[str, str]) -> Self:
        """Open the key that ``aws:path?options`` names.

        Raises:
            ConfigurationError: no key, or an unknown option.
        """
        if not path or options.keys() - {"region", "profile", "endpoint_url"}:
            raise ConfigurationError(
                "a KMS key's address has a key, and the options region, profile and endpoint_url",
                next_step="write aws:alias/gli-secrets?region=ap-northeast-2",
            )
        return cls(path, **options)

    def generate(self, context: FieldContext) -> tuple[bytes, Wrapped]:
        """Make a data key: ``GenerateDataKey`` of AES_256."""
        answer = self._ask(
            "GenerateDataKey",
            KeyId=self.name,
            KeySpec="AES_256",
            EncryptionContext=context.pairs(),
        )
        blob, material = answer["CiphertextBlob"], answer.get("KeyMaterialId")
        return answer["Plaintext"], Wrapped(blob, answer["KeyId"], material)

    def unwrap(self, wrapped: Wrapped, context: FieldContext) -> bytes:
        """Decrypt a data key, under the very key that encrypted it.

        Raises:
            Undecryptable: wrong context or key; or the key is disabled or pending deletion.
            AccessDenied: no ``kms:Decrypt`` with this context.
            StoreUnavailable: KMS cannot be reached, or throttles.
        """
        return self.decrypt(wrapped, context.pairs())

    def decrypt(self, wrapped: Wrapped, pairs: Mapping[str, str]) -> bytes:
        """Decrypt a data key of any encryption context: see :meth:`unwrap`."""
        answer = self._ask(
            "Decrypt",
            KeyId=wrapped.key,
            CiphertextBlob=wrapped.blob,
            EncryptionContext=dict(pairs),
        )
        plain: bytes = answer["Plaintext"]
        return plain

    def rewrap(self, wrapped: Wrapped, context: FieldContext) -> Wrapped:
        """Encrypt a data key anew, within KMS: ``ReEncrypt``."""
        answer = self._ask(
            "ReEncrypt",
            SourceKeyId=wrapped.key,
            CiphertextBlob=wrapped.blob,
            SourceEncryptionContext=context.pairs(),
            DestinationKeyId=self.name,
            DestinationEncryptionContext=context.pairs(),
        )
        material = answer.get("DestinationKeyMaterialId")
        return Wrapped(answer["CiphertextBlob"], answer["KeyId"], material)

    def _ask(self, action: str, **params: Any) -> dict[str, Any]:
        client = self._client()
        from glisecrets.stores.aws.calling import attempt

        answer = attempt(client, action, params)
        if not isinstance(answer, Exception):
            told: dict[str, Any] = answer
            return told
        response = getattr(answer, "response", {"Error": {"Code": type(answer).__name__}})
        del answer  # its traceback leads to frames that hold the request
        code = str(response.get("Error", {}).get("Code", "Unknown"))
        kind = _CODES.get(code.removesuffix("Exception"), _DOWN)
        key = params.get("SourceKeyId") or params["KeyId"]
        raise kind.error(
            f"the KMS key {key} {kind.message} ({code})",
            store=self.scheme,
            next_step=kind.next_step.format(action=action),
        )

    def _client(self) -> Any:
        return self._given or self._clients.get(os.getpid()) or self._new_client()

    def _new_client(self) -> Any:
        return self._clients.setdefault(os.getpid(), make_client("kms", self._options, _PATIENCE))
