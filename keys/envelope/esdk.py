"""Values and files in the message format of the AWS Encryption SDK, for programs that are not ours.

Every language that the SDK is there for reads and writes them, under the same KMS key and the same
encryption context. They are five times as long as ``gs1`` and take a hundred times as long: the
format is for handing data over, not for columns. Each message carries its own encrypted data key,
so there are no rows of data keys, no rewrapping and no crypto-shredding.
"""

from __future__ import annotations

import io
import os
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature, InvalidTag

from glisecrets.errors import AccessDenied, ConfigurationError, MissingExtra, Undecryptable

from .aws_kms import AwsWrappingKey
from .cache import MAX_AGE, MAX_ENTRIES, MAX_MESSAGES
from .errors import InvalidMessage
from .wrapping import Wrapped

try:
    import attr

    # Untyped: its classes are of an old style, which type checkers misread.
    sdk: Any = import_module("aws_encryption_sdk")
except ImportError:
    raise MissingExtra("the AWS Encryption SDK's format", "esdk") from None

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from typing import BinaryIO

    from .context import FieldContext
    from .wrapping import WrappingKey

#: How every SDK calls KMS in a message.
_KMS = "aws-kms"
#: With key commitment, without a signature: who may decrypt may encrypt, too.
_SUITE = sdk.Algorithm.AES_256_GCM_HKDF_SHA512_COMMIT_KEY
_FRAME_BYTES = 1 << 16
#: What is held in memory of a message that others wrote.
_MAX_FRAME_BYTES = 1 << 24
#: How often KMS is asked for one message, at most.
_MAX_DATA_KEYS = 8
#: Pairs that the SDK adds itself: a signature's public key.
_RESERVED = "aws-crypto-"
#: What the SDK raises for a message that it does not accept.
_REFUSALS = (sdk.exceptions.AWSEncryptionSDKClientError, InvalidSignature, InvalidTag, ValueError)


class EsdkField:
    """One field's messages in the SDK's format, with its context as their encryption context.

    A row's id is not part of that, which KMS logs. A data key serves many messages, within the
    limits of ``gs1``'s cache. Safe between threads and after ``fork``.

    Args:
        key: the KMS key; messages of another one are refused, whoever may use that.
        context: the field.

    Raises:
        ConfigurationError: it is no KMS key, and others read no other.
    """

    def __init__(self, key: WrappingKey, context: FieldContext) -> None:
        if not isinstance(key, AwsWrappingKey):
            raise ConfigurationError(
                f"{key.name} is no KMS key, which the AWS Encryption SDK's format needs",
                next_step="name one, as aws:alias/…",
            )
        self.context = context
        self._key = key
        self._client = sdk.EncryptionSDKClient(max_encrypted_data_keys=_MAX_DATA_KEYS)
        #: By process id: a forked child asks for its own data keys.
        self._materials: dict[int, Any] = {}

    def encrypt(self, plain: bytes) -> bytes:
        """Encrypt a value.

        Raises:
            StoreError: the data key cannot be had.
        """
        target = io.BytesIO()
        self.encrypt_stream(io.BytesIO(plain), target)
        return target.getvalue()

    def decrypt(self, message: bytes) -> bytes:
        """Decrypt a message.

        Raises:
            InvalidMessage: it is no message, was altered, has no commitment to its key, or is of
                another field or environment.
            StoreError: the data key cannot be had, or is of another KMS key.
        """
        target = io.BytesIO()
        self.decrypt_stream(io.BytesIO(message), target)
        return target.getvalue()

    def encrypt_stream(self, source: BinaryIO, target: BinaryIO) -> None:
        """Encrypt a file of any length, in constant memory.

        Raises:
            StoreError: the data key cannot be had.
        """
        context = self.context.pairs()
        options = {"encryption_context": context, "algorithm": _SUITE, "frame_length": _FRAME_BYTES}
        with self._stream("e", source, **options) as stream:
            while part := stream.read(_FRAME_BYTES):
                target.write(part)

    def decrypt_stream(self, source: BinaryIO, target: BinaryIO) -> None:
        """Decrypt a file in constant memory: each part is verified before it is written.

        Raises:
            InvalidMessage: see :meth:`decrypt`; what was written before is true, but is not all.
            StoreError: see :meth:`decrypt`.
        """
        with self._stream("d", source, max_body_length=_MAX_FRAME_BYTES) as stream:
            while part := self._part(stream):
                target.write(part)
        if source.read(1):
            raise self._refused()

    @contextmanager
    def _stream(self, mode: str, source: BinaryIO, **options: Any) -> Iterator[Any]:
        cmm = self._materials.get(os.getpid()) or self._new_materials()
        stream = self._client.stream(mode=mode, source=source, materials_manager=cmm, **options)
        try:
            yield stream
        finally:
            # Its own close complains, also when collected, of what was not read to its end.
            io.IOBase.close(stream)

    def _new_materials(self) -> Any:
        cached = sdk.CachingCryptoMaterialsManager(
            master_key_provider=_FieldKey(
                key_id=self._key.name, key=self._key, context=self.context
            ),
            cache=sdk.LocalCryptoMaterialsCache(capacity=MAX_ENTRIES),
            max_age=MAX_AGE,
            max_messages_encrypted=MAX_MESSAGES,
        )
        return self._materials.setdefault(os.getpid(), cached)

    def _part(self, stream: Any) -> bytes:
        try:
            part: bytes = stream.read(_FRAME_BYTES)
        except _REFUSALS:
            pass  # raised below, where the lower error is not its context
        else:
            return part
        raise self._refused()

    def _refused(self) -> InvalidMessage:
        return InvalidMessage(
            f"no message of {self.context} that the AWS Encryption SDK accepts",
            next_step="it was altered or cut off, or its older suite does not commit to a key",
        )


@attr.s(hash=True)
class _FieldKeyConfig(sdk.key_providers.base.MasterKeyConfig):  # type: ignore[misc]  # untyped
    provider_id = _KMS
    key: AwsWrappingKey = attr.ib(hash=False)
    context: FieldContext = attr.ib(hash=False)


class _FieldKey(sdk.key_providers.base.MasterKey):  # type: ignore[misc]  # untyped
    """Our KMS key and our context, as the SDK asks for them: our errors, our client."""

    provider_id = _KMS
    _config_class = _FieldKeyConfig

    def _generate_data_key(self, algorithm: Any, encryption_context: Mapping[str, str]) -> Any:
        del algorithm, encryption_context  # ours: see encrypt_stream
        plain, wrapped = self.config.key.generate(self.config.context)
        info = sdk.structures.MasterKeyInfo(_KMS, wrapped.key)
        return sdk.structures.DataKey(info, plain, wrapped.blob)

    def decrypt_data_key_from_list(
        self,
        encrypted_data_keys: Collection[Any],
        algorithm: Any,
        encryption_context: Mapping[str, str],
    ) -> Any:
        """Give the first data key that our KMS key opens; a message may be for several keys.

        Raises:
            InvalidMessage: the message is of another context, or for no KMS key.
            StoreError: KMS refuses, or cannot be asked.
        """
        del algorithm
        self._check(encryption_context)
        refusal: Exception = InvalidMessage(
            f"the message of {self.config.context} is for no KMS key",
            next_step="encrypt it under one, for this field",
        )
        for each in encrypted_data_keys:
            if each.key_provider.provider_id == _KMS:
                try:
                    return self._opened(each.encrypted_data_key, encryption_context)
                except (Undecryptable, AccessDenied) as error:
                    refusal = error
        raise refusal

    def _opened(self, blob: bytes, pairs: Mapping[str, str]) -> Any:
        key = self.config.key
        # Under our own key, not under the one that the message names: that may be anybody's.
        plain = key.decrypt(Wrapped(blob, key.name), pairs)
        return sdk.structures.DataKey(self.key_provider, plain, blob)

    def _check(self, pairs: Mapping[str, str]) -> None:
        told = {name: pairs[name] for name in pairs if not name.startswith(_RESERVED)}
        if told != self.config.context.pairs():
            raise InvalidMessage(
                f"the message is not of {self.config.context}",
                next_step="name the field, class and environment that it was encrypted for",
            )

    # The SDK wants them to be there, and asks for neither of them here.
    _encrypt_data_key = _decrypt_data_key = NotImplemented
