"""The catalogue: the guide's nine keys, a team's own, and what cannot be declared."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from glisecrets import DataClass
from glisecrets.errors import ConfigurationError
from glisecrets.keys.kms import CATALOGUE, KmsKey, auditing, demands_of, read_catalogue

#: As the guide's Terraform has them: class, component, deletion window.
GUIDE = {
    "rds": ("highly-confidential", "database", 30),
    "secrets": ("highly-confidential", "secrets", 30),
    "s3-data": ("confidential", "storage", 30),
    "logs": ("internal", "logging", 7),
    "ecr": ("internal", "container-registry", 7),
    "efs": ("confidential", "file-storage", 30),
    "messaging": ("internal", "messaging", 7),
    "terraform-state": ("highly-confidential", "terraform", 30),
    "ebs": ("confidential", "compute-storage", 30),
}


def test_the_nine_keys_are_the_guides() -> None:
    """Class, component and window are as in section 1; all are rotated yearly."""
    found = {n: (k.data_class, k.component, k.window) for n, k in CATALOGUE.items()}
    assert found == GUIDE
    assert {key.rotation_days for key in CATALOGUE.values()} == {365}
    assert CATALOGUE["rds"].alias_template == "alias/rds-encryption"
    assert CATALOGUE["terraform-state"].alias_template == "alias/terraform-state"


def test_a_team_adds_keys_and_changes_the_guides_in_pyproject() -> None:
    """One file says it all; what it does not say stays as it is."""
    table = {
        "required_tags": {"Owner": "platform"},
        "keys": {
            "fields": {
                "data_class": "confidential",
                "component": "application",
                "for_fields": True,
            },
            "rds": {"applications": ["api-{environment}"]},
        },
    }
    found = read_catalogue(table)
    assert found["fields"].data_class is DataClass.CONFIDENTIAL
    assert found["fields"].window == 30
    assert found["fields"].for_fields
    assert found["rds"].applications == ("api-{environment}",)
    assert found["rds"].readers == ("DBARole",)
    assert {key.tags["Owner"] for key in found.values()} == {"platform"}
    assert CATALOGUE["rds"].applications == ()


def key(**told: Any) -> KmsKey:
    return KmsKey(**{"name": "own", "data_class": DataClass.INTERNAL, "component": "x", **told})


@pytest.mark.parametrize("days", [0, 3, 6, 31, 365, -7])
def test_a_deletion_window_outside_7_to_30_days_is_refused(days: int) -> None:
    """Botocore lets them through; a 3-day window would be found out by a deletion."""
    with pytest.raises(ConfigurationError, match="7 to 30"):
        key(deletion_window=days)


@pytest.mark.parametrize("days", [7, 30])
def test_the_ends_of_the_range_are_fine(days: int) -> None:
    """7 and 30 are KMS's own limits."""
    assert key(deletion_window=days).window == days


@pytest.mark.parametrize("days", [0, 89, 2561])
def test_a_rotation_period_outside_90_to_2560_days_is_refused(days: int) -> None:
    """KMS's own limits."""
    with pytest.raises(ConfigurationError, match="90 to 2560"):
        key(rotation_days=days)


@pytest.mark.parametrize("data_class", [DataClass.HIGHLY_CONFIDENTIAL, DataClass.CONFIDENTIAL])
def test_a_key_cannot_be_laxer_than_its_class(data_class: DataClass) -> None:
    """What a class demands is a least, for every key of it."""
    demands = demands_of(data_class)
    with pytest.raises(ConfigurationError, match="window of 30"):
        key(data_class=data_class, deletion_window=demands.deletion_window - 1)
    with pytest.raises(ConfigurationError, match="rotation every 365"):
        key(data_class=data_class, rotation_days=demands.rotation_days + 1)
    assert key(data_class=data_class, rotation_days=90).rotation_days == 90


@pytest.mark.parametrize(
    "told",
    [
        {"name": "Own Key"},
        {"alias": "own"},
        {"alias": "alias/aws/own"},
        {"alias": "alias/a b"},
        {"tags": {"aws:own": "x"}},
        {"tags": {"Owner": "x" * 257}},
        {"component": "a<b"},
        {"replica_regions": ("Tokyo",)},
        {"replica_regions": ("ap-northeast-1", "ap-northeast-1")},
        {"applications": ("api", "api")},
        {"via": ("s3.amazonaws.com",)},
        {"via": ("*",)},
        {"via": ("",)},
        {"services": ("sns.amazonaws.com",)},
        {"services": ("sns.amazonaws.com.cn",)},
        {"services": ("*",)},
        {"services": ("sns.",)},
        {"context": {"App": "x", "app": "y"}},
        {"for_fields": True, "context": {"Environment": "x"}},
        {"context": {"": "x"}},
    ],
)
def test_what_kms_would_refuse_is_refused_at_once(told: dict[str, Any]) -> None:
    """A mistake is found in the file, and not halfway through an apply."""
    with pytest.raises(ConfigurationError, match="declared wrongly"):
        key(**told)


@pytest.mark.parametrize("service", ["sns", "logs.{region}", "delivery.logs"])
def test_services_are_named_as_in_their_principals(service: str) -> None:
    """Before amazonaws.com, with a Region where theirs has one."""
    assert key(services=(service,)).services == (service,)


@pytest.mark.parametrize(
    "told",
    [
        {"alias": "alias/{enviroment}/x"},
        {"applications": ("api-{enviroment}",)},
        {"readers": ("dba-{enviroment}",)},
        {"context": {"stage": "{enviroment}"}},
        {"tags": {"Stage": "{enviroment}"}},
    ],
)
def test_a_misspelt_part_is_told_with_those_that_there_are(told: dict[str, Any]) -> None:
    """It would be a key of its own, or a role that nobody has."""
    with pytest.raises(ConfigurationError, match=r"\{enviroment\} is not known.*\{environment\}"):
        key(**told)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"key": {}}, "key is not known"),
        ({"keys": []}, "keys is no table"),
        ({"keys": {"own": 1}}, "keys.own is no table"),
        ({"keys": {"own": {"component": "x"}}}, "needs data_class"),
        ({"keys": {"rds": {"windows": 7}}}, "windows is not known"),
        ({"keys": {"rds": {"deletion_window": "30"}}}, "not of type int"),
        ({"keys": {"rds": {"grants": 1}}}, "not of type bool"),
        ({"keys": {"rds": {"readers": "DBARole"}}}, "not of type list"),
        ({"keys": {"rds": {"readers": [1]}}}, "not of texts"),
        ({"keys": {"rds": {"data_class": "secret"}}}, "none of highly-confidential"),
        ({"keys": {"rds": {"alias": "alias/terraform-state"}}}, "same alias"),
        (
            {
                "keys": {
                    "rds": {"alias": "alias/staging/x"},
                    "efs": {"alias": "alias/{environment}/x"},
                }
            },
            "same alias in staging: alias/staging/x",
        ),
        ({"required_tags": {"Owner": 1}}, "required_tags"),
        ({"required_tags": {"Owner": "{owner}"}}, "owner} is not known"),
        ({"required_tags": ["Owner"]}, "required_tags is no table"),
    ],
)
def test_a_table_that_makes_no_sense_is_told(table: dict[str, Any], told: str) -> None:
    """The error says which key, and what was expected."""
    with pytest.raises(ConfigurationError, match=told):
        read_catalogue(table)


def test_every_class_says_what_it_demands() -> None:
    """Rotation, window, who decrypts, and where a value may be logged."""
    assert demands_of(DataClass.HIGHLY_CONFIDENTIAL) == (365, 30, "named-roles", "nowhere")
    assert demands_of(DataClass.CONFIDENTIAL) == (365, 30, "account", "masked")
    assert demands_of(DataClass.INTERNAL) == (365, 7, "account", "internal-logs")


DOCS = Path(__file__).parents[3] / "docs" / "kms.md"


@pytest.mark.skipif(not DOCS.is_file(), reason="reads docs/, which is not here")
def test_the_page_has_every_key_and_every_finding() -> None:
    """Whoever reads docs/kms.md reads what the code does."""
    page = DOCS.read_text("utf-8")
    for each in CATALOGUE.values():
        row = f"| `{each.name}` | {each.data_class} | {each.component} | `{each.alias_template}` |"
        assert f"{row} {each.window} d |" in page
    source = Path(auditing.__file__).read_text("utf-8")
    assert set(re.findall(r"kms\.[a-z-]+(?=\")", source)) == set(
        re.findall(r"kms\.[a-z-]+(?=`)", page)
    )
