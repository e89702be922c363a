"""Which KMS keys there are to be: nine by default, and a team's own.

Source: production operations guide, section 1. One key for everything would make one leak a leak
of everything, one policy for everybody, and one audit trail of everything.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from glisecrets.declaration import DataClass
from glisecrets.environment import Environment
from glisecrets.errors import ConfigurationError

from .declared import KmsKey, are_tags
from .place import Place

if TYPE_CHECKING:
    from collections.abc import Mapping

_HIGH, _CONFIDENTIAL, _INTERNAL = DataClass

#: The keys of the guide, by name.
CATALOGUE: Mapping[str, KmsKey] = {
    key.name: key
    for key in (
        KmsKey(
            name="rds",
            data_class=_HIGH,
            component="database",
            description="RDS instances",
            deletion_window=30,
            via=("rds",),
            services=("rds",),
            grants=True,
            readers=("DBARole",),
        ),
        KmsKey(
            name="secrets",
            data_class=_HIGH,
            component="secrets",
            description="Secrets Manager",
            deletion_window=30,
            # No context: to try a key, Secrets Manager asks with another than a secret's ARN.
            via=("secretsmanager",),
        ),
        KmsKey(
            name="s3-data",
            data_class=_CONFIDENTIAL,
            component="storage",
            description="S3 data buckets",
            deletion_window=30,
            via=("s3",),
        ),
        KmsKey(
            name="logs",
            data_class=_INTERNAL,
            component="logging",
            description="CloudWatch Logs",
            deletion_window=7,
            services=("logs.{region}",),
            context={"aws:logs:arn": "arn:{partition}:logs:{region}:{account}:*"},
        ),
        KmsKey(
            name="ecr",
            data_class=_INTERNAL,
            component="container-registry",
            description="ECR repositories",
            deletion_window=7,
            via=("ecr",),
            grants=True,
        ),
        KmsKey(
            name="efs",
            data_class=_CONFIDENTIAL,
            component="file-storage",
            description="EFS file systems",
            deletion_window=30,
            via=("elasticfilesystem",),
            grants=True,
        ),
        KmsKey(
            name="messaging",
            data_class=_INTERNAL,
            component="messaging",
            description="SNS topics and SQS queues",
            deletion_window=7,
            via=("sns", "sqs"),
            services=("sns", "s3"),
        ),
        KmsKey(
            name="terraform-state",
            data_class=_HIGH,
            component="terraform",
            description="Terraform state files",
            alias="alias/terraform-state",
            deletion_window=30,
            via=("s3",),
        ),
        KmsKey(
            name="ebs",
            data_class=_CONFIDENTIAL,
            component="compute-storage",
            description="EBS volumes",
            deletion_window=30,
            via=("ec2",),
            grants=True,
        ),
    )
}


def read_catalogue(table: Mapping[str, Any]) -> dict[str, KmsKey]:
    """Give the catalogue with a team's own keys, and its changes to the guide's.

    Args:
        table: ``[tool.glisecrets.kms]``: ``required_tags``, which every key gets, and ``keys``,
            with the fields of :class:`KmsKey` by name.

    Raises:
        ConfigurationError: a table, key or field that makes no sense.
    """
    unknown = table.keys() - {"required_tags", "keys"}
    if unknown:
        raise _wrong(f"{', '.join(sorted(unknown))} is not known")
    found = dict(CATALOGUE)
    for name, told in _table(table, "keys").items():
        if not isinstance(told, dict):
            raise _wrong(f"keys.{name} is no table")
        found[name] = _declared(name, told, found.get(name))
    required = _table(table, "required_tags")
    if not are_tags(required):
        raise _wrong("required_tags holds what AWS takes in no tag")
    for environment in Environment:
        here = Place("{account}", "{region}", environment, "{partition}")
        [(alias, number)] = Counter(
            here.fill(key.alias_template) for key in found.values()
        ).most_common(1)
        if number > 1:
            raise _wrong(f"two keys have the same alias in {environment}: {alias}")
    return {name: replace(key, tags={**required, **key.tags}) for name, key in found.items()}


def _declared(name: str, told: Mapping[str, Any], known: KmsKey | None) -> KmsKey:
    parts = {part: _part(name, part, value) for part, value in told.items()}
    if known:
        return replace(known, **parts)
    if parts.keys() >= {"data_class", "component"}:
        return KmsKey(name=name, **parts)
    raise _wrong(f"keys.{name} needs data_class and component")


#: What a field must be in TOML.
_TYPES: dict[str, type] = {
    **dict.fromkeys(("data_class", "component", "description", "alias"), str),
    **dict.fromkeys(("deletion_window", "rotation_days"), int),
    **dict.fromkeys(("grants", "for_fields"), bool),
    **dict.fromkeys(("context", "tags"), dict),
    **dict.fromkeys(("via", "services", "readers", "applications", "replica_regions"), list),
}


def _part(name: str, part: str, value: object) -> Any:
    wanted = _TYPES.get(part)
    if wanted is None:
        known = ", ".join(each.name for each in fields(KmsKey) if each.name != "name")
        raise _wrong(f"keys.{name}.{part} is not known: there are {known}")
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if type(value) is not wanted or not all(isinstance(item, str) for item in items):
        raise _wrong(f"keys.{name}.{part} is not of type {wanted.__name__}, or not of texts")
    if part == "data_class" and value not in set(DataClass):
        raise _wrong(f"keys.{name}.data_class is none of {', '.join(DataClass)}")
    if part == "data_class":
        return DataClass(str(value))
    return tuple(value) if isinstance(value, list) else value


def _table(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = table.get(name, {})
    if not isinstance(found, dict):
        raise _wrong(f"{name} is no table")
    return found


def _wrong(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"[tool.glisecrets.kms]: {why}", next_step="mend pyproject.toml: see docs/kms.md"
    )
