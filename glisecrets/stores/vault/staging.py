"""Reading and writing the three kinds of documents that keep one secret: see :mod:`.stages`.

The order of the calls is what keeps readers and other writers right at every moment, and after a
crash at any of them:

1. a new value is staged, where nothing refers to it yet;
2. the labels are written by check-and-set: now it has happened;
3. if ``AWSCURRENT`` moved, its value is published, by check-and-set on the published document;
4. the staged value is taken away;
5. the labels are written again, now telling where the value lies.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ...errors import AccessDenied, SecretNotFound
from ..labels import Labels
from .failures import CheckAndSetFailed, VersionGone
from .stages import Lies, Stages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .documents import Document
    from .kv import Kv2, Written

_T = TypeVar("_T")

#: The last parts of the side documents' paths.
STAGES = "_stages"
STAGED = "_staged"

#: Seconds for which a step that other writers disturb starts again; and the first and the longest
#: pause before it does, in seconds.
_PATIENCE = 10.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.5


class _StagedGone(SecretNotFound):
    """A staged value is not where the labels say: published meanwhile, or taken away by hand."""


class Seen(NamedTuple):
    """One secret's state, brought up to date with what is published."""

    stages: Stages
    #: The same as it is stored.
    stored: Stages
    #: The version number of the ``_stages`` document, for check-and-set.
    cas: int

    @property
    def behind(self) -> bool:
        """Whether ``AWSCURRENT`` has been published, and the document does not say so."""
        return self.stored.unpublished is not None and self.stages.unpublished is None


class Staging:
    """The state of the secrets in one KV v2 mount; a class, because each call needs the mount."""

    def __init__(self, kv: Kv2) -> None:
        self._kv = kv

    def name(self, path: str) -> str:
        """Give a secret's full name."""
        return f"{self._kv.mount}/{path}"

    def newest(self, path: str) -> tuple[Written | None, dict[int, str]]:
        """Read the newest published version, if it is not deleted, and tell the last two numbers.

        It needs no right but to read the secret itself.
        """
        try:
            newest = self._kv.read(path)
        except VersionGone as gone:
            return None, _last_two(gone.number, gone.created)
        except SecretNotFound:
            return None, {}
        return newest, _last_two(newest.number, newest.created)

    def seen(self, path: str, numbers: Mapping[int, str], *, needed: bool = True) -> Seen:
        """Read the labels and bring them up to date with the published versions.

        Args:
            path: the secret's path.
            numbers: what was published, read *before* the labels: number -> when.
            needed: whether to raise when the labels may not be read. A plain policy grants the
                secret's own path only, which is enough for ``AWSCURRENT``.
        """
        stored, cas = self._stored(path, needed=needed)
        if stored.published > max(numbers, default=0):
            if max(self.newest(path)[1], default=0) >= stored.published:
                raise _StagedGone(f"{self.name(path)} is being published", store="vault")
            stored = self._unlabelled(path)  # deleted, and perhaps written anew, by hand
        stages = stored
        if max(numbers, default=0) > stored.published and self._was_published(path, stored):
            stages = stored.finished(stored.published + 1)
        return Seen(stages.adopted(numbers), stored, cas)

    def read(self, path: str, vid: str, lies: Lies) -> Written:
        """Read one version's value.

        Raises:
            SecretNotFound: it is not kept any more; a :class:`VersionGone` if it was deleted.
        """
        if lies.staged:
            return self._read_staged(path, vid, lies.number)
        return self._kv.read(path, lies.number)

    def stage(self, path: str, token: str, document: Document) -> Lies:
        """Write a value where no plain reader looks.

        One that no label tells of is there if a writer died between the two; it is not a version
        yet, so another value may replace it.
        """
        place = f"{path}/{STAGED}/{token}"
        try:
            written = self._kv.write(place, document, cas=0)
        except CheckAndSetFailed:
            written = self._read_staged(path, token)
            if written.document != document:
                written = self._kv.write(place, document, cas=written.number)
        return Lies(written.number, staged=True, created=written.created)

    def changed(self, path: str, change: Callable[[Stages], Stages]) -> Stages:
        """Make a change of the labels, and let plain readers see what follows from it.

        Args:
            path: the secret's path.
            change: gives the state afterwards; the very same one if there is nothing to do. It is
                called again when another writer was quicker.
        """
        after = undisturbed(lambda: self._commit(path, change))
        undisturbed(lambda: self._published(path))
        return after

    def finished(self, path: str, seen: Seen) -> Seen:
        """Publish what a writer that died has left, if this token may; the labels stay the same."""
        if seen.stored.unpublished is None:
            return seen
        try:
            return undisturbed(lambda: self._published(path))
        except AccessDenied:
            return seen

    def _commit(self, path: str, change: Callable[[Stages], Stages]) -> Stages:
        seen = self._published(path)
        after = change(seen.stages)
        if after is not seen.stages:
            self._write_stages(path, after, seen.cas)
            self._drop_staged(path, seen.stages, after)
        return after

    def _published(self, path: str) -> Seen:
        """Let plain readers see ``AWSCURRENT``, if they do not yet, whoever moved it there.

        No change begins before this is done: once ``AWSCURRENT`` had moved on, a value that was
        published meanwhile could not be told from one written by hand.
        """
        seen = self.seen(path, self._kv.metadata(path).versions)
        stages = finished = seen.stages
        current = stages.unpublished
        if current is None and not seen.behind:
            return seen
        if current is not None:
            document = self.read(path, current, stages.places[current]).document
            finished = stages.finished(self._kv.write(path, document, cas=stages.published).number)
        # In this order: a staged value that is gone says that it has been published.
        self._drop_staged(path, seen.stored, finished)
        return Seen(finished, finished, self._write_stages(path, finished, seen.cas))

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
        return Stages.parse(self.name(path), written.document), written.number

    def _was_published(self, path: str, stored: Stages) -> bool:
        """Tell a publication that was cut short from a version that somebody wrote by hand."""
        vid = stored.unpublished
        if vid is None:
            return False
        try:
            value = self.read(path, vid, stored.places[vid]).document
            return self._kv.read(path, stored.published + 1).document == value
        except _StagedGone:
            return True  # nothing but a publication takes the staged value away
        except SecretNotFound:
            return False

    def _read_staged(self, path: str, vid: str, number: int | None = None) -> Written:
        try:
            return self._kv.read(f"{path}/{STAGED}/{vid}", number)
        except SecretNotFound:
            name = self.name(path)
            raise _StagedGone(
                f"version {vid} of {name} is not kept any more",
                store="vault",
                secret=name,
                version=vid,
            ) from None

    def _write_stages(self, path: str, stages: Stages, cas: int) -> int:
        return self._kv.write(f"{path}/{STAGES}", stages.document(), cas=cas).number

    def _drop_staged(self, path: str, before: Stages, after: Stages) -> None:
        for vid in before.staged - after.staged:
            self._kv.forget(f"{path}/{STAGED}/{vid}")

    def _unlabelled(self, path: str) -> Stages:
        return Stages(Labels("vault", self.name(path)))


def undisturbed(step: Callable[[], _T]) -> _T:
    """Do a step that reads first, again and again while other writers come in between."""
    deadline, pause = time.monotonic() + _PATIENCE, _FIRST_PAUSE
    while True:
        try:
            return step()
        except (CheckAndSetFailed, _StagedGone):
            if time.monotonic() > deadline:
                raise
        time.sleep(random.uniform(0, pause))  # noqa: S311 no secret hangs on it
        pause = min(2 * pause, _LONGEST_PAUSE)


def _last_two(number: int, created: str) -> dict[int, str]:
    return {number - 1: "", number: created} if number > 1 else {number: created}
