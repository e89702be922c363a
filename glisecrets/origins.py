"""Where a value came from: names and places, never the value."""

from __future__ import annotations

from typing import NamedTuple


class Origin(NamedTuple):
    """The place that one value came from."""

    #: ``arguments``, ``defaults``, ``template``, ``dotenv``, ``process`` (``github`` inside
    #: GitHub Actions), ``store`` or ``build``.
    layer: str
    #: The place within the layer as a person would write it: ``.env.staging:12``,
    #: ``variable DATABASE_URL``, ``file /run/secrets/api_key``, or a reference.
    place: str
    #: Path of the file, if it is one.
    file: str | None = None
    #: Line in that file, counted from 1.
    line: int | None = None
    #: The variable or key name that matched.
    variable: str | None = None
    #: The store's scheme: ``aws``, ``vault`` or ``local``.
    store: str | None = None
    #: The secret's name or ARN.
    secret: str | None = None
    #: The secret's version id.
    version_id: str | None = None
    #: The labels on that version when it was read, sorted.
    labels: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.layer}: {self.place}" if self.place else self.layer


#: The origin of a value that no layer gave.
DEFAULT = Origin("defaults", "the class's own default")
