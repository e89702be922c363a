"""``rotate plan`` and ``rotate apply``: the account made to follow the declaration."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from glisecrets.testing import SecretsManagerServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Service

ACCOUNT, REGION = "123456789012", "ap-northeast-2"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:gli-rotation-staging"
WEBHOOK = (
    'webhook: SecretStr = secret("gli/webhook/{environment}", kind="generated",'
    ' rotate_every="90d", rotation={"length": "40"})'
)
LOGIN = 'login: SecretStr = secret("gli/login/{environment}")'


@pytest.fixture
def aws_server() -> Iterator[SecretsManagerServer]:
    """Secrets Manager; its Lambda only keeps account of its events."""
    events: list[Any] = []
    with SecretsManagerServer(region=REGION, account=ACCOUNT, on_rotate=events.append) as server:
        server.events = events  # type: ignore[attr-defined]
        yield server


@pytest.fixture(scope="session")
def lambda_url() -> Iterator[str]:
    """AWS Lambda, by moto."""
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def functions(lambda_url: str, aws_service: Service, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of Lambda with one function that rotates."""
    from boto3.session import Session

    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", lambda_url)
    session = Session("test", "test", region_name=REGION)
    iam = session.client("iam", endpoint_url=lambda_url)
    name = f"rotation-{os.urandom(4).hex()}"
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    client = session.client("lambda", endpoint_url=lambda_url)
    client.create_function(
        FunctionName=f"{name}-staging",
        Runtime="python3.12",
        Role=role,
        Handler="glisecrets.rotation.handler.handle",
        Code={"ZipFile": b"zip"},
    )
    aws_service.monkeypatch.setenv(
        "GLISECRETS_ROTATION_LAMBDA",
        f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}-{{environment}}",
    )
    client.function_name = f"{name}-staging"
    yield client
    for each in (client, iam):
        each.close()


def test_a_plan_tells_and_changes_nothing(aws_service: Service, functions: Any) -> None:
    """Tags, schedule and permission are shown as they are and as they would be."""
    aws_service.declare(WEBHOOK, LOGIN)
    aws_service.create("gli/webhook/staging", length="20")
    done = aws_service.call("plan", "--format", "json")
    assert done.code == 0
    assert done.document["applied"] is False
    changes = {(each["what"], each["before"], each["after"]) for each in done.document["changes"]}
    assert changes >= {
        ("may be invoked by Secrets Manager", None, "yes"),
        ("tag glisecrets:length", "20", "40"),
        ("tag glisecrets:rotate-every", None, "90d"),
        ("tag glisecrets:rotator", None, "generated"),
        ("rotation", "off", "on"),
        ("window", None, "4h"),
    }
    assert {each["place"] for each in done.document["changes"]} == {
        "gli/webhook/staging",
        f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{functions.function_name}",
    }
    assert aws_service.call("plan", "--format", "json").document == done.document


def test_after_apply_there_is_nothing_to_change(
    aws_service: Service, aws_server: SecretsManagerServer, functions: Any
) -> None:
    """What was planned is in the account: tags, cron in a window, and the Lambda's permission."""
    aws_service.declare(WEBHOOK)
    aws_service.create("gli/webhook/staging", length="20", alphabet="hex")
    before = aws_service.store.describe("gli/webhook/staging").versions
    assert aws_service.call("apply", "--window", "16-20").code == 0
    aws_server.wait_for_rotations()
    told = aws_server.client().describe_secret(SecretId="gli/webhook/staging")
    assert told["RotationEnabled"]
    assert told["RotationLambdaARN"].endswith(functions.function_name)
    assert told["RotationRules"]["ScheduleExpression"].startswith("cron(0 16 ")
    assert told["RotationRules"]["Duration"] == "4h"
    assert {tag["Key"]: tag["Value"] for tag in told["Tags"]} == {
        "glisecrets:rotator": "generated",
        "glisecrets:rotate-every": "90d",
        "glisecrets:length": "40",
    }
    [statement] = json.loads(functions.get_policy(FunctionName=functions.function_name)["Policy"])[
        "Statement"
    ]
    assert statement["Principal"] == {"Service": "secretsmanager.amazonaws.com"}
    assert ACCOUNT in json.dumps(statement["Condition"])
    again = aws_service.call("apply", "--window", "16-20", "--format", "json")
    assert again.document["changes"] == []
    assert aws_service.store.describe("gli/webhook/staging").versions == before


@pytest.mark.parametrize(("options", "steps"), [((), ["testSecret"]), (("--now",), None)])
def test_the_first_rotation_waits_for_its_day_unless_asked(
    aws_service: Service,
    aws_server: SecretsManagerServer,
    functions: Any,
    options: tuple[str, ...],
    steps: list[str] | None,
) -> None:
    """Turning rotation on must not change a password in the middle of the day."""
    aws_service.declare(WEBHOOK)
    aws_service.create("gli/webhook/staging")
    assert aws_service.call("apply", *options).code == 0
    aws_server.wait_for_rotations()
    seen = [event["Step"] for event in aws_server.events]  # type: ignore[attr-defined]
    assert seen == (steps or ["createSecret", "setSecret", "testSecret", "finishSecret"])


def test_without_a_lambda_the_tags_are_written_and_a_scheduler_is_asked_for(
    service: Service,
) -> None:
    """The local store and Vault rotate nothing by themselves, which is said."""
    service.declare(WEBHOOK)
    service.create("gli/webhook/staging")
    done = service.call("apply")
    assert done.code == 0
    assert "rotate run --due" in done.err
    assert service.store.describe("gli/webhook/staging").tags["glisecrets:rotator"] == "generated"
    assert "nothing to change" in service.call("plan").out


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ('x: str = secret("gli/x/{environment}", kind="postgres")', "no rotator 'postgres'"),
        (
            'x: str = secret("gli/x/{environment}", kind="generated", rotation={"lenght": "9"})',
            "no option lenght",
        ),
        (
            'x: str = secret("gli/x/{environment}", kind="generated", rotation={"key": "a#b"})',
            "AWS takes no such text",
        ),
    ],
)
def test_what_is_declared_wrongly_is_told_and_the_rest_applied(
    aws_service: Service, field: str, told: str
) -> None:
    """One slip of the pen leaves no other secret without its tags."""
    aws_service.declare(field, WEBHOOK)
    aws_service.create("gli/x/staging")
    aws_service.create("gli/webhook/staging")
    done = aws_service.call("apply")
    assert done.code == 1
    assert told in done.out
    tags = aws_service.store.describe("gli/webhook/staging").tags
    assert tags["glisecrets:rotator"] == "generated"
    assert aws_service.store.describe("gli/x/staging").tags == {}


def test_a_lambda_that_cannot_be_asked_is_told(
    aws_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slip in an address is said so, as for every other service of AWS."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", "nowhere")
    aws_service.declare(WEBHOOK)
    aws_service.create("gli/webhook/staging")
    done = aws_service.call("plan", "--lambda", FUNCTION)
    assert "no client of AWS lambda can be made (ValueError)" in done.err
    assert "AWS_ENDPOINT_URL" in done.err


def test_a_window_past_midnight_is_refused(aws_service: Service) -> None:
    """Before anything is asked or changed."""
    aws_service.declare(WEBHOOK)
    done = aws_service.call("apply", "--window", "22-2", "--lambda", FUNCTION)
    assert (done.code, "begins and ends on one day" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("arn", "told"),
    [(FUNCTION.replace("staging", "production"), "belongs to production"), ("gli", "is no ARN")],
)
def test_another_environments_lambda_is_refused(aws_service: Service, arn: str, told: str) -> None:
    """It would rotate staging's password in production's database."""
    aws_service.declare(WEBHOOK)
    done = aws_service.call("plan", "--lambda", arn)
    assert (done.code, told in done.err) == (2, True)


def test_a_secret_that_is_missing_is_told(aws_service: Service) -> None:
    """The plan names what has to be created first."""
    aws_service.declare(WEBHOOK)
    done = aws_service.call("plan")
    assert done.code == 1
    assert "gli/webhook/staging is not in Secrets Manager" in done.out
