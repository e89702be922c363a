"""Messages of the AWS Encryption SDK: what we write it reads, what it writes we read, no more."""

from __future__ import annotations

import io
import os
import secrets
import subprocess
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

import aws_encryption_sdk as sdk
import boto3
import botocore.session
import pytest
from moto import mock_aws

from glisecrets.cli.main import main
from glisecrets.errors import AccessDenied, ConfigurationError, StoreUnavailable, Undecryptable
from glisecrets.keys.envelope import (
    AwsWrappingKey,
    EsdkField,
    FieldContext,
    InvalidMessage,
    LocalWrappingKey,
)

from .strict_kms import StrictKms

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EMAIL = FieldContext("confidential", "production", "user.email")
REGION = "ap-northeast-2"


def email_of(kms: StrictKms, context: FieldContext = EMAIL) -> EsdkField:
    """Give what another process would have."""
    return EsdkField(AwsWrappingKey("alias/gli-secrets", client=kms.client()), context)


class Account:
    """An AWS account as moto has it, and the SDK in it, used as its documentation says."""

    def __init__(self) -> None:
        self.kms = boto3.client("kms", REGION)
        self.arn = self.new_key()

    def new_key(self) -> str:
        arn: str = self.kms.create_key()["KeyMetadata"]["Arn"]
        return arn

    def email(self, arn: str = "") -> EsdkField:
        return EsdkField(AwsWrappingKey(arn or self.arn, client=self.kms), EMAIL)

    def provider(self, *arns: str) -> Any:
        session = botocore.session.Session()
        return sdk.StrictAwsKmsMasterKeyProvider(
            key_ids=list(arns or (self.arn,)), botocore_session=session
        )

    def written(self, plain: bytes, *arns: str, **options: Any) -> bytes:
        """Encrypt as a program does that is not ours."""
        told = {"encryption_context": EMAIL.pairs(), **options}
        provider = self.provider(*arns)
        message, _ = sdk.EncryptionSDKClient().encrypt(source=plain, key_provider=provider, **told)
        return bytes(message)


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        yield Account()


# Both ways ----------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 1, 65_535, 65_536, 65_537, 200_001])
def test_the_sdk_reads_what_we_write(account: Account, length: int) -> None:
    """Java, C or JavaScript read it under the same KMS key, and see whose it is."""
    plain = secrets.token_bytes(length)
    message = account.email().encrypt(plain)
    back, header = sdk.EncryptionSDKClient().decrypt(
        source=message, key_provider=account.provider()
    )
    assert back == plain == account.email().decrypt(message)
    assert header.encryption_context == EMAIL.pairs()
    assert header.algorithm.is_committing()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"algorithm": sdk.Algorithm.AES_256_GCM_HKDF_SHA512_COMMIT_KEY},
        {"frame_length": 0},
        {"frame_length": 128},
    ],
    ids=["as it is set up: signed", "unsigned", "in one piece", "many frames"],
)
def test_we_read_what_the_sdk_writes(account: Account, options: dict[str, Any]) -> None:
    """With the field's context, however else it was set up."""
    plain = secrets.token_bytes(5_000)
    assert account.email().decrypt(account.written(plain, **options)) == plain


def test_a_message_for_several_keys_opens_with_ours(account: Account) -> None:
    """Whoever writes for two Regions, or two teams, names a key of each."""
    arns = [account.new_key(), account.arn, account.new_key()]
    assert account.email().decrypt(account.written(b"value", *arns)) == b"value"


def test_a_data_key_serves_many_messages() -> None:
    """KMS is asked once for what is written, and once for what is read; in a child, anew."""
    kms = StrictKms()
    email = email_of(kms)
    messages = [email.encrypt(b"%d" % number) for number in range(20)]
    assert [email.decrypt(message) for message in messages] == [b"%d" % n for n in range(20)]
    assert kms.calls == {"GenerateDataKey": 1, "Decrypt": 1}
    assert kms.contexts == [EMAIL.pairs()] * 2
    kms.state = "Disabled"
    child = os.fork()
    if child == 0:
        code = 1
        try:
            email.decrypt(messages[0])
        except Undecryptable:
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_memory_does_not_grow_with_the_file() -> None:
    """8 MiB in and out within two."""
    kms = StrictKms()
    encrypted = io.BytesIO()
    email = email_of(kms)
    email.encrypt_stream(io.BytesIO(bytes(8 << 20)), encrypted)
    encrypted.seek(0)
    assert email.decrypt(email.encrypt(b"")) == b""  # the rest is loaded

    class Sink(io.RawIOBase):
        length = 0

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.length += len(data)
            return len(data)

    sink = Sink()
    tracemalloc.start()
    try:
        email.decrypt_stream(encrypted, sink)  # type: ignore[arg-type]
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()
    assert sink.length == 8 << 20


# Failing closed -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        FieldContext("internal", "production", "user.email"),
        FieldContext("confidential", "staging", "user.email"),
        FieldContext("confidential", "production", "user.name"),
    ],
    ids=["class", "environment", "field"],
)
def test_a_message_of_another_context_is_refused_before_kms_is_asked(other: FieldContext) -> None:
    """The SDK itself leaves that check to its users."""
    kms = StrictKms()
    message = email_of(kms).encrypt(b"value")
    kms.calls.clear()
    with pytest.raises(InvalidMessage, match=f"not of {other.field}") as refused:
        email_of(kms, other).decrypt(message)
    assert not kms.calls
    assert "\n  next: " in str(refused.value)


@pytest.mark.parametrize("pairs", [{}, {**EMAIL.pairs(), "purpose": "x"}])
def test_a_message_with_fewer_or_more_pairs_is_refused(
    account: Account, pairs: dict[str, str]
) -> None:
    """A context is what both sides agreed on, exactly."""
    with pytest.raises(InvalidMessage, match="not of"):
        account.email().decrypt(account.written(b"value", encryption_context=pairs))


def test_a_message_under_another_kms_key_is_refused(account: Account) -> None:
    """Anybody can write our context under a key of their own, which we may even use."""
    message = account.written(b"forged", account.new_key())
    with pytest.raises((Undecryptable, AccessDenied), match=account.arn):
        account.email().decrypt(message)


def test_a_suite_without_commitment_is_refused(account: Account) -> None:
    """Such a message can be made to open to two texts, under two keys."""
    client = sdk.EncryptionSDKClient(
        commitment_policy=sdk.CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT
    )
    message, _ = client.encrypt(
        source=b"value",
        key_provider=account.provider(),
        encryption_context=EMAIL.pairs(),
        algorithm=sdk.Algorithm.AES_256_GCM_IV12_TAG16_HKDF_SHA256,
    )
    with pytest.raises(InvalidMessage, match="commit"):
        account.email().decrypt(message)


@pytest.mark.parametrize("signed", [False, True])
def test_every_byte_counts(account: Account, signed: bool) -> None:
    """A changed byte anywhere, any truncation, anything behind the end: refused."""
    email = account.email()
    message = account.written(b"value") if signed else email.encrypt(b"value")
    assert email.decrypt(message) == b"value"
    for position in range(len(message)):
        changed = bytearray(message)
        changed[position] ^= 1
        with pytest.raises((InvalidMessage, Undecryptable, AccessDenied)):
            email.decrypt(bytes(changed))
        with pytest.raises(InvalidMessage):
            email.decrypt(message[:position])
    for longer in (message + b"\0", message + message, b"\0" + message):
        with pytest.raises(InvalidMessage):
            email.decrypt(longer)


def test_a_refusal_leads_to_no_value() -> None:
    """Neither the error nor what Python keeps of the lower one."""
    email = email_of(StrictKms())
    message = bytearray(email.encrypt(b"value"))
    message[-1] ^= 1
    with pytest.raises(InvalidMessage) as refused:
        email.decrypt(bytes(message))
    assert refused.value.__context__ is None
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("code", "error", "told"),
    [
        ("AccessDeniedException", AccessDenied, "kms:Decrypt"),
        ("DisabledException", Undecryptable, "enable the key"),
        ("KMSInvalidStateException", Undecryptable, "cancel its deletion"),
        ("ThrottlingException", StoreUnavailable, "try again"),
    ],
)
def test_kms_says_no_in_our_words(code: str, error: type[Exception], told: str) -> None:
    """Denied, disabled, pending deletion, throttled: the same errors as for gs1."""
    kms = StrictKms()
    message = email_of(kms).encrypt(b"value")
    kms.failing = code
    with pytest.raises(error, match=told):
        email_of(kms).decrypt(message)
    with pytest.raises(error, match=code):
        email_of(kms).encrypt(b"value")


def test_only_a_kms_key_will_do(tmp_path: Path) -> None:
    """No other language knows of our key file."""
    with pytest.raises(ConfigurationError, match="no KMS key"):
        EsdkField(LocalWrappingKey(tmp_path), EMAIL)


# Whoever does not use it --------------------------------------------------------------------


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-P", "-c", code], check=True, capture_output=True)
    return done.stdout.decode()


def test_without_the_extra_its_name_is_told() -> None:
    """The line that installs it, and nothing else of the package is harmed."""
    told = python(
        "import sys\n"
        "sys.modules['aws_encryption_sdk'] = None\n"
        "from glisecrets.keys import envelope\n"
        "assert envelope.FieldCipher\n"
        "try: envelope.EsdkField\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    assert told.startswith("MissingExtra")
    assert "pip install 'glisecrets[esdk]'" in told


# The command line ---------------------------------------------------------------------------

ESDK = ("--message-format", "esdk", "--field", "backup/database")


def test_files_are_exchanged_with_other_languages(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written here, read by the SDK; written by the SDK, read here; no file of data keys."""
    monkeypatch.setenv("DJANGO_ENV", "production")
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.setenv("GLISECRETS_WRAPPING_KEY", f"aws:{account.arn}?region={REGION}")
    monkeypatch.chdir(tmp_path)
    plain = secrets.token_bytes(100_000)
    (tmp_path / "dump").write_bytes(plain)
    assert main(["keys", "encrypt", "dump", *ESDK]) == 0
    message = (tmp_path / "dump.esdk").read_bytes()
    (tmp_path / "dump").unlink()
    back, _ = sdk.EncryptionSDKClient().decrypt(source=message, key_provider=account.provider())
    assert back == plain
    assert main(["keys", "decrypt", "dump.esdk", *ESDK]) == 0
    assert (tmp_path / "dump").read_bytes() == plain
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dump", "dump.esdk"]
    assert main(["keys", "decrypt", "dump.esdk", *ESDK, "--data-class", "internal"]) == 2
    assert main(["keys", "decrypt", "dump.esdk", *ESDK[2:], "-o", "x"]) == 2  # is no gs1 file
    assert main(["keys", "encrypt", "dump", *ESDK, "--key", "local:.secrets"]) == 2
    assert not (tmp_path / "x").exists()
