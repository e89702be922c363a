"""What the loader needs to know of each field, worked out once per settings class.

pydantic-settings inspects every annotation again at each build, and spends most of its time there:
``benchmarks/loaded.py`` shows what it costs.
"""

from __future__ import annotations

import types
from collections.abc import Collection, Mapping
from contextlib import suppress
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
    get_type_hints,
    is_typeddict,
)

from pydantic import AliasChoices, BaseModel, Json, RootModel, Secret, SecretBytes, SecretStr

from .declaration import SecretDeclaration, declaration_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic.fields import FieldInfo

#: How the names of what holds a host end, in lower case: ``DB_HOST``, ``readerEndpoint``.
HOST_NAMES = ("host", "hosts", "hostname", "endpoint", "endpoints", "server", "servers", "address")

_SECRET_TYPES: tuple[type[Any], ...] = (SecretStr, SecretBytes, Secret)


#: The last words of the names of fields that lead somewhere although they are not secret. Not
#: "hosts": ALLOWED_HOSTS may name any environment's.
_LEADING_NAMES = frozenset({"host", "hostname", "endpoint", "server"})


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
    #: A JSON object or array, or any other text: a union such as ``str | dict[str, int]``.
    EITHER = "either"


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
        return self.secret or self.name.rpartition("_")[2] in _LEADING_NAMES


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
        secret=declaration is not None or _hides_secret(info.annotation),
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
        inner, *marks = get_args(annotation)
        return [Json] if _is_json(marks) else concrete_types(inner)
    if origin in (Union, types.UnionType):
        return [kind for part in get_args(annotation) for kind in concrete_types(part)]
    if annotation in (None, type(None)):
        return []
    if isinstance(annotation, type) and issubclass(annotation, RootModel):
        return concrete_types(annotation.model_fields["root"].annotation)
    return [annotation if origin is None or origin is Literal else origin]


def _is_json(marks: Iterable[Any]) -> bool:
    """Tell whether pydantic's ``Json`` stands among an annotation's marks: it parses by itself."""
    return any(Json in (mark, type(mark)) for mark in marks)


def _shape(kinds: list[Any], info: FieldInfo) -> Shape:
    # NoDecode is pydantic-settings' own mark: "my validator reads the text".
    if any(getattr(item, "__name__", "") == "NoDecode" for item in info.metadata):
        return Shape.TEXT
    if _is_json(info.metadata):
        return Shape.SCALAR
    if any(map(_is_object, kinds)):
        return Shape.OBJECT if all(map(_is_object, kinds)) else Shape.EITHER
    if any(_is_list(kind) for kind in kinds):
        return Shape.LIST
    if any(kind in (str, bytes, SecretStr, SecretBytes) for kind in kinds):
        return Shape.TEXT
    return Shape.SCALAR


def _hides_secret(annotation: Any, seen: frozenset[Any] = frozenset()) -> bool:
    """Tell whether a type is one of pydantic's secret ones, or has one among its parts."""
    kind = get_origin(annotation) or annotation
    if isinstance(kind, type) and issubclass(kind, _SECRET_TYPES):
        return True
    parts = list(get_args(annotation))
    if (hasattr(kind, "__value__") or _is_object(kind)) and kind not in seen:
        seen |= {kind}
        parts += _members(kind)
    return any(_hides_secret(part, seen) for part in parts)


def _members(kind: Any) -> list[Any]:
    """Give the types of a model's fields, or what an alias stands for."""
    if hasattr(kind, "__value__"):
        return [kind.__value__]
    if issubclass(kind, BaseModel):
        return [info.annotation for info in kind.model_fields.values()]
    with suppress(NameError):  # a name that is still to be defined
        return list(get_type_hints(kind).values())
    return []


def _is_object(kind: Any) -> bool:
    if not isinstance(kind, type):
        return False
    return issubclass(kind, (Mapping, BaseModel)) or is_dataclass(kind) or is_typeddict(kind)


def _is_list(kind: Any) -> bool:
    scalars = (str, bytes, bytearray, Enum)
    return isinstance(kind, type) and issubclass(kind, Collection) and not issubclass(kind, scalars)
