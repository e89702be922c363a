"""What the loader needs to know of each field, worked out once per settings class.

pydantic-settings inspects every annotation again at each build; that inspection is where its
time goes (``performance.md`` §5).
"""

from __future__ import annotations

import types
from collections.abc import Collection, Mapping
from dataclasses import is_dataclass
from enum import Enum
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    NamedTuple,
    Union,
    get_args,
    get_origin,
    is_typeddict,
)

from pydantic import AliasChoices, BaseModel, SecretBytes, SecretStr

from .declaration import SecretDeclaration, declaration_of

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

__all__ = ["HOST_NAMES", "FieldPlan", "Shape", "concrete_types", "plan_fields"]


#: How the names of what holds a host end, in lower case: ``DB_HOST``, ``readerEndpoint``.
HOST_NAMES = ("host", "hosts", "hostname", "endpoint", "endpoints", "server", "servers", "address")


class Shape(Enum):
    """How text is read for a field."""

    #: Any text, also the empty one: ``str``, ``SecretStr``, ``bytes``, ``SecretBytes``.
    TEXT = "text"
    #: Text that pydantic reads; the empty one counts as missing: ``int``, ``bool``, URLs, enums…
    SCALAR = "scalar"
    #: A JSON array, or items between commas.
    LIST = "list"
    #: A JSON object: a mapping, a model, a dataclass or a ``TypedDict``.
    OBJECT = "object"


class FieldPlan(NamedTuple):
    """One field, as the loader sees it."""

    name: str
    #: Variable names that feed it, upper case, most exact first.
    variables: tuple[str, ...]
    shape: Shape
    #: Whether the shape is made of bytes.
    binary: bool
    secret: bool
    required: bool
    declaration: SecretDeclaration | None
    annotation: Any

    @property
    def checked(self) -> bool:
        """Whether its values pass :mod:`~glisecrets.admission` whatever they are."""
        return self.secret or self.name.rpartition("_")[2] == "host"


def plan_fields(model: type[BaseModel], prefix: str = "") -> tuple[FieldPlan, ...]:
    """Give the plans of a model's fields, in their order."""
    return tuple(_plan(name, info, prefix) for name, info in model.model_fields.items())


def _plan(name: str, info: FieldInfo, prefix: str) -> FieldPlan:
    kinds = concrete_types(info.annotation)
    declaration = declaration_of(info)
    return FieldPlan(
        name=name,
        variables=_variables(name, info, prefix),
        shape=_shape(kinds, info),
        binary=any(kind in (bytes, SecretBytes) for kind in kinds),
        secret=declaration is not None or any(map(_is_secret, kinds)),
        required=info.is_required(),
        declaration=declaration,
        annotation=info.rebuild_annotation(),
    )


def _variables(name: str, info: FieldInfo, prefix: str) -> tuple[str, ...]:
    alias = info.validation_alias
    if isinstance(alias, AliasChoices):
        names = [choice for choice in alias.choices if isinstance(choice, str)]
    else:
        names = [alias] if isinstance(alias, str) else []
    return tuple(item.upper() for item in names or [prefix + name])


def concrete_types(annotation: Any) -> list[Any]:
    """Give the types that a value may have, without ``None``, ``Annotated`` and aliases."""
    annotation = getattr(annotation, "__value__", annotation)
    origin = get_origin(annotation)
    if origin is Annotated:
        return concrete_types(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [kind for part in get_args(annotation) for kind in concrete_types(part)]
    if annotation in (None, type(None)):
        return []
    return [annotation if origin is None or origin is Literal else origin]


def _shape(kinds: list[Any], info: FieldInfo) -> Shape:
    # NoDecode is pydantic-settings' own mark: "my validator reads the text".
    if any(getattr(item, "__name__", "") == "NoDecode" for item in info.metadata):
        return Shape.TEXT
    if any(_is_object(kind) for kind in kinds):
        return Shape.OBJECT
    if any(_is_list(kind) for kind in kinds):
        return Shape.LIST
    if any(kind in (str, bytes, SecretStr, SecretBytes) for kind in kinds):
        return Shape.TEXT
    return Shape.SCALAR


def _is_secret(kind: Any) -> bool:
    """Tell whether a type, or a field of a model, is one of pydantic's secret types."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        parts = (concrete_types(info.annotation) for info in kind.model_fields.values())
        return any(_is_secret(part) for part_kinds in parts for part in part_kinds if part != kind)
    return kind in (SecretStr, SecretBytes)


def _is_object(kind: Any) -> bool:
    if not isinstance(kind, type):
        return False
    return issubclass(kind, (Mapping, BaseModel)) or is_dataclass(kind) or is_typeddict(kind)


def _is_list(kind: Any) -> bool:
    scalars = (str, bytes, bytearray, Enum)
    return isinstance(kind, type) and issubclass(kind, Collection) and not issubclass(kind, scalars)
