"""The documents of one KV v2 mount: plain reads and writes, no labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ...errors import SecretNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

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
        answer = self._connection.call(
            lambda vault: vault.secrets.kv.v2.read_secret_version(
                path, number, self.mount, raise_on_deleted_version=True
            ),
            secret=self._named(path),
            number=number,
        )
        data = answer["data"]
        return Written(data["metadata"]["version"], data["metadata"]["created_time"], data["data"])

    def write(self, path: str, document: Document, *, cas: int) -> Written:
        """Write a new version if the newest is still number ``cas`` (0: if there is none).

        Raises:
            CheckAndSetFailed: it is not.
        """
        answer = self._connection.call(
            lambda vault: vault.secrets.kv.v2.create_or_update_secret(
                path, document, cas, self.mount
            ),
            secret=self._named(path),
        )
        return Written(answer["data"]["version"], answer["data"]["created_time"], document)

    def metadata(self, path: str) -> Metadata:
        """Read what is kept about a document; of one that is not there, nothing is."""
        try:
            data = self._connection.call(
                lambda vault: vault.secrets.kv.v2.read_secret_metadata(path, self.mount),
                secret=self._named(path),
            )["data"]
        except SecretNotFound:
            return Metadata({}, {}, "", "")
        versions = {int(n): told["created_time"] for n, told in data["versions"].items()}
        tags = data.get("custom_metadata") or {}
        return Metadata(versions, tags, data["created_time"], data["updated_time"])

    def tag(self, path: str, tags: Mapping[str, str]) -> None:
        """Replace a document's custom metadata."""
        self._connection.call(
            lambda vault: vault.secrets.kv.v2.update_metadata(
                path, mount_point=self.mount, custom_metadata=dict(tags)
            ),
            secret=self._named(path),
        )

    def list(self, path: str) -> list[str]:
        """List a folder's entries, in order; a folder among them ends with a slash."""
        try:
            answer = self._connection.call(
                lambda vault: vault.secrets.kv.v2.list_secrets(path, self.mount),
                secret=self._named(path),
            )
        except SecretNotFound:
            return []
        keys: list[str] = answer["data"]["keys"]
        return keys

    def forget(self, path: str) -> None:
        """Delete a document with all its versions; nothing happens where there is none."""
        self._connection.call(
            lambda vault: vault.secrets.kv.v2.delete_metadata_and_all_versions(path, self.mount),
            secret=self._named(path),
        )

    def _named(self, path: str) -> str:
        return f"{self.mount}/{path}"


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
