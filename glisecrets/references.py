r"""References: the address of one value in a store, as text and as a value.

::

    gli/db/production                        a whole secret
    gli/db/production#password               one key of a JSON secret
    gli/db/production#replica.password       a nested key
    gli/db/production@AWSPREVIOUS            by label
    gli/db/production@<version id>           by version id (32 to 64 letters, digits and hyphens)
    vault:mount/path#key@3                   Vault / OpenBao KV, version number 3
    local:name#key                           the local store
    arn:aws:secretsmanager:…:secret:name-AbCdEf#key@AWSPREVIOUS
    arn:aws:secretsmanager:…:secret:name-AbCdEf:json-key:version-stage:version-id

The last is the ``valueFrom`` form of an ECS task definition, with its trailing colons. A store
named in front (``aws:``, ``vault:``, ``local:``) overrides the settings' own choice. ``#``,
``@``, ``.`` and ``%`` inside a name or key are written as ``%23``, ``%40``, ``%2E`` and ``%25``
(in a secret's name ``.`` stands for itself).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import NamedTuple
from urllib.parse import unquote

from .errors import InvalidReference

AWSCURRENT = "AWSCURRENT"
AWSPENDING = "AWSPENDING"
AWSPREVIOUS = "AWSPREVIOUS"

#: The schemes that a reference may name in front.
STORES = ("aws", "vault", "local")

_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):")
_ARN = re.compile(
    r"arn:(?P<partition>[\w-]+):secretsmanager:(?P<region>[\w-]+):(?P<account>\d{12})"
    r":secret:(?P<name>[^:#]+)(?P<ecs>:[^:]*:[^:]*:[^:]*)?"
)
_ARN_SUFFIX = re.compile(r"-[A-Za-z0-9]{6}$")
#: Secrets Manager's ClientRequestToken, which is the version id: 32 to 64 characters.
VERSION_ID = re.compile(r"[A-Za-z0-9-]{32,64}")
#: A secret's name in Secrets Manager (API reference, CreateSecret).
SECRET_NAME = re.compile(r"[\w/+=.@-]{1,512}", re.ASCII)
_VAULT_PATH = re.compile(r"[^/\s#][^\s#]*/[^\s#]+")


def short(version_id: str | None) -> str:
    """Give the beginning of a version id: eight characters tell a version from the others."""
    return (version_id or "")[:8]


class Address(NamedTuple):
    """What a store is asked for: a secret, and which of its versions.

    With neither version id nor label it means ``AWSCURRENT``.
    """

    secret: str
    version_id: str | None = None
    label: str | None = None

    @property
    def wanted(self) -> str:
        """The version id or label that is asked for."""
        return self.version_id or self.label or AWSCURRENT


@dataclass(frozen=True, slots=True)
class Arn:
    """The parts of a Secrets Manager ARN."""

    partition: str
    region: str
    account: str
    #: The secret's name, without the six random characters that AWS appends.
    name: str

    @classmethod
    def parse(cls, text: str) -> Arn | None:
        """Read a secret's ARN; give ``None`` for a text that is not one."""
        match = _ARN.match(text)
        if match is None:
            return None
        name = _ARN_SUFFIX.sub("", match["name"])
        return cls(match["partition"], match["region"], match["account"], name)


@dataclass(frozen=True, slots=True)
class Reference:
    """The address of one value: a secret, one of its versions, and a key within its JSON."""

    #: A secret's name or full ARN; for Vault ``mount/path``.
    secret: str
    #: The store named in front; ``None`` leaves the choice to the settings.
    store: str | None = None
    #: The JSON key, one item per level; empty for the whole secret.
    key: tuple[str, ...] = ()
    label: str | None = None
    version_id: str | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read any of the forms in the module's description.

        Raises:
            InvalidReference: the text follows none of them; the error names the part.
        """
        if text.startswith("arn:"):
            return _parse_arn(text)
        store, rest = _split_store(text)
        return _parse_suffixes(rest, store)

    @property
    def address(self) -> Address:
        """The secret and version, without the key: what a store is asked for."""
        return Address(self.secret, self.version_id, self.label)

    @property
    def arn(self) -> Arn | None:
        """The ARN's parts, if the secret is given by ARN."""
        return Arn.parse(self.secret)

    @property
    def name(self) -> str:
        """The secret's name, also when it is given by ARN."""
        arn = self.arn
        return arn.name if arn else self.secret

    def with_key(self, *key: str) -> Reference:
        """Give the same version's value at another JSON key."""
        return replace(self, key=key)

    def value_from(self) -> str:
        """Write the ECS ``valueFrom`` form.

        Raises:
            InvalidReference: the secret is not given by ARN, or the key is nested or holds a colon,
                neither of which ECS can express.
        """
        if self.arn is None:
            raise _invalid(str(self), "valueFrom with a key or version needs a full ARN")
        if len(self.key) > 1 or any(":" in part for part in self.key):
            raise _invalid(str(self), "ECS reads top-level JSON keys without a colon only")
        if not (self.key or self.label or self.version_id):
            return self.secret
        key = self.key[0] if self.key else ""
        return f"{self.secret}:{key}:{self.label or ''}:{self.version_id or ''}"

    def __str__(self) -> str:
        if self.label and self.version_id:
            return self.value_from()
        store = f"{self.store}:" if self.store else ""
        key = ".".join(_escape(part, "%#@.") for part in self.key)
        version = self.version_id or self.label
        return "".join(
            [
                store,
                _escape(self.secret, "%#@"),
                f"#{key}" if key else "",
                f"@{version}" if version else "",
            ]
        )


def _split_store(text: str) -> tuple[str | None, str]:
    match = _SCHEME.match(text)
    if match is None:
        return None, text
    if match["scheme"] not in STORES:
        raise _invalid(
            text, f"unknown reference scheme '{match['scheme']}' (known: {', '.join(STORES)}, arn)"
        )
    return match["scheme"], text[match.end() :]


def _parse_arn(text: str) -> Reference:
    match = _ARN.match(text)
    if match is None:
        raise _invalid(text, "not the ARN of a Secrets Manager secret")
    base, ecs, rest = text[: match.end("name")], match["ecs"], text[match.end() :]
    if ecs is None and not rest.startswith(":"):
        return _parse_suffixes(base + rest, None)
    if ecs is None or rest:
        raise _invalid(text, "the ECS form has exactly json-key, version-stage and version-id")
    key, label, version_id = ecs[1:].split(":")
    return Reference(
        base, key=(key,) if key else (), label=label or None, version_id=version_id or None
    )


def _parse_suffixes(text: str, store: str | None) -> Reference:
    rest, at, version = text.rpartition("@")
    if not at:
        rest, version = text, ""
    secret, hash_sign, key = rest.partition("#")
    if (at and not version) or (hash_sign and not key):
        raise _invalid(text, "a '#' needs a key after it and a '@' a version or label")
    keys = tuple(unquote(part) for part in key.split(".")) if key else ()
    if not all(keys):
        raise _invalid(text, "a JSON key between two dots is empty")
    label, version_id = _label_or_version(unquote(version), store)
    reference = Reference(unquote(secret), store, keys, label, version_id)
    _check_name(reference, text)
    return reference


def _label_or_version(text: str, store: str | None) -> tuple[str | None, str | None]:
    if not text:
        return None, None
    if VERSION_ID.fullmatch(text) or (store == "vault" and text.isdecimal()):
        return None, text
    return text, None


def _check_name(reference: Reference, text: str) -> None:
    if reference.arn is not None:
        return
    if reference.store == "vault":
        if not _VAULT_PATH.fullmatch(reference.secret):
            raise _invalid(text, "a Vault reference is vault:mount/path#key@version")
    elif not SECRET_NAME.fullmatch(reference.secret):
        raise _invalid(text, "a secret's name is 1 to 512 ASCII letters, digits and /_+=.@-")


def _escape(text: str, special: str) -> str:
    return "".join(f"%{ord(c):02X}" if c in special else c for c in text)


def _invalid(text: str, reason: str) -> InvalidReference:
    return InvalidReference(
        f"invalid reference {text!r}: {reason}",
        next_step="write it like gli/db/{environment}#password, or as an ARN",
    )
