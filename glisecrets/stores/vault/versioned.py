"""Secrets in a KV v2 mount: versions by token, and labels."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from ...errors import InvalidRequest, SecretExists, SecretNotFound
from ...references import AWSCURRENT
from ..base import SecretDescription, SecretVersion, VersionInfo
from ..labels import version_token
from .documents import document_of, value_of
from .kv import walk
from .stages import Lies
from .staging import STAGED, STAGES, Staging, undisturbed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ...references import Address
    from ..base import SecretValue
    from .documents import Document
    from .kv import Kv2, Metadata
    from .stages import Stages
    from .staging import Seen

#: A shorter row of digits is a KV version number, a longer one a token.
_SHORTEST_TOKEN = 32


class VersionedSecrets:
    """The secrets of one KV v2 mount, by their paths within it; the methods are the store's."""

    def __init__(self, kv: Kv2) -> None:
        self._kv = kv
        self._staging = Staging(kv)

    def get(self, path: str, address: Address) -> SecretVersion:
        """Read one version."""
        return undisturbed(lambda: self._get(path, address))

    def describe(self, path: str) -> SecretDescription:
        """Tell labels, dates and tags."""
        metadata, stages = self._existing(path)
        return SecretDescription(
            self._staging.name(path),
            stages.labels.labelled,
            tags=metadata.tags,
            created=_when(metadata.created),
            changed=_when(metadata.changed),
        )

    def versions(self, path: str, *, include_deprecated: bool) -> list[VersionInfo]:
        """List versions, newest first; those that KV has dropped are left out."""
        metadata, stages = self._existing(path)
        oldest_first = [
            _told(stages, vid)
            for vid, labels in stages.labels.versions.items()
            if labels or (include_deprecated and stages.places[vid].kept_in(metadata.versions))
        ]
        return oldest_first[::-1]

    def names(self, prefix: str) -> Iterator[str]:
        """List the paths that start with a prefix, in order, without our side documents."""
        return walk(self._secrets_in, prefix)

    def create(
        self, path: str, value: SecretValue, token: str | None, tags: Mapping[str, str] | None
    ) -> VersionInfo:
        """Write the first version of a new secret."""
        info = self._write(path, value, token, (AWSCURRENT,), new=True)
        if tags:
            self.tag(path, tags)
        return info

    def put(
        self, path: str, value: SecretValue, token: str | None, labels: tuple[str, ...]
    ) -> VersionInfo:
        """Write a version of an existing secret."""
        return self._write(path, value, token, labels, new=False)

    def move_label(self, path: str, label: str, to: str | None, expected: str | None) -> None:
        """Move a label by compare-and-swap."""

        def moved(before: Stages) -> Stages:
            self._require(path, before)
            return replace(before, labels=before.labels.move(label, to=to, expected=expected))

        self._staging.changed(path, moved)

    def tag(self, path: str, tags: Mapping[str, str]) -> None:
        """Add tags to the document's custom metadata."""
        metadata, _ = self._existing(path)
        self._kv.tag(path, {**metadata.tags, **tags})

    def delete(self, path: str) -> None:
        """Delete the secret and its side documents, with all versions, at once."""
        self._existing(path)
        # The published document goes last: until then the secret is there to be deleted again.
        for token in self._kv.list(f"{path}/{STAGED}"):
            self._kv.forget(f"{path}/{STAGED}/{token}")
        self._kv.forget(f"{path}/{STAGES}")
        self._kv.forget(path)

    def _get(self, path: str, address: Address) -> SecretVersion:
        newest, numbers = self._staging.newest(path)
        number = _kv_number(address.wanted)
        label = address.label if _kv_number(address.label or "") is None else None
        # A plain policy grants no labels, and these do without.
        plain = number is not None or address.version_id is None
        needed = not plain or label not in {None, AWSCURRENT}
        stages = self._staging.seen(path, numbers, needed=needed).stages
        self._require(path, stages)
        vid = self._wanted(path, stages, address) if number is None else stages.id_of(number)
        labels = stages.labels.versions.get(vid, frozenset())
        if address.version_id and label and label not in labels:
            raise self._elsewhere(path, label, vid)
        lies = stages.places.get(vid) or Lies(int(vid), staged=False, created="")
        if newest is None or lies.staged or lies.number != newest.number:
            newest = self._staging.read(path, vid, lies)
        created = _when(lies.created or newest.created)
        return SecretVersion(address.secret, vid, value_of(newest.document), labels, created)

    def _write(
        self,
        path: str,
        value: SecretValue,
        token: str | None,
        labels: tuple[str, ...],
        *,
        new: bool,
    ) -> VersionInfo:
        vid = version_token(token, store="vault", secret=self._staging.name(path))
        document = document_of(value)

        def written(before: Stages) -> Stages:
            if vid in before.places:
                return self._replayed(path, before, vid, document)
            self._require(path, before, new=new)
            after = before.labels.put(vid, labels)
            return before.written(vid, after, self._staging.stage(path, vid, document))

        return _told(self._staging.changed(path, written), vid)

    def _replayed(self, path: str, before: Stages, vid: str, document: Document) -> Stages:
        same = self._staging.read(path, vid, before.places[vid]).document == document
        before.labels.put(vid, (), same_value=same)
        return before

    def _existing(self, path: str) -> tuple[Metadata, Stages]:
        def look() -> tuple[Metadata, Seen]:
            metadata = self._kv.metadata(path)
            return metadata, self._staging.seen(path, metadata.versions)

        metadata, seen = undisturbed(look)
        stages = self._staging.finished(path, seen).stages
        self._require(path, stages)
        return metadata, stages

    def _require(self, path: str, stages: Stages, *, new: bool = False) -> None:
        """Refuse a secret that is not there, or a new one that is."""
        if stages.exists != new:
            return
        name = self._staging.name(path)
        if new:
            step = "write a version of it with put"
            raise SecretExists(f"{name} exists already", store="vault", secret=name, next_step=step)
        step = "check the mount and the path, or create it"
        raise SecretNotFound(f"Vault has no {name}", store="vault", secret=name, next_step=step)

    def _wanted(self, path: str, stages: Stages, address: Address) -> str:
        if address.version_id is None:
            vid = stages.labels.holder(address.wanted)
        else:
            vid = address.version_id if address.version_id in stages.places else None
        if vid is not None:
            return vid
        name = self._staging.name(path)
        raise SecretNotFound(
            f"{name} has no version {address.wanted}",
            store="vault",
            secret=name,
            version=address.wanted,
        )

    def _elsewhere(self, path: str, label: str, vid: str) -> InvalidRequest:
        name = self._staging.name(path)
        return InvalidRequest(
            f"{label} of {name} is not on version {vid}", store="vault", secret=name, version=vid
        )

    def _secrets_in(self, folder: str) -> list[str]:
        return [entry for entry in self._kv.list(folder) if entry not in {STAGES, f"{STAGED}/"}]


def _kv_number(wanted: str) -> int | None:
    return int(wanted) if wanted.isdecimal() and len(wanted) < _SHORTEST_TOKEN else None


def _told(stages: Stages, vid: str) -> VersionInfo:
    return VersionInfo(vid, stages.labels.versions[vid], _when(stages.places[vid].created))


def _when(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
