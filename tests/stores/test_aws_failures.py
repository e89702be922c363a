"""Errors of the AWS store: the right class, the next step, and never a value."""

from __future__ import annotations

import secrets
import traceback

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from glisecrets.errors import (
    AccessDenied,
    InvalidRequest,
    LabelConflict,
    SecretExists,
    SecretNotFound,
    StoreError,
    StoreUnavailable,
    Undecryptable,
)
from glisecrets.stores.aws import AwsStore
from glisecrets.stores.aws.failures import Asked, answered, translate
from glisecrets.testing import SecretsManagerServer

READ = Asked("GetSecretValue", "ap-northeast-2", "gli/db")
WRITE = Asked("PutSecretValue", "ap-northeast-2", "gli/db")


@pytest.fixture(scope="module")
def server():
    with SecretsManagerServer() as server:
        yield server


@pytest.fixture
def store(server):
    store = AwsStore.from_options("", {}, environ=server.environ)
    yield store
    store.close()


@pytest.fixture
def stubbed(server):
    """A store on a stubbed client, and the stub."""
    client = server.client()
    with Stubber(client) as stub:
        yield AwsStore(client=client), stub
        stub.assert_no_pending_responses()
    client.close()


@pytest.mark.parametrize(
    ("code", "said", "expected", "next_step"),
    [
        ("ResourceNotFoundException", "", SecretNotFound, "region and account"),
        ("ResourceExistsException", "", SecretExists, "another name or token"),
        (
            "AccessDeniedException",
            "User: x is not authorized to perform: secretsmanager:GetSecretValue on: kms-keys",
            AccessDenied,
            "secretsmanager:GetSecretValue on gli/db",
        ),
        ("AccessDeniedException", "Access to KMS is not allowed", Undecryptable, "kms:Decrypt"),
        ("AccessDeniedException", "not authorized: kms:Decrypt", Undecryptable, "kms:Decrypt"),
        ("DecryptionFailure", "", Undecryptable, "kms:Decrypt"),
        ("DecryptionFailureException", "", Undecryptable, "kms:Decrypt"),
        ("InvalidRequestException", "it was marked for deletion.", SecretNotFound, "Restore"),
        ("InvalidRequestException", "no", InvalidRequest, ""),
        ("InvalidParameterException", "no", InvalidRequest, ""),
        ("ExpiredTokenException", "", AccessDenied, "log in again"),
        ("ExpiredToken", "", AccessDenied, "log in again"),
        ("UnrecognizedClientException", "invalid token", AccessDenied, "AWS_ACCESS_KEY_ID"),
        ("InvalidSignatureException", "Signature expired: 2026", AccessDenied, "NTP"),
        ("InvalidSignatureException", "does not match", AccessDenied, "AWS_SECRET_ACCESS_KEY"),
        ("RequestTimeTooSkewed", "", AccessDenied, "NTP"),
        ("ThrottlingException", "Rate exceeded", StoreUnavailable, "later"),
        ("InternalServiceError", "", StoreUnavailable, "later"),
        ("SomethingNew", "", InvalidRequest, ""),
    ],
)
def test_each_code_of_the_service_becomes_one_of_our_errors(code, said, expected, next_step):
    """With the secret as attribute, and what to do next."""
    error = answered(code, said, READ)
    assert type(error) is expected
    assert next_step in error.next_step
    assert (error.store, error.secret) == ("aws", "gli/db")
    assert code in str(error)


def test_a_code_that_is_unknown_with_a_server_error_is_worth_a_retry():
    """HTTP 5xx is the service's fault."""
    response = {"Error": {"Code": "503"}, "ResponseMetadata": {"HTTPStatusCode": 503}}
    assert isinstance(translate(ClientError(response, "GetSecretValue"), READ), StoreUnavailable)


def test_a_role_that_cannot_be_assumed_is_told_as_such():
    """The failing call was STS's, so a right on the secret would not help."""
    response = {"Error": {"Code": "AccessDenied", "Message": "may not AssumeRole"}}
    error = translate(ClientError(response, "AssumeRole"), READ)
    assert isinstance(error, AccessDenied)
    assert "role_arn" in error.next_step


def test_writing_to_a_secret_that_waits_for_deletion_is_an_invalid_request():
    """Reading it gives SecretNotFound; writing could not create it either."""
    error = answered("InvalidRequestException", "it was marked for deletion.", WRITE)
    assert isinstance(error, InvalidRequest)
    assert "scheduled for deletion" in str(error)


def test_the_service_may_repeat_a_value_in_its_message_and_it_is_not_passed_on():
    """Validation messages of AWS services quote what they refuse."""
    value = secrets.token_urlsafe(24)
    error = answered("ValidationException", f"Value '{value}' failed to satisfy", WRITE)
    assert value not in str(error)


def shown(error: BaseException) -> str:
    """All that can be printed of an error: text, chain, and the locals of our own frames."""
    chain, seen = [], error
    while seen is not None:
        chain.append(seen)
        seen = seen.__cause__ or seen.__context__
    frames = [
        repr(frame.f_locals)
        for link in chain
        for frame, _ in traceback.walk_tb(link.__traceback__)
        if "glisecrets/stores/aws" in frame.f_code.co_filename
    ]
    return "\n".join([*map(repr, chain), *map(str, chain), *frames])


@pytest.mark.parametrize("action", ["create", "put"])
def test_a_failed_write_shows_its_value_nowhere(server, store, action):
    """Neither in the text, nor in the chain, nor in the locals of a traceback."""
    value, name = secrets.token_urlsafe(24), f"gli/{secrets.token_hex(4)}"
    server.faults.denied = {name}
    with pytest.raises(StoreError) as caught:
        getattr(store, action)(name, value)
    assert value not in shown(caught.value)
    server.faults.clear()


def test_a_value_of_a_wrong_type_is_refused_without_showing_it(store):
    """Botocore's own message would print it."""
    value = secrets.randbits(64)
    with pytest.raises((StoreError, TypeError)) as caught:
        store.put("gli/db", [value])
    assert str(value) not in str(caught.value)


def test_a_write_whose_answer_was_lost_is_recognised_when_it_is_tried_again(stubbed):
    """The token has this very value: the write has happened."""
    store, stub = stubbed
    token = "t" * 32
    stub.add_client_error("put_secret_value", "ResourceExistsException")
    found = {"ARN": "arn:" + "x" * 20, "Name": "a", "VersionId": token, "SecretString": "new"}
    stub.add_response("get_secret_value", found, {"SecretId": "a", "VersionId": token})
    assert store.put("a", "new", token=token).version_id == token


def test_a_token_that_has_another_value_is_told(stubbed):
    """Someone else wrote this version."""
    store, stub = stubbed
    token = "t" * 32
    stub.add_client_error("put_secret_value", "ResourceExistsException")
    found = {"ARN": "arn:" + "x" * 20, "Name": "a", "VersionId": token, "SecretString": "other"}
    stub.add_response("get_secret_value", found)
    with pytest.raises(SecretExists):
        store.put("a", "new", token=token)


def test_a_label_that_was_moved_meanwhile_is_a_conflict_that_names_its_holder(store):
    """The compare-and-swap tells who has it."""
    name = f"gli/{secrets.token_hex(4)}"
    store.create(name, "1", token="a" * 32)
    store.put(name, "2", token="b" * 32)
    with pytest.raises(LabelConflict) as caught:
        store.move_label(name, "AWSCURRENT", to="a" * 32, expected="a" * 32)
    assert caught.value.version == "b" * 32


def test_a_deleted_secret_waits_for_its_recovery_and_is_not_found(server, store):
    """It can be restored for 30 days; until then neither its name nor its value can be used."""
    name = f"gli/{secrets.token_hex(4)}"
    store.create(name, "1")
    store.delete(name)
    with pytest.raises(InvalidRequest, match="deletion"):
        store.put(name, "2")
    with pytest.raises(InvalidRequest, match="deletion"):
        store.create(name, "2")
