"""Our Secrets Manager server, as a plain boto3 program sees it."""

from __future__ import annotations

import os
import secrets
import signal
import string
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from glisecrets.references import Address
from glisecrets.stores.local import LocalStore
from glisecrets.testing import SecretsManagerServer

ONE_TRY = Config(retries={"total_max_attempts": 1})


@pytest.fixture(scope="module")
def server():
    """One server for the module: every test uses names of its own."""
    with SecretsManagerServer() as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    """A boto3 client of it, which does not retry."""
    client = server.client(ONE_TRY)
    yield client
    client.close()


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"gli/{uuid.uuid4().hex}"


@pytest.fixture
def made(client, name):
    """A secret with one version: what CreateSecret answered."""
    return client.create_secret(Name=name, SecretString="first")


def refused(code: str):
    """Expect an error of Secrets Manager with this code."""
    return pytest.raises(ClientError, match=rf"\({code}\)")


def token() -> str:
    """Make a ClientRequestToken."""
    return str(uuid.uuid4())


def stages(client, name) -> dict[str, list[str]]:
    """Give version id -> labels."""
    return client.describe_secret(SecretId=name)["VersionIdsToStages"]


def pages(operation, **parameters):
    """Give the answers of a listing operation, page by page."""
    while True:
        answer = operation(**parameters)
        yield answer
        if "NextToken" not in answer:
            return
        parameters["NextToken"] = answer["NextToken"]


# Names and ARNs.


def test_a_secret_is_found_by_name_arn_and_partial_arn(client, name, made):
    """All three forms that AWS documents find the secret; another suffix or region does not."""
    arn = made["ARN"]
    prefix = f"arn:aws:secretsmanager:ap-northeast-2:123456789012:secret:{name}-"
    assert arn.startswith(prefix)
    assert len(arn) == len(prefix) + 6
    for secret_id in (name, arn, arn[:-7]):
        assert client.get_secret_value(SecretId=secret_id)["ARN"] == arn
    other = arn.replace("ap-northeast-2", "us-east-1")
    for secret_id in (f"{prefix}AAAAA!", f"{arn[:-1]}?", other, f"{name}-{arn[-6:]}"):
        with refused("ResourceNotFoundException"):
            client.get_secret_value(SecretId=secret_id)


def test_a_name_that_ends_like_an_arn_is_found_all_the_same(client, name):
    """A name that ends in a hyphen and six characters is not cut short."""
    tricky = f"{name}-abcdef"
    arn = client.create_secret(Name=tricky, SecretString="x")["ARN"]
    for secret_id in (tricky, arn, arn[:-7]):
        assert client.get_secret_value(SecretId=secret_id)["Name"] == tricky


def test_a_secret_that_is_made_again_has_another_arn(client, name, made):
    """A full ARN means one secret, not whichever has its name later."""
    client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    again = client.create_secret(Name=name, SecretString="x")
    assert again["ARN"] != made["ARN"]
    with refused("ResourceNotFoundException"):
        client.get_secret_value(SecretId=made["ARN"])


# Values.


def test_text_and_bytes_come_back_as_such(client, name):
    """SecretString and SecretBinary are kept apart."""
    data, text = secrets.token_bytes(32), secrets.token_hex(16)
    client.create_secret(Name=name, SecretBinary=data)
    read = client.get_secret_value(SecretId=name)
    assert read["SecretBinary"] == data
    assert "SecretString" not in read
    client.put_secret_value(SecretId=name, SecretString=text)
    read = client.get_secret_value(SecretId=name)
    assert read["SecretString"] == text
    assert read["VersionStages"] == ["AWSCURRENT"]
    assert datetime.now(UTC) - read["CreatedDate"] < timedelta(minutes=1)


def test_what_is_malformed_is_refused_with_awss_own_code(client, name, made):
    """Each kind of malformed request has the code that the real service gives."""
    with refused("ValidationException"):
        client.put_secret_value(SecretId=name, SecretString="x" * 65_537)
    with refused("InvalidParameterException"):
        client.put_secret_value(SecretId=name, SecretString="x", SecretBinary=b"x")
    with refused("InvalidRequestException"):
        client.put_secret_value(SecretId=name)
    with refused("ResourceExistsException"):
        client.create_secret(Name=name, SecretString="x")
    with refused("ResourceNotFoundException"):
        client.get_secret_value(SecretId=f"{name}-no")
    with refused("ResourceNotFoundException"):
        client.get_secret_value(SecretId=name, VersionStage="AWSPENDING")
    with refused("ResourceNotFoundException"):
        client.get_secret_value(SecretId=name, VersionId=token())
    with refused("InvalidRequestException"):
        client.get_secret_value(
            SecretId=name, VersionId=made["VersionId"], VersionStage="AWSPENDING"
        )


def test_a_secret_without_a_value_gets_current_with_its_first(client, name):
    """CreateSecret without a value makes no version; the first one becomes AWSCURRENT."""
    assert "VersionId" not in client.create_secret(Name=name)
    with refused("ResourceNotFoundException"):
        client.get_secret_value(SecretId=name)
    client.put_secret_value(SecretId=name, SecretString="x", VersionStages=["AWSPENDING"])
    assert sorted(*stages(client, name).values()) == ["AWSCURRENT", "AWSPENDING"]


# Tokens and labels.


def test_tokens_make_writes_idempotent(client, name, made):
    """The same token and value do nothing; the same token and another value are refused."""
    shared = token()
    for _ in range(2):
        client.put_secret_value(SecretId=name, SecretString="x", ClientRequestToken=shared)
    with refused("ResourceExistsException"):
        client.put_secret_value(SecretId=name, SecretString="y", ClientRequestToken=shared)
    assert stages(client, name) == {shared: ["AWSCURRENT"], made["VersionId"]: ["AWSPREVIOUS"]}


def test_labels_move_as_the_service_moves_them(client, name, made):
    """UpdateSecretVersionStage is a compare-and-swap that brings AWSPREVIOUS along."""
    first = made["VersionId"]
    pending = client.put_secret_value(
        SecretId=name, SecretString="x", VersionStages=["AWSPENDING"]
    )["VersionId"]
    move = {"SecretId": name, "VersionStage": "AWSCURRENT", "MoveToVersionId": pending}
    for wrong in ({}, {"RemoveFromVersionId": pending}):
        with refused("InvalidParameterException"):
            client.update_secret_version_stage(**move, **wrong)
    client.update_secret_version_stage(**move, RemoveFromVersionId=first)
    assert stages(client, name) == {first: ["AWSPREVIOUS"], pending: ["AWSCURRENT", "AWSPENDING"]}
    client.update_secret_version_stage(**move)  # it is there already
    client.put_secret_value(SecretId=name, SecretString="y")
    assert stages(client, name)[pending] == ["AWSPREVIOUS"]
    assert first not in stages(client, name)


def test_current_cannot_be_taken_off(client, name, made):
    """AWSCURRENT can only be moved."""
    with refused("InvalidParameterException"):
        client.update_secret_version_stage(
            SecretId=name, VersionStage="AWSCURRENT", RemoveFromVersionId=made["VersionId"]
        )


def test_deprecated_versions_are_listed_on_demand(client, name, made):
    """ListSecretVersionIds shows versions without labels only with IncludeDeprecated."""
    for text in ("second", "third"):
        client.put_secret_value(SecretId=name, SecretString=text)
    listed = client.list_secret_version_ids(SecretId=name)["Versions"]
    everything = client.list_secret_version_ids(SecretId=name, IncludeDeprecated=True)["Versions"]
    assert len(listed) == 2
    assert everything[2]["VersionId"] == made["VersionId"]
    in_pages = pages(
        client.list_secret_version_ids, SecretId=name, IncludeDeprecated=True, MaxResults=1
    )
    assert [len(page["Versions"]) for page in in_pages] == [1, 1, 1]


# Many at once.


def test_a_batch_gives_values_and_errors_side_by_side(client, name, made):
    """What cannot be read stands in Errors, on an answer that is a success."""
    answer = client.batch_get_secret_value(SecretIdList=[name, f"{name}-no", made["ARN"]])
    assert [entry["SecretString"] for entry in answer["SecretValues"]] == ["first", "first"]
    (error,) = answer["Errors"]
    assert (error["SecretId"], error["ErrorCode"]) == (f"{name}-no", "ResourceNotFoundException")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"SecretIdList": ["a"], "Filters": [{"Key": "name", "Values": ["a"]}]},
        {"SecretIdList": [f"a{number}" for number in range(21)]},
        {"SecretIdList": ["a"], "MaxResults": 2},
        {"Filters": [{"Key": "owning-service", "Values": ["a"]}]},
    ],
    ids=["nothing", "both", "21 secrets", "MaxResults", "unknown filter"],
)
def test_a_batch_takes_up_to_20_names_or_else_filters(client, wrong):
    """BatchGetSecretValue's own limits are kept."""
    with refused("InvalidParameterException"):
        client.batch_get_secret_value(**wrong)


def test_filters_are_prefixes_and_can_be_negated(client, name):
    """Lists and batches find secrets by name, description and tags, page by page."""
    for number in range(3):
        client.create_secret(
            Name=f"{name}/{number}",
            SecretString=str(number),
            Description=f"the {number}th",
            Tags=[{"Key": "owner", "Value": f"team-{number}"}],
        )
    mine = {"Key": "name", "Values": [name]}

    def found(*filters):
        listed = pages(client.list_secrets, Filters=[mine, *filters], MaxResults=2)
        return [entry["Name"][-1] for page in listed for entry in page["SecretList"]]

    assert found() == ["0", "1", "2"]
    assert found({"Key": "name", "Values": [f"!{name}/1"]}) == ["0", "2"]
    assert found({"Key": "description", "Values": ["the 1", "the 2"]}) == ["1", "2"]
    assert found({"Key": "tag-value", "Values": ["team-0"]}, {"Key": "tag-key", "Values": ["o"]})
    assert found({"Key": "all", "Values": ["team-2"]}) == ["2"]
    batches = pages(client.batch_get_secret_value, Filters=[mine], MaxResults=2)
    values = [[entry["SecretString"] for entry in page["SecretValues"]] for page in batches]
    assert values == [["0", "1"], ["2"]]
    with refused("InvalidNextTokenException"):
        client.list_secrets(NextToken="!")


# Everything else that can be told and changed.


def test_descriptions_and_tags_change(client, name, made):
    """UpdateSecret, TagResource and UntagResource do what their names say."""
    client.update_secret(SecretId=name, Description="the database")
    updated = client.update_secret(SecretId=name, SecretString="second")
    client.tag_resource(
        SecretId=name, Tags=[{"Key": "owner", "Value": "api"}, {"Key": "tier", "Value": "1"}]
    )
    client.untag_resource(SecretId=name, TagKeys=["tier", "no"])
    told = client.describe_secret(SecretId=name)
    assert told["Description"] == "the database"
    assert told["Tags"] == [{"Key": "owner", "Value": "api"}]
    assert told["VersionIdsToStages"][updated["VersionId"]] == ["AWSCURRENT"]
    assert "RotationEnabled" not in told
    assert "LastRotatedDate" not in told


def test_a_deletion_waits_and_can_be_taken_back(client, name, made):
    """In its recovery window a secret refuses everything but RestoreSecret."""
    answer = client.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    days = answer["DeletionDate"] - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < days <= timedelta(days=7)
    for refusal in (
        lambda: client.get_secret_value(SecretId=name),
        lambda: client.put_secret_value(SecretId=name, SecretString="x"),
        lambda: client.create_secret(Name=name, SecretString="x"),
    ):
        with refused("InvalidRequestException"):
            refusal()
    assert client.describe_secret(SecretId=name)["DeletedDate"] == answer["DeletionDate"]
    mine = [{"Key": "name", "Values": [name]}]
    assert client.list_secrets(Filters=mine)["SecretList"] == []
    assert client.list_secrets(Filters=mine, IncludePlannedDeletion=True)["SecretList"]
    client.restore_secret(SecretId=name)
    assert client.get_secret_value(SecretId=name)["SecretString"] == "first"


def test_a_forced_deletion_is_at_once_and_never_an_error(client, name, made):
    """ForceDeleteWithoutRecovery frees the name, also of what is not there."""
    for _ in range(2):
        client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    with refused("ResourceNotFoundException"):
        client.delete_secret(SecretId=name)
    client.create_secret(Name=name, SecretString="x")
    for wrong in ({"RecoveryWindowInDays": 6}, {"RecoveryWindowInDays": 31}):
        with refused("InvalidParameterException"):
            client.delete_secret(SecretId=name, **wrong)
    with refused("InvalidParameterException"):
        client.delete_secret(SecretId=name, RecoveryWindowInDays=7, ForceDeleteWithoutRecovery=True)


def test_random_passwords_have_what_was_asked_for(client):
    """GetRandomPassword's switches are kept, and each included kind is there."""
    kinds = [string.ascii_lowercase, string.ascii_uppercase, string.digits, string.punctuation]
    password = client.get_random_password()["RandomPassword"]
    assert len(password) == 32
    assert all(set(password) & set(kind) for kind in kinds)
    plain = client.get_random_password(
        PasswordLength=8, ExcludePunctuation=True, ExcludeUppercase=True, ExcludeCharacters="0aeiou"
    )["RandomPassword"]
    assert len(plain) == 8
    assert set(plain) <= set(string.ascii_lowercase + string.digits) - set("0aeiou")
    spaced = client.get_random_password(PasswordLength=5, IncludeSpace=True)["RandomPassword"]
    assert " " in spaced
    for wrong in ({"PasswordLength": 3}, {"ExcludeCharacters": string.printable}):
        with refused("InvalidParameterException"):
            client.get_random_password(**wrong)


# The server itself.


def test_any_boto3_program_uses_it_by_its_environment(server, client, name, made, monkeypatch):
    """With server.environ set a program that knows nothing of it reads its secrets."""
    for variable, setting in server.environ.items():
        monkeypatch.setenv(variable, setting)
    stranger = boto3.session.Session().client("secretsmanager")
    assert stranger.get_secret_value(SecretId=name)["SecretString"] == "first"
    stranger.close()


def test_a_request_must_be_signed(server):
    """What has no signature is refused, as by the real service."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]))
    target = {"X-Amz-Target": "secretsmanager.ListSecrets"}
    connection.request("POST", "/", "{}", target)
    answer = connection.getresponse()
    assert answer.status == 400
    assert b"MissingAuthenticationTokenException" in answer.read()
    connection.close()


def test_what_the_store_holds_the_server_serves_and_the_other_way_round(server, client, name):
    """server.store and the protocol are two sides of the same secrets."""
    text = secrets.token_hex(16)
    server.store.create(name, text)
    assert client.get_secret_value(SecretId=name)["SecretString"] == text
    written = client.put_secret_value(SecretId=name, SecretString=text[::-1])["VersionId"]
    assert server.store.get(Address(name)).version_id == written


def test_it_runs_as_a_process_over_a_folder_and_ends_on_sigterm(tmp_path):
    """Python -m glisecrets.testing serves a folder; its first line is the URL."""
    folder, text = tmp_path / ".secrets", secrets.token_hex(16)
    LocalStore(folder).create("gli/db", text)
    command = [sys.executable, "-m", "glisecrets.testing", "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().strip()
        client = boto3.session.Session("test", "test", region_name="ap-northeast-2").client(
            "secretsmanager", endpoint_url=url
        )
        assert client.get_secret_value(SecretId="gli/db")["SecretString"] == text
        client.close()
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(10) == 0
        assert process.stdout.read() == ""
