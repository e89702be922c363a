"""The fast client is botocore's own client: same endpoints, same chain, same hooks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import botocore.session
import pytest
from botocore import BOTOCORE_ROOT
from botocore.config import Config
from botocore.exceptions import EndpointVariantError
from botocore.regions import EndpointResolver

from glisecrets.errors import ConfigurationError, InvalidRequest
from glisecrets.references import Address
from glisecrets.stores.aws import AwsStore
from glisecrets.stores.aws.endpoints import endpoints_of
from glisecrets.stores.aws.session import _SERVICES, _fast_session, make_session
from glisecrets.testing import SecretsManagerServer

ENDPOINTS = Path(BOTOCORE_ROOT, "data", "endpoints.json")
ALL = json.loads(ENDPOINTS.read_bytes())
REGIONS = [region for partition in ALL["partitions"] for region in partition["regions"]]


@pytest.fixture(autouse=True)
def _no_profiles(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="module")
def server():
    with SecretsManagerServer() as server:
        server.store.create("gli/db", "x")
        yield server


def resolved(resolver: EndpointResolver, *how: object) -> object:
    """What a resolver makes of a service, region and variants; an impossible one is told apart."""
    try:
        return resolver.construct_endpoint(*how)
    except EndpointVariantError as error:
        return str(error)


def test_every_region_and_variant_resolves_as_in_plain_botocore():
    """China, GovCloud, isolated and unknown regions, FIPS and dual stack: the same endpoint."""
    cut = endpoints_of(ENDPOINTS.read_bytes(), _SERVICES)
    assert cut, "this botocore's endpoints.json is not laid out as known: the fast way is lost"
    ours, theirs = EndpointResolver(cut), EndpointResolver(json.loads(ENDPOINTS.read_bytes()))
    regions = [*REGIONS, "us-gov-nowhere-9", "cn-nowhere-9", "eu-nowhere-9", "nowhere"]
    for how in product(_SERVICES, regions, [None], [False, True], [False, True]):
        assert resolved(ours, *how) == resolved(theirs, *how), how


def meta(session: botocore.session.Session, service: str, region: str, config: Config) -> object:
    """All of a client that tells where it goes and how it signs; or why it cannot be made."""
    try:
        client = session.create_client(service, region_name=region, config=config)
    except EndpointVariantError as error:
        return str(error)
    model = client.meta.service_model
    operation = model.operation_model(model.operation_names[0])
    url, *_ = client._resolve_endpoint_ruleset(operation, {}, {"client_region": region})
    signer = client._request_signer
    signing = (signer.region_name, signer.signing_name, signer.signature_version)
    return client.meta.endpoint_url, client.meta.partition, url, signing


@pytest.mark.parametrize("service", ["secretsmanager", "sts", "sso", "sso-oidc"])
def test_clients_go_where_a_plain_botocore_client_goes(service):
    """Endpoint, partition and signing are equal, for plain, FIPS and dual-stack endpoints."""
    fast, plain = _fast_session(None), botocore.session.Session()
    some = ["ap-northeast-2", "us-east-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1"]
    regions = REGIONS if service == "secretsmanager" else some
    for region, fips, dual in product(regions, [False, True], [False, True]):
        config = Config(use_fips_endpoint=fips, use_dualstack_endpoint=dual)
        assert meta(fast, service, region, config) == meta(plain, service, region, config)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ALL).encode(),
        json.dumps(ALL, indent=4).encode(),
        ENDPOINTS.read_bytes()[:100_000],
        b'{"partitions": []}',
        b"",
        ENDPOINTS.read_bytes().replace(b'"secretsmanager" :', b'"secretsmanager":'),
    ],
    ids=["minified", "other indent", "truncated", "no partitions", "empty", "other spacing"],
)
def test_an_endpoints_file_laid_out_otherwise_is_left_to_botocore(text):
    """A botocore of another shape costs time, never a wrong endpoint."""
    assert endpoints_of(text, _SERVICES) is None


def test_own_data_files_of_the_user_count(monkeypatch, tmp_path):
    """AWS_DATA_PATH goes first, as in any botocore program."""
    shutil.copytree(Path(BOTOCORE_ROOT, "data", "secretsmanager"), tmp_path / "secretsmanager")
    other = json.loads(ENDPOINTS.read_bytes())
    for partition in other["partitions"]:
        partition["dnsSuffix"] = "example.test"
    (tmp_path / "endpoints.json").write_text(json.dumps(other))
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    resolver = make_session()._get_internal_component("endpoint_resolver")
    plain = botocore.session.Session()._get_internal_component("endpoint_resolver")
    assert resolver.get_partition_dns_suffix("aws") == "example.test"
    assert resolver.uses_builtin_data == plain.uses_builtin_data


def test_a_botocore_that_changed_its_shape_gives_a_plain_session(monkeypatch):
    """The fast way is left, not forced."""
    monkeypatch.setattr("botocore.handlers.BUILTIN_HANDLERS", [object()], raising=True)
    monkeypatch.setattr(
        "glisecrets.stores.aws.session.Session",
        lambda profile=None, include_builtin_handlers=True: (profile, include_builtin_handlers),
    )
    assert make_session("gli") == ("gli", True)


def test_the_region_comes_from_option_then_environment_then_profile(monkeypatch, tmp_path):
    """Option, AWS_REGION, AWS_DEFAULT_REGION, profile: the first one that is set."""
    (tmp_path / "config").write_text("[default]\nregion = eu-west-1\n")

    def region(**options: str) -> str:
        return AwsStore(**options).connection.where

    assert region() == "eu-west-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert region() == "us-west-2"
    monkeypatch.setenv("AWS_REGION", "ap-northeast-2")
    assert region() == "ap-northeast-2"
    assert region(region="cn-north-1") == "cn-north-1"


def test_without_any_region_the_error_says_where_to_put_one():
    """No request and no guess."""
    with pytest.raises(ConfigurationError, match="AWS_REGION=ap-northeast-2"):
        AwsStore().get(Address("gli/db"))


def test_an_unknown_profile_is_a_configuration_error():
    """It names the profile."""
    with pytest.raises(ConfigurationError, match="no-such-profile"):
        AwsStore(profile="no-such-profile").get(Address("gli/db"))


def test_an_endpoint_that_is_no_url_is_told_without_repeating_it():
    """A URL may hold a password."""
    with pytest.raises(ConfigurationError) as caught:
        AwsStore(region="us-east-1", endpoint_url="hunter22").get(Address("gli/db"))
    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize(("path", "options"), [("x", {}), ("", {"regoin": "us-east-1"})])
def test_an_unknown_option_or_a_path_is_refused(path, options):
    """A typing error in GLISECRETS_STORE does not silently mean the default."""
    with pytest.raises(ConfigurationError, match="region"):
        AwsStore.from_options(path, options)


def test_a_mapping_that_stands_for_the_environment_is_enough(server):
    """Region, endpoint and credentials of ``environ`` are used, whatever os.environ holds."""
    store = AwsStore.from_options("", {}, environ=server.environ)
    assert store.get(Address("gli/db")).value == "x"
    store.close()


def test_a_profile_gives_region_endpoint_and_credentials(server, tmp_path):
    """``aws:?profile=gli`` needs nothing else."""
    (tmp_path / "config").write_text(
        f"[profile gli]\nregion = {server.region}\nendpoint_url = {server.url}\n"
        "aws_access_key_id = test\naws_secret_access_key = test\n"
    )
    store = AwsStore.from_options("", {"profile": "gli"})
    assert store.get(Address("gli/db")).value == "x"
    store.close()


def test_an_arn_of_another_region_is_refused_before_any_call(server):
    """It says which store to open."""
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:gli/db-AbCdEf"
    store = AwsStore.from_options("", {}, environ=server.environ)
    server.calls.clear()
    with pytest.raises(InvalidRequest, match=r"aws:\?region=eu-west-1"):
        store.get(Address(arn))
    assert server.calls == []


def test_the_patience_is_bounded_and_the_user_may_change_the_number_of_tries(monkeypatch, server):
    """Adaptive retries, 2 s to connect, 5 s to answer; AWS_MAX_ATTEMPTS is obeyed."""
    config = AwsStore.from_options("", {}, environ=server.environ).connection.client().meta.config
    assert (config.connect_timeout, config.read_timeout) == (2, 5)
    assert config.retries == {"mode": "adaptive", "total_max_attempts": 6}
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    config = AwsStore.from_options("", {}, environ=server.environ).connection.client().meta.config
    assert config.retries["total_max_attempts"] == 2


def test_a_child_process_makes_its_own_client(server):
    """After ``fork`` no connection is shared with the parent."""
    store = AwsStore.from_options("", {}, environ=server.environ)
    store.get(Address("gli/db"))
    parents = store.connection.client()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        fresh = store.connection.client() is not parents
        value = store.get(Address("gli/db")).value
        os.write(writer, b"ok" if fresh and value == "x" else b"no")
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        assert answer.read() == b"ok"
    assert store.connection.client() is parents
    store.close()


def test_a_closed_store_can_be_used_again(server):
    """``close`` lets go of connections and no more."""
    store = AwsStore.from_options("", {}, environ=server.environ)
    store.get(Address("gli/db"))
    store.close()
    assert store.get(Address("gli/db")).value == "x"
    store.close()


def test_opening_a_store_loads_no_botocore():
    """A program whose settings name no AWS secret never pays for botocore."""
    code = (
        "import sys; from glisecrets.stores import open_store; "
        "open_store('aws:?region=us-east-1').close(); sys.exit('botocore' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_moto_and_tracers_see_the_calls(monkeypatch):
    """``mock_aws`` works in the process, on one secret and on a batch."""
    from moto import mock_aws

    monkeypatch.setenv("AWS_REGION", "ap-northeast-2")
    with mock_aws():
        store = AwsStore()
        names = [f"gli/{number}" for number in range(3)]
        for name in names:
            store.create(name, name.upper())
        found = store.get_many(map(Address, names))
        assert [version.value for version in found.values()] == [name.upper() for name in names]
        assert store.get(Address("gli/0")).value == "GLI/0"


def test_a_client_that_is_given_is_used_as_it_is(server):
    """boto3's and botocore's, with whatever they were stubbed or patched with."""
    from botocore.stub import Stubber

    client = server.client()
    with Stubber(client) as stub:
        stub.add_response(
            "get_secret_value",
            {
                "ARN": "arn:" + "x" * 20,
                "Name": "gli/db",
                "VersionId": "v" * 32,
                "SecretString": "s",
            },
            {"SecretId": "gli/db"},
        )
        store = AwsStore(client=client)
        assert store.get(Address("gli/db")).value == "s"
        assert store.location == server.region
    client.close()
