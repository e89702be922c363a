"""The documents of one KV v2 mount: plain reads and writes, no labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ...errors import SecretNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hvac.api.secrets_engines import KvV2

    from .connection import Connection
    from .documents import Document


class Written(NamedTuple):
    """One version of a document; without its content it only says that it was written."""

    number: int
    created: str
    document: Document


@dataclass(frozen=True, slots=True)
class Metadata:
    """What KV v2 tells about a document without its content."""

    #: Version number -> when it was written, for those that are kept.
    versions: Mapping[int, str]
    tags: Mapping[str, str]
    created: str
    changed: str


class Kv2:
    """Reads and writes in one mount; a class, because each call needs connection and mount."""

    def __init__(self, connection: Connection, mount: str) -> None:
        self._connection = connection
        self.mount = mount

    def read(self, path: str, number: int | None = None) -> Written:
        """Read a version, or the newest.

        Raises:
            VersionGone: it was deleted or destroyed.
            SecretNotFound: there is none.
        """
        data = self._call(
            path,
            lambda kv: kv.read_secret_version(
                path, number, self.mount, raise_on_deleted_version=True
            ),
            number,
        )["data"]
        return Written(data["metadata"]["version"], data["metadata"]["created_time"], data["data"])

    def write(self, path: str, document: Document, *, cas: int) -> Written:
        """Write a new version if the newest is still number ``cas`` (0: if there is none).

        Raises:
            CheckAndSetFailed: it is not.
        """
        data = self._call(
            path, lambda kv: kv.create_or_update_secret(path, document, cas, self.mount)
        )["data"]
        return Written(data["version"], data["created_time"], document)

    def metadata(self, path: str) -> Metadata:
        """Read what is kept about a document; of one that is not there, nothing is."""
        try:
            data = self._call(path, lambda kv: kv.read_secret_metadata(path, self.mount))["data"]
        except SecretNotFound:
            return Metadata({}, {}, "", "")
        versions = {int(n): told["created_time"] for n, told in data["versions"].items()}
        tags = data.get("custom_metadata") or {}
        return Metadata(versions, tags, data["created_time"], data["updated_time"])

    def tag(self, path: str, tags: Mapping[str, str]) -> None:
        """Replace a document's custom metadata."""
        custom = dict(tags)
        self._call(
            path,
            lambda kv: kv.update_metadata(path, mount_point=self.mount, custom_metadata=custom),
        )

    def list(self, path: str) -> list[str]:
        """List a folder's entries, in order; a folder among them ends with a slash."""
        try:
            answer = self._call(path, lambda kv: kv.list_secrets(path, self.mount))
        except SecretNotFound:
            return []
        keys: list[str] = answer["data"]["keys"]
        return keys

    def forget(self, path: str) -> None:
        """Delete a document with all its versions; nothing happens where there is none."""
        self._call(path, lambda kv: kv.delete_metadata_and_all_versions(path, self.mount))

    def _call(
        self, path: str, action: Callable[[KvV2], Any], number: int | None = None
    ) -> dict[str, Any]:
        """Call hvac's KV v2 about a document."""
        return self._connection.call(
            lambda vault: action(vault.secrets.kv.v2),
            secret=f"{self.mount}/{path}",
            number=number,
        )


def walk(
    entries: Callable[[str], list[str]], prefix: str, folder: str | None = None
) -> Iterator[str]:
    """Give every path that starts with a prefix, in order.

    Args:
        entries: lists a folder; what is a folder itself ends with a slash.
        prefix: how the paths start.
        folder: where to look; default the folder that the prefix names.
    """
    if folder is None:
        folder = prefix[: prefix.rfind("/") + 1]
    for entry in entries(folder):
        path = folder + entry
        if not path.startswith(prefix):
            continue
        if entry.endswith("/"):
            yield from walk(entries, prefix, path)
        else:
            yield path
