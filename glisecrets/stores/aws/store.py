"""The AWS store: the port of :mod:`glisecrets.stores.base` over Secrets Manager."""

from __future__ import annotations

import logging
from datetime import UTC
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ...errors import (
    ConfigurationError,
    InvalidRequest,
    MissingExtra,
    SecretExists,
    SecretNotFound,
    StoreError,
)
from ...references import AWSCURRENT, Address, Arn
from ..base import SecretDescription, VersionInfo
from .connection import Connection
from .options import ClientOptions
from .planner import normal
from .writing import stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from botocore.client import BaseClient

    from ..base import SecretValue, SecretVersion
    from .writing import Unshown

_LOGGER = logging.getLogger(__name__)

_BATCH_DENIED = (
    "BatchGetSecretValue is denied in %s, so that each secret costs one call; "
    "allow secretsmanager:BatchGetSecretValue, on resource *, to this role"
)

_OPTIONS = ("region", "profile", "endpoint_url")


class AwsStore:
    """Secrets Manager in one region, through a botocore client.

    Credentials, endpoints and proxies come as in any boto3 program. The client is made by the
    first request, and anew in a child after ``fork``. How long a request can take is told in
    :mod:`.client`. botocore's DEBUG log would print values; for this store's own requests those
    records are dropped.

    Args:
        region: default ``AWS_REGION``, ``AWS_DEFAULT_REGION``, then the profile's.
        profile: default ``AWS_PROFILE``.
        endpoint_url: default ``AWS_ENDPOINT_URL_SECRETS_MANAGER``, ``AWS_ENDPOINT_URL``, then
            the profile's, then AWS's own.
        client: a boto3 or botocore client of ``secretsmanager`` to use as it is. Its retries and
            timeouts are its maker's, and so are closing it and making another after ``fork``.
        environ: read instead of ``os.environ`` for what is named above and for static
            credentials.

    Raises:
        MissingExtra: botocore is not installed.
    """

    scheme = "aws"

    def __init__(
        self,
        *,
        region: str | None = None,
        profile: str | None = None,
        endpoint_url: str | None = None,
        client: BaseClient | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        if client is None and find_spec("botocore") is None:
            raise MissingExtra("AWS Secrets Manager", "aws")
        options = ClientOptions.of(region, profile, endpoint_url, environ)
        #: Its client, also for operations that are no store's: RotateSecret.
        self.connection = Connection(options, client)
        self._may_batch = True
        self.location = client.meta.region_name if client else options.location

    @classmethod
    def from_options(
        cls, path: str, options: Mapping[str, str], *, environ: Mapping[str, str] | None = None
    ) -> AwsStore:
        """Open the store that ``aws:?options`` names; the options are the class's arguments.

        Raises:
            ConfigurationError: a path or an unknown option.
            MissingExtra: botocore is not installed.
        """
        if path or not options.keys() <= set(_OPTIONS):
            raise ConfigurationError(
                f"the AWS store has the options {', '.join(_OPTIONS)} and no path",
                next_step="write its address like aws:?region=ap-northeast-2",
            )
        return cls(
            region=options.get("region"),
            profile=options.get("profile"),
            endpoint_url=options.get("endpoint_url"),
            environ=environ,
        )

    def get(self, address: Address) -> SecretVersion:
        """Read one version, by GetSecretValue.

        Raises:
            SecretNotFound: no such secret, version or label, or it is scheduled for deletion.
            InvalidRequest: an ARN of another region, which is refused before any call.
        """
        answer = self.get_many([address])[address]
        if isinstance(answer, StoreError):
            raise answer
        return answer

    def get_many(self, addresses: Iterable[Address]) -> dict[Address, SecretVersion | StoreError]:
        """Read many versions: BatchGetSecretValue by 20 for current ones, calls overlapped.

        Without the right to batch, each secret is read by GetSecretValue; a warning says so once.
        """
        asked = {address: normal(address) for address in addresses}
        elsewhere = {a: refusal for a in asked.values() if (refusal := self._elsewhere(a))}
        found = self._read([a for a in asked.values() if a not in elsewhere]) | elsewhere
        return {address: found[normalised] for address, normalised in asked.items()}

    def create(
        self,
        secret: str,
        value: SecretValue,
        *,
        token: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> VersionInfo:
        """Make a new secret whose first version is ``AWSCURRENT``.

        Raises:
            SecretExists: the name is taken (the same token with the same value is a no-op).
            InvalidRequest: over 64 KiB, or the name waits for its deletion.
        """
        params = stored(secret, value, token, Name=secret)
        if tags:
            params["Tags"] = _tags(tags)
        del value
        return self._write("CreateSecret", secret, params)

    def put(
        self,
        secret: str,
        value: SecretValue,
        *,
        token: str | None = None,
        labels: Iterable[str] = (AWSCURRENT,),
    ) -> VersionInfo:
        """Write a version of an existing secret and move the labels to it.

        Raises:
            SecretNotFound: no such secret.
            SecretExists: the token has another value already.
            InvalidRequest: over 64 KiB, or the secret is scheduled for deletion.
        """
        params = stored(secret, value, token, SecretId=secret, VersionStages=list(labels))
        del value
        return self._write("PutSecretValue", secret, params)

    def move_label(
        self, secret: str, label: str, *, to: str | None = None, expected: str | None = None
    ) -> None:
        """Move a label to version ``to``, or take it off with ``to=None``: a compare-and-swap.

        Raises:
            LabelConflict: the label is on another version than ``expected``.
            SecretNotFound: no such secret or version.
            InvalidRequest: ``AWSCURRENT`` can be moved, never taken off.
        """
        ids = {"MoveToVersionId": to, "RemoveFromVersionId": expected}
        params = {"SecretId": secret, "VersionStage": label}
        params |= {key: value for key, value in ids.items() if value}
        try:
            self.connection.call("UpdateSecretVersionStage", secret, to or expected, params)
        except InvalidRequest:
            from ..labels import Labels

            # AWS tells a conflict in the words of any other refusal.
            labels = Labels(self.scheme, secret, self.describe(secret).versions)
            labels.check_holder(label, expected)
            raise

    def describe(self, secret: str) -> SecretDescription:
        """Tell about a secret, without any value."""
        told = self.connection.call("DescribeSecret", secret)
        versions = told.get("VersionIdsToStages", {})
        return SecretDescription(
            name=told["Name"],
            versions={version: frozenset(labels) for version, labels in versions.items() if labels},
            arn=told.get("ARN"),
            tags={tag["Key"]: tag["Value"] for tag in told.get("Tags", ())},
            created=_utc(told.get("CreatedDate")),
            changed=_utc(told.get("LastChangedDate")),
            rotated=_utc(told.get("LastRotatedDate")),
            rotation_enabled=told.get("RotationEnabled"),
        )

    def versions(self, secret: str, *, include_deprecated: bool = False) -> list[VersionInfo]:
        """List a secret's versions, newest first."""
        params = {"SecretId": secret, "IncludeDeprecated": include_deprecated}
        listed = self.connection.pages("ListSecretVersionIds", "Versions", secret, params)
        newest_first = sorted(listed, key=lambda entry: entry["CreatedDate"], reverse=True)
        return [_version(entry) for entry in newest_first]

    def names(self, prefix: str = "") -> Iterator[str]:
        """List the names of the secrets that start with ``prefix``, in order."""
        filters = {"Filters": [{"Key": "name", "Values": [prefix]}]} if prefix else {}
        listed = self.connection.pages(
            "ListSecrets", "SecretList", None, {"MaxResults": 100, **filters}
        )
        names = (entry["Name"] for entry in listed)
        return iter(sorted(name for name in names if name.startswith(prefix)))

    def tag(self, secret: str, tags: Mapping[str, str]) -> None:
        """Add or overwrite tags."""
        params = {"SecretId": secret, "Tags": _tags(tags)}
        self.connection.call("TagResource", secret, None, params)

    def delete(self, secret: str) -> None:
        """Schedule a secret for deletion, with AWS's recovery window of 30 days."""
        self.connection.call("DeleteSecret", secret)

    def close(self) -> None:
        """Let go of connections, but for a client that was given. The store can be used again."""
        self.connection.close()

    def _read(self, addresses: list[Address]) -> dict[Address, SecretVersion | StoreError]:
        if not addresses:
            return {}
        client = self.connection.client()  # first: it loads botocore in the quickest way

        from .reading import Reader

        reader = Reader(client, self.connection.where, batch=self._may_batch)
        found = reader.read(addresses)
        if self._may_batch and not reader.batch:
            self._may_batch = False
            _LOGGER.warning(_BATCH_DENIED, self.connection.where)
        return found

    def _write(self, action: str, secret: str, params: Unshown) -> VersionInfo:
        version: str = params["ClientRequestToken"]
        try:
            written = self.connection.call(action, secret, version, params)
        except SecretExists:
            # An earlier try may have arrived and its answer been lost.
            if not self._holds(secret, version, params):
                raise
            written = {}
        labels = written.get("VersionStages") or params.get("VersionStages") or (AWSCURRENT,)
        return VersionInfo(written.get("VersionId", version), frozenset(labels))

    def _holds(self, secret: str, version: str, params: Unshown) -> bool:
        try:
            found = self.get(Address(secret, version)).value
        except SecretNotFound:
            return False
        return found in (params.get("SecretString"), params.get("SecretBinary"))

    def _elsewhere(self, address: Address) -> InvalidRequest | None:
        arn = Arn.parse(address.secret)
        if arn is None or arn.region == self.connection.where:
            return None
        return InvalidRequest(
            f"{address.secret} is in {arn.region}, this store reads {self.connection.where}",
            store=self.scheme,
            secret=address.secret,
            version=address.version_id or address.label,
            next_step=f"open a store for that region: aws:?region={arn.region}",
        )


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _version(entry: Mapping[str, Any]) -> VersionInfo:
    labels = frozenset(entry.get("VersionStages", ()))
    return VersionInfo(entry["VersionId"], labels, _utc(entry.get("CreatedDate")))


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None
