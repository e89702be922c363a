"""Finding an encrypted value: a column beside it that holds HMAC-SHA256 of the normalised value.

Equal values have equal MACs, so that a database can compare them; without the data key nobody can
tell what they are, or try values out. The index has a data key of its own. Whoever reads the column
learns which rows have equal values, and how often each occurs.

A stale index would be a wrong answer that nobody notices. So no query writes one of the two columns
alone: the index is added to each that writes the field, or the query is refused.
"""

from __future__ import annotations

import unicodedata
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from django.core import checks
from django.core.exceptions import FieldDoesNotExist, FieldError
from django.db import models
from django.db.models.query_utils import DeferredAttribute
from django.db.models.signals import class_prepared

from . import index_writing
from .fields import EncryptedField
from .process import field_envelope
from .row_binding import Sealed, row_of

if TYPE_CHECKING:
    from collections.abc import Callable

    PlainField = models.Field[Any, Any]
else:
    PlainField = models.Field

__all__ = ["BlindIndex", "IndexedValue", "as_is", "caseless", "indexes_of"]

#: What every index column is: filled for the program, never by a person, and in no dump.
_ALWAYS = {"null": True, "blank": True, "editable": False, "serialize": False}
_LOOK_UPS = ("exact", "in", "isnull")


def as_is(value: Any) -> Any:
    """Normalise nothing: values are found as they were written."""
    return value


def caseless(text: str) -> str:
    """Ignore case, spaces around it, and how Unicode composes its letters."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


class IndexedValue:
    """What the index's attribute gives: the field's value, to be written and not to be shown."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "<indexed value>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IndexedValue) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)


class _FromField(DeferredAttribute):
    """The index's attribute: always the field's present value, whatever was loaded or assigned."""

    field: Any

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        if instance is None:
            return self
        value = getattr(instance, self.field.source.attname)
        if isinstance(value, Sealed):  # while fixtures are loaded
            value = value.open(row_of(instance))
        return None if value is None else IndexedValue(value)

    def __set__(self, instance: Any, _: Any) -> None:
        # Deferred, as Django sees it, exactly where the field is: then save() leaves both out.
        if self.field.source.attname in instance.__dict__:
            instance.__dict__[self.field.attname] = None


class BlindIndex(PlainField):
    """A column that an encrypted field of the same model is looked up by.

    Args:
        source: the encrypted field's name; it is declared before the index.
        normalise: a function of a module, which gives what counts of a value, as :func:`caseless`
            or :func:`as_is`. Once rows are written it must not change: see the page.
        label: names the index's data key; default the field's label and ``/blind-index``.
        searchable: whether look-ups may use it; ``False`` while the rows are not all indexed yet.
        **options: Django's own; ``unique=True`` has the database refuse equal values.
    """

    description = "Blind index of an encrypted field"
    descriptor_class = _FromField

    def __init__(
        self,
        source: str,
        *,
        normalise: Callable[[Any], Any],
        label: str | None = None,
        searchable: bool = True,
        **options: Any,
    ) -> None:
        self.source_name, self.normalise, self.searchable = source, normalise, searchable
        self._label = label
        #: Django's; of a unique column it would make a second index.
        self.db_index: bool
        options.setdefault("db_index", not options.get("unique", False))
        super().__init__(**{**options, **_ALWAYS})

    def deconstruct(self) -> Any:
        """Give what a migration writes."""
        name, path, _, kwargs = super().deconstruct()
        path = path.replace(f"{__name__}.", f"{__package__}.")  # as users import it
        kwargs = {key: value for key, value in kwargs.items() if key not in _ALWAYS}
        kwargs.pop("db_index", None)
        own: dict[str, Any] = {"normalise": self.normalise}
        if self._label is not None:
            own["label"] = self._label
        if not self.searchable:
            own["searchable"] = False
        if self.db_index is self.unique:
            own["db_index"] = self.db_index
        return name, path, [self.source_name], {**own, **kwargs}

    def contribute_to_class(self, cls: Any, name: str, private_only: bool = False) -> None:
        """Have the field know of its index once its model is complete."""
        super().contribute_to_class(cls, name, private_only)
        class_prepared.connect(self._tell_source, sender=cls)

    def _tell_source(self, sender: Any, **_: Any) -> None:
        try:
            source = sender._meta.get_field(self.source_name)
        except FieldDoesNotExist:
            return  # told by check()
        if isinstance(source, EncryptedField):
            index_writing.watch(source)

    # What it is of --------------------------------------------------------------------------

    @property
    def source(self) -> EncryptedField:
        """The encrypted field."""
        field: EncryptedField = self.model._meta.get_field(self.source_name)  # type: ignore[assignment]
        return field

    @property
    def data_class(self) -> str:
        """The encrypted field's data class."""
        return self.source.data_class

    @property
    def label(self) -> str:
        """What the index's data key is made for."""
        return self._label or f"{self.source.label}/blind-index"

    def provision_data_key(self) -> None:
        """See to it that there is a data key.

        Raises:
            StoreError: the wrapping key cannot be asked.
        """
        self._keyed_mac(b"")

    def renew_lost_data_key(self) -> None:
        """Make a data key where there is none, though rows are indexed: they are about to be anew.

        Raises:
            StoreError: the wrapping key cannot be asked.
        """
        field_envelope(self.data_class, self.label).mac(b"")

    def mac(self, value: Any) -> bytes:
        """Give what the column holds for a value of the field.

        Raises:
            ValidationError: it is no value of the field.
            ConfigurationError: rows are indexed, and their data key is not there.
            StoreError: the data key cannot be had.
        """
        return self._keyed_mac(self.source.converted(self._normal, self.source.to_python(value)))

    def _normal(self, value: Any) -> bytes:
        normal = self.normalise(value)
        if normal is None:
            raise TypeError("a normaliser gives what counts of a value")
        return self.source.encode(normal)

    def _keyed_mac(self, normal: bytes) -> bytes:
        from .indexing import refuse_lost_key  # which needs this module

        envelope = field_envelope(self.data_class, self.label)
        return envelope.mac(normal, before_making=partial(refuse_lost_key, self))

    # The column -----------------------------------------------------------------------------

    def get_internal_type(self) -> str:
        """Have a column of bytes."""
        return "BinaryField"

    def pre_save(self, model_instance: Any, add: bool) -> Any:
        """Give the field's value; ``update_or_create`` writes all that have such a method."""
        return super().pre_save(model_instance, add)

    def get_prep_value(self, value: Any) -> Any:
        """Give the MAC of a value of the field."""
        value = super().get_prep_value(value)
        if isinstance(value, IndexedValue):
            value = value.value
        return None if value is None else self.mac(value)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """Give the MAC as the database's bytes."""
        if hasattr(value, "as_sql"):
            return value
        value = value if prepared else self.get_prep_value(value)
        return None if value is None else connection.Database.Binary(value)

    def from_db_value(self, value: Any, _expression: Any, _connection: Any) -> bytes | None:
        """Give the MAC; an instance's attribute is the field's value all the same."""
        return None if value is None else bytes(value)

    def get_placeholder(self, _value: Any, compiler: Any, _connection: Any) -> str:
        """Refuse to be written without the field (Django 5.2)."""
        index_writing.refuse_alone(self, compiler.query)
        return "%s"

    def get_placeholder_sql(self, value: Any, compiler: Any, _connection: Any) -> Any:
        """Refuse to be written without the field (Django 6.1)."""
        index_writing.refuse_alone(self, compiler.query)
        return compiler.compile(value) if hasattr(value, "as_sql") else ("%s", (value,))

    def value_from_object(self, obj: Any) -> None:
        """Show nothing."""

    def get_lookup(self, lookup_name: str) -> Any:
        """Give what compares whole values.

        Raises:
            FieldError: any other look-up.
        """
        if lookup_name in _LOOK_UPS:
            return super().get_lookup(lookup_name)
        raise FieldError(
            f"{self} is a blind index: there is no look-up {lookup_name!r}"
            f"\n  next: use one of {', '.join(_LOOK_UPS)}"
        )

    def get_transform(self, lookup_name: str) -> NoReturn:
        """Refuse every transform.

        Raises:
            FieldError: always.
        """
        self.get_lookup(f"{lookup_name}, a transform")
        raise AssertionError  # never reached

    # Checks ---------------------------------------------------------------------------------

    def check(self, **options: Any) -> list[Any]:
        """Tell what would make look-ups wrong."""
        return [*super().check(**options), *self._check_source()]

    def _check_source(self) -> list[Any]:
        fault = self._fault()
        return [checks.Error(fault, obj=self, id="glisecrets.E107")] if fault else []

    def _fault(self) -> str:
        local = [field.name for field in self.model._meta.local_fields]
        if self.source_name not in local[: local.index(self.name)]:
            return f"The model declares no field {self.source_name!r} before its blind index."
        if not isinstance(self.source, EncryptedField):
            return f"{self.source} is not encrypted: an ordinary index serves it."
        others = [index for index in indexes_of(self.source) if index is not self]
        if self.searchable and any(index.searchable for index in others):
            return f"{self.source} has two searchable blind indexes: look-ups can use one."
        if self.label in {self.source.label, *(index.label for index in others)}:
            return f"The label {self.label!r} names another data key already."
        return ""


def indexes_of(field: EncryptedField) -> list[BlindIndex]:
    """Give the blind indexes of an encrypted field, in their order."""
    local = field.model._meta.local_fields
    return [it for it in local if isinstance(it, BlindIndex) and it.source_name == field.name]
