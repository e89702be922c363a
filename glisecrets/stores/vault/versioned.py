"""Secrets in a KV v2 mount: versions by token, labels, and publication."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ...errors import AccessDenied, SecretExists, SecretNotFound
from ...references import AWSCURRENT
from ..base import SecretDescription, SecretVersion, VersionInfo
from ..labels import Labels, version_token
from .documents import document_of, value_of
from .failures import CheckAndSetFailed, VersionGone
from .kv import Metadata, walk
from .stages import Lies, Stages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ...references import Address
    from ..base import SecretValue
    from .documents import Document
    from .kv import Kv2, Written

__all__ = ["STAGED", "STAGES", "VersionedSecrets"]

_T = TypeVar("_T")

#: The last parts of the side documents' paths: see :mod:`.stages`.
STAGES = "_stages"
STAGED = "_staged"

#: How often a step that another writer disturbed starts again, and the seconds between.
_ATTEMPTS = 12
_PAUSE = 0.01

#: A shorter row of digits is a KV version number, a longer one a token.
_SHORTEST_TOKEN = 32


class _StagedGone(SecretNotFound):
    """A staged value is not where the labels say: published meanwhile, or taken away by hand."""


class _Seen(NamedTuple):
    """One secret's state, brought up to date with what is published."""

    stages: Stages
    #: The version number of the ``_stages`` document, for check-and-set.
    cas: int
    #: Whether ``AWSCURRENT`` was found published and the ``_stages`` document does not say so.
    behind: bool


class VersionedSecrets:
    """The secrets of one KV v2 mount, by their paths within it; the methods are the store's."""

    def __init__(self, kv: Kv2) -> None:
        self._kv = kv

    def get(self, path: str, address: Address) -> SecretVersion:
        """Read one version."""
        return _undisturbed(lambda: self._get(path, address))

    def describe(self, path: str) -> SecretDescription:
        """Tell labels, dates and tags."""
        metadata = self._metadata(path)
        stages = self._existing(path, metadata).stages
        return SecretDescription(
            self._name(path),
            stages.labels.labelled,
            tags=metadata.tags,
            created=_when(metadata.created),
            changed=_when(metadata.changed),
        )

    def versions(self, path: str, *, include_deprecated: bool) -> list[VersionInfo]:
        """List versions, newest first; those that KV has dropped are left out."""
        metadata = self._metadata(path)
        stages = self._existing(path, metadata).stages
        oldest_first = [
            VersionInfo(vid, labels, _when(stages.places[vid].created))
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
        document, vid = document_of(value), self._token(path, token)

        def created(before: Stages) -> Stages:
            if vid in before.places:
                return self._replayed(path, before, vid, document)
            if before.exists:
                raise SecretExists(
                    f"{self._name(path)} exists already",
                    store="vault",
                    secret=self._name(path),
                    next_step="write a version of it with put",
                )
            labels = before.labels.put(vid, (AWSCURRENT,))
            return before.written(vid, labels, self._staged(path, vid, document))

        after = self._changed(path, created)
        if tags:
            self.tag(path, tags)
        return _told(after, vid)

    def put(
        self, path: str, value: SecretValue, token: str | None, labels: tuple[str, ...]
    ) -> VersionInfo:
        """Write a version of an existing secret."""
        document, vid = document_of(value), self._token(path, token)

        def put(before: Stages) -> Stages:
            self._require(path, before)
            if vid in before.places:
                return self._replayed(path, before, vid, document)
            after = before.labels.put(vid, labels)
            return before.written(vid, after, self._staged(path, vid, document))

        return _told(self._changed(path, put), vid)

    def move_label(self, path: str, label: str, to: str | None, expected: str | None) -> None:
        """Move a label by compare-and-swap."""

        def moved(before: Stages) -> Stages:
            self._require(path, before)
            return replace(before, labels=before.labels.move(label, to=to, expected=expected))

        self._changed(path, moved)

    def tag(self, path: str, tags: Mapping[str, str]) -> None:
        """Add tags to the document's custom metadata."""
        self._kv.tag(path, {**self._kv.metadata(path).tags, **tags})

    def delete(self, path: str) -> None:
        """Delete the secret and its side documents, with all versions, at once."""
        self._existing(path, self._metadata(path))
        # The published document goes last: until then the secret is there to be deleted again.
        for token in self._kv.list(f"{path}/{STAGED}"):
            self._kv.forget(f"{path}/{STAGED}/{token}")
        self._kv.forget(f"{path}/{STAGES}")
        self._kv.forget(path)

    # Reading the state

    def _get(self, path: str, address: Address) -> SecretVersion:
        newest, numbers = self._newest(path)
        wanted = address.wanted
        number = int(wanted) if wanted.isdecimal() and len(wanted) < _SHORTEST_TOKEN else None
        stages = self._seen(path, numbers, needed=not number and wanted != AWSCURRENT).stages
        self._require(path, stages)
        vid = stages.id_of(number) if number else self._resolved(path, stages, address)
        lies = stages.places.get(vid) or Lies(int(vid), staged=False, created="")
        read_already = newest is not None and not lies.staged and lies.number == newest.number
        written = newest if newest and read_already else self._written(path, vid, lies)
        return SecretVersion(
            address.secret,
            vid,
            value_of(written.document),
            stages.labels.versions.get(vid, frozenset()),
            _when(lies.created or written.created),
        )

    def _newest(self, path: str) -> tuple[Written | None, dict[int, str]]:
        """Read the newest published version, and tell the last two numbers.

        It needs no right but to read the secret itself.
        """
        try:
            newest = self._kv.read(path)
        except VersionGone as gone:
            return None, _last_two(gone.number, gone.created)
        except SecretNotFound:
            return None, {}
        return newest, _last_two(newest.number, newest.created)

    def _seen(self, path: str, numbers: Mapping[int, str], *, needed: bool = True) -> _Seen:
        """Read the labels and bring them up to date with the published versions.

        Args:
            path: the secret's path.
            numbers: what was published, read *before* the labels: number -> when.
            needed: whether to raise when the labels may not be read. A plain policy grants the
                secret's own path only, which is enough for ``AWSCURRENT``.
        """
        stored, cas = self._stored(path, needed=needed)
        if stored.published > max(numbers, default=0):
            if max(self._newest(path)[1], default=0) >= stored.published:
                raise _StagedGone(f"{self._name(path)} is being published", store="vault")
            stored = self._unlabelled(path)  # deleted and perhaps written anew, by hand
        behind = max(numbers, default=0) > stored.published and self._was_published(path, stored)
        stages = stored.finished(stored.published + 1) if behind else stored
        return _Seen(stages.adopted(numbers), cas, behind)

    def _stored(self, path: str, *, needed: bool) -> tuple[Stages, int]:
        try:
            written = self._kv.read(f"{path}/{STAGES}")
        except VersionGone as gone:
            return self._unlabelled(path), gone.number
        except SecretNotFound:
            return self._unlabelled(path), 0
        except AccessDenied:
            if needed:
                raise
            return self._unlabelled(path), 0
        return Stages.parse(self._name(path), written.document), written.number

    def _was_published(self, path: str, stored: Stages) -> bool:
        """Tell a publication that was cut short from a version that somebody wrote by hand."""
        vid = stored.unpublished
        if vid is None:
            return False
        try:
            value = self._written(path, vid, stored.places[vid]).document
            return self._kv.read(path, stored.published + 1).document == value
        except _StagedGone:
            return True  # nothing but a publication takes the staged value away
        except SecretNotFound:
            return False

    def _written(self, path: str, vid: str, lies: Lies) -> Written:
        if not lies.staged:
            return self._kv.read(path, lies.number)
        try:
            return self._kv.read(f"{path}/{STAGED}/{vid}", lies.number)
        except SecretNotFound:
            raise _StagedGone(
                f"version {vid} of {self._name(path)} is not kept any more",
                store="vault",
                secret=self._name(path),
                version=vid,
            ) from None

    def _resolved(self, path: str, stages: Stages, address: Address) -> str:
        if address.version_id is None:
            vid = stages.labels.holder(address.wanted)
        else:
            vid = address.version_id if address.version_id in stages.places else None
        if vid is not None:
            return vid
        raise SecretNotFound(
            f"{self._name(path)} has no version {address.wanted}",
            store="vault",
            secret=self._name(path),
            version=address.wanted,
        )

    def _metadata(self, path: str) -> Metadata:
        try:
            return self._kv.metadata(path)
        except SecretNotFound:
            return Metadata({}, {}, "", "")

    def _existing(self, path: str, metadata: Metadata) -> _Seen:
        seen = _undisturbed(lambda: self._seen(path, metadata.versions))
        self._require(path, seen.stages)
        return seen

    def _require(self, path: str, stages: Stages) -> None:
        if not stages.exists:
            name = self._name(path)
            raise SecretNotFound(f"Vault has no {name}", store="vault", secret=name)

    # Changing the state

    def _changed(self, path: str, change: Callable[[Stages], Stages]) -> Stages:
        after = _undisturbed(lambda: self._commit(path, change))
        _undisturbed(lambda: self._publish(path))
        return after

    def _commit(self, path: str, change: Callable[[Stages], Stages]) -> Stages:
        """Write what a change makes of the labels; from here on the change has happened."""
        seen = self._seen(path, self._metadata(path).versions)
        after = change(seen.stages)
        if after is not seen.stages:
            self._write_stages(path, after, seen.cas)
            self._drop_staged(path, seen.stages, after)
        return after

    def _publish(self, path: str) -> None:
        """Let plain readers see ``AWSCURRENT``, if they do not yet, whoever moved it there."""
        seen = self._seen(path, self._metadata(path).versions)
        stages = finished = seen.stages
        current = stages.unpublished
        if current is None and not seen.behind:
            return
        if current is not None:
            document = self._written(path, current, stages.places[current]).document
            finished = stages.finished(self._kv.write(path, document, cas=stages.published).number)
        # In this order: a staged value that is gone says that it has been published.
        self._drop_staged(path, stages, finished)
        self._write_stages(path, finished, seen.cas)

    def _write_stages(self, path: str, stages: Stages, cas: int) -> None:
        self._kv.write(f"{path}/{STAGES}", stages.document(), cas=cas)

    def _drop_staged(self, path: str, before: Stages, after: Stages) -> None:
        for vid in before.staged - after.staged:
            self._kv.forget(f"{path}/{STAGED}/{vid}")

    def _staged(self, path: str, token: str, document: Document) -> Lies:
        """Write a value where no plain reader looks.

        One that no label tells of is there if a writer died between the two; it is not a version
        yet, so another value may replace it.
        """
        place = f"{path}/{STAGED}/{token}"
        try:
            written = self._kv.write(place, document, cas=0)
        except CheckAndSetFailed:
            written = self._kv.read(place)
            if written.document != document:
                written = self._kv.write(place, document, cas=written.number)
        return Lies(written.number, staged=True, created=written.created)

    def _replayed(self, path: str, before: Stages, token: str, document: Document) -> Stages:
        same = self._written(path, token, before.places[token]).document == document
        before.labels.put(token, (), same_value=same)
        return before

    def _secrets_in(self, folder: str) -> list[str]:
        return [entry for entry in self._kv.list(folder) if entry not in {STAGES, f"{STAGED}/"}]

    def _token(self, path: str, token: str | None) -> str:
        return version_token(token, store="vault", secret=self._name(path))

    def _unlabelled(self, path: str) -> Stages:
        return Stages(Labels("vault", self._name(path)))

    def _name(self, path: str) -> str:
        return f"{self._kv.mount}/{path}"


def _undisturbed(step: Callable[[], _T]) -> _T:
    """Do a step that reads first, again and again while other writers come in between."""
    for attempt in range(1, _ATTEMPTS):
        try:
            return step()
        except (CheckAndSetFailed, _StagedGone):
            time.sleep(random.uniform(0, _PAUSE * attempt))  # noqa: S311 no secret hangs on it
    return step()


def _told(stages: Stages, vid: str) -> VersionInfo:
    return VersionInfo(vid, stages.labels.versions[vid], _when(stages.places[vid].created))


def _last_two(number: int, created: str) -> dict[int, str]:
    return {number - 1: "", number: created} if number > 1 else {number: created}


def _when(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
