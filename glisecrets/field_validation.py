"""One field's validation without its class's: for a live value, and for a load with faults."""

from __future__ import annotations

from contextlib import suppress
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import SchemaValidator, core_schema

from .layers import Found

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import BaseModel

    from .resolution import Resolution

#: Stands for a value that its field refuses.
REFUSED: Final = object()


class FieldValidation:
    """Validates one field as its class does: type, ``Field(…)``, field validators, configuration.

    Model validators do not run: they judge all fields together. A plain class, so that nothing
    which walks a traceback's locals finds a value.
    """

    def __init__(
        self, cls: type[BaseModel], resolution: Resolution, valid: Mapping[str, Any] | None = None
    ) -> None:
        """Begin with some valid values; a validator finds those of the fields before its own."""
        self._cls = cls
        self._resolution = resolution
        self.valid = dict(valid or {})

    def validated(self, name: str, found: Found | None) -> Any:
        """Give a field's valid value, its default for ``None``; or :data:`REFUSED`."""
        before = [n for n in takewhile(name.__ne__, self._cls.model_fields) if n in self.valid]
        # A validator may raise anything, and what it raises may hold the value: nothing leaves.
        with suppress(Exception):
            fields, _, _ = _validator(self._cls, name, before).validate_python(
                {n: self.valid[n] for n in before} | ({} if found is None else {name: found.value}),
                context=self._resolution.validation_context,
                by_name=True,
                by_alias=False,
            )
            return fields[name]
        return REFUSED

    def take(self, name: str) -> bool:
        """Add what the layers gave for a field to the valid values; tell whether it is one."""
        given = name in self._resolution.values
        value = self.validated(name, Found(self._resolution.values[name], name) if given else None)
        if value is not REFUSED:
            self.valid[name] = value
        return value is not REFUSED


def _validator(cls: type[BaseModel], name: str, before: Sequence[str]) -> SchemaValidator:
    """Give the class's validator, less its other fields; those before may have any value."""
    schema: Any = cls.__pydantic_core_schema__
    definitions, config = schema.get("definitions", []), schema.get("config")
    by_ref = {item["ref"]: item for item in definitions}
    while schema["type"] != "model-fields":  # what stands around it are the model validators
        schema = by_ref[schema["schema_ref"]] if "schema_ref" in schema else schema["schema"]
        config = schema.get("config", config)
    anything = core_schema.model_field(core_schema.any_schema())
    fields = {**dict.fromkeys(before, anything), name: schema["fields"][name]}
    alone = core_schema.model_fields_schema(fields)
    return SchemaValidator(core_schema.definitions_schema(alone, definitions), config)
