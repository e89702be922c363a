"""One KMS key as it is declared: what it is for, and the rules that KMS and its class set."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from glisecrets.errors import ConfigurationError

from ..envelope.context import DATA_CLASS, ENVIRONMENT
from .classes import demands_of
from .place import Place, unknown_parts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glisecrets.declaration import DataClass

#: Days; KMS's own limits. botocore enforces neither.
WINDOWS, PERIODS = range(7, 31), range(90, 2561)

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_ALIAS = re.compile(r"alias/(?!aws/)[\w/{}-]{1,250}", re.ASCII)
#: What KMS takes in a tag ("Tag naming limits", AWS tagging user guide), and in a Region's name.
_TAG_NAME, _TAG_VALUE = (
    re.compile(r"(?!aws:)[\w .:/=+@-]{1,128}"),
    re.compile(r"[\w .:/=+@{}-]{0,256}"),
)
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
#: Services as in ``kms:ViaService`` and in principals, before ``.amazonaws.com`` or the Region.
_VIA = re.compile(r"[a-z][a-z0-9-]*")
_SERVICE = re.compile(r"(?!.*amazonaws)[a-z][a-z0-9-]*(\.([a-z0-9-]+|\{region\}))*")
_CONTEXT_NAME = re.compile(r"[\w.:/=+@-]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class KmsKey:
    """One key that is to be there.

    In ``alias``, ``services``, ``readers``, ``applications``, ``context`` and ``tags``,
    ``{environment}``, ``{account}``, ``{region}`` and ``{partition}`` are filled in.

    Raises:
        ConfigurationError: a part that KMS would refuse, or that the data class does not allow.
    """

    #: As in commands and in the tag that finds the key again.
    name: str
    data_class: DataClass
    #: What it encrypts: the tag ``Component``.
    component: str
    description: str = ""
    #: Default: ``alias/NAME-encryption``.
    alias: str = ""
    #: Days that a deletion waits, 7 to 30. Default: as the data class demands.
    deletion_window: int | None = None
    #: Days between rotations of the key material, 90 to 2560.
    rotation_days: int = 365
    #: Services through which principals use it, as in ``kms:ViaService``: ``rds``. Without any,
    #: ``applications`` use it directly.
    via: tuple[str, ...] = ()
    #: Services that use it by themselves, as in their principal: ``sns``, ``logs.{region}``.
    services: tuple[str, ...] = ()
    #: Whether AWS resources (instances, volumes, file systems) hold grants on it.
    grants: bool = False
    #: The encryption context that each use must have: names, and values with ``*``.
    context: Mapping[str, str] = field(default_factory=dict)
    #: Whether it wraps the data keys of encrypted fields and files: each use must then have this
    #: environment and data class in its context, beside what ``context`` says.
    for_fields: bool = False
    #: Roles that may look at the key and not use it: a database administrator's.
    readers: tuple[str, ...] = ()
    #: Roles that may use it.
    applications: tuple[str, ...] = ()
    #: Regions that have a replica, for recovery from a disaster. Fixed once the key is made.
    replica_regions: tuple[str, ...] = ()
    #: Tags beside those that every key has.
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        demands = demands_of(self.data_class)
        window = demands.deletion_window
        self._require(_NAME.fullmatch(self.name), "a name has a-z, 0-9 and hyphens")
        self._require(
            _ALIAS.fullmatch(self.alias_template), "an alias is alias/NAME, not alias/aws/"
        )
        self._require(self.window in WINDOWS, "a deletion window is 7 to 30 days")
        self._require(self.window >= window, f"{self.data_class} demands a window of {window} days")
        self._require(self.rotation_days in PERIODS, "a rotation period is 90 to 2560 days")
        self._require(
            self.rotation_days <= demands.rotation_days,
            f"{self.data_class} demands a rotation every {demands.rotation_days} days",
        )
        self._require(
            not (self.for_fields and self.via), "encrypted fields use a key directly, via nothing"
        )
        self._require(are_tags({**self.tags, "Component": self.component}), "AWS takes no such tag")
        self._check_names()
        self._check_templates()

    def _check_names(self) -> None:
        """Refuse what would be a policy that never fits, or a request that KMS refuses."""
        self._require(all(map(_REGION.fullmatch, self.replica_regions)), "no such Region")
        self._require(all(map(_VIA.fullmatch, self.via)), "via has names as s3, with nothing after")
        self._require(
            all(map(_SERVICE.fullmatch, self.services)),
            "services has names as sns or logs.{region}, without amazonaws.com",
        )
        self._require(
            all(map(_CONTEXT_NAME.fullmatch, self.required_context)), "context has names in ASCII"
        )
        lists = (self.via, self.services, self.readers, self.applications, self.replica_regions)
        names = [name.lower() for name in self.required_context]  # as grants compare them
        self._require(
            all(len({*each}) == len(each) for each in (*lists, names)), "it names something twice"
        )

    def _check_templates(self) -> None:
        texts = (self.alias_template, *self.services, *self.readers, *self.applications)
        templates = [*texts, *self.context.values(), *self.tags.values()]
        unknown = sorted({part for each in templates for part in unknown_parts(each)})
        known = ", ".join(f"{{{name}}}" for name in Place._fields)
        self._require(not unknown, f"{', '.join(unknown)} is not known: there are {known}")

    @property
    def alias_template(self) -> str:
        """The alias as declared."""
        return self.alias or f"alias/{self.name}-encryption"

    @property
    def window(self) -> int:
        """Days that a deletion waits."""
        window = self.deletion_window
        return demands_of(self.data_class).deletion_window if window is None else window

    @property
    def required_context(self) -> Mapping[str, str]:
        """The whole encryption context that each use must have."""
        if not self.for_fields:
            return self.context
        own = {DATA_CLASS: str(self.data_class), ENVIRONMENT: "{environment}"}
        return {**own, **self.context}

    def _require(self, sound: object, rule: str) -> None:
        if not sound:
            raise ConfigurationError(
                f"the KMS key {self.name!r} is declared wrongly: {rule}",
                next_step="mend it in [tool.glisecrets.kms] of pyproject.toml",
            )


def are_tags(tags: Mapping[str, Any]) -> bool:
    """Tell whether AWS takes these as tags."""
    return all(
        _TAG_NAME.fullmatch(name) and isinstance(value, str) and _TAG_VALUE.fullmatch(value)
        for name, value in tags.items()
    )
