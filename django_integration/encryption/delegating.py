"""A field that owns a plain one: what users type is converted and validated by that, unseen.

Forms, the admin and serialisers are given a mask in place of the value.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from .forms import masked_form_field
from .masking import MASK, Masked, is_message
from .validation import without_value

if TYPE_CHECKING:
    from collections.abc import Callable

    PlainField = models.Field[Any, Any]
else:
    PlainField = models.Field

__all__ = ["DelegatingField", "PlainField"]

Converted = TypeVar("Converted")


class DelegatingField(PlainField):
    """The base of the encrypted fields, as far as it does not encrypt."""

    #: The plain field that converts, validates and makes form fields.
    inner_class: ClassVar[type[PlainField]] = models.TextField
    #: Options that the plain field takes and Django's base class does not.
    inner_options: ClassVar[tuple[str, ...]] = ()

    default_error_messages: ClassVar[dict[str, Any]] = {
        "unfit": _("This value is not of the field's type."),
        "message": _("This is an encrypted value, which only loaddata takes. Give the value."),
    }

    def __init__(
        self, verbose_name: str | None, name: str | None, masked: bool, options: dict[str, Any]
    ) -> None:
        self.masked = masked
        self.own_options = {key: options.pop(key) for key in self.inner_options if key in options}
        super().__init__(verbose_name, name, **options)
        shared = {"null", "blank", "max_length", "validators", "error_messages"}
        given = {key: value for key, value in options.items() if key in shared}
        self.inner = self.inner_class(**given, **self.own_options)
        self.empty_strings_allowed = self.inner.empty_strings_allowed
        self.empty_values = self.inner.empty_values

    def contribute_to_class(
        self, cls: type[models.Model], name: str, private_only: bool = False
    ) -> None:
        """Join a model; the plain field learns its name, for what it does with instances."""
        super().contribute_to_class(cls, name, private_only)
        self.inner.set_attributes_from_name(self.name)

    def to_python(self, value: Any) -> Any:
        """Convert as the plain field does; a value that does not fit is not repeated."""
        return self.converted(self.inner.to_python, value)

    def converted(self, convert: Callable[[Any], Converted], value: Any) -> Converted:
        """Convert a value, either way.

        Raises:
            ValidationError: it is not of this field's type.
        """
        if value.__class__ is not Masked:
            try:
                return convert(value)
            except (ValidationError, ValueError, TypeError, ArithmeticError):
                pass  # raised below, where the error that holds the value is not its context
        raise ValidationError(self.error_messages["unfit"], code="unfit")

    def refuse_message(self, value: Any) -> None:
        """Refuse an encrypted value as a dump holds it.

        Raises:
            ValidationError: it is one: saved as it is, it would take the value's place.
        """
        if is_message(value):
            raise ValidationError(self.error_messages["message"], code="message")

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        """Validate as the plain field does; no error carries the value."""
        if self.editable:
            check = partial(self.inner.validate, value, model_instance)
            without_value(check, self.error_messages["unfit"])

    def run_validators(self, value: Any) -> None:
        """Validate as the plain field does; no error carries the value."""
        without_value(partial(self.inner.run_validators, value), self.error_messages["unfit"])

    def value_from_object(self, obj: models.Model) -> Any:
        """Give what forms and serialisers see: the mask."""
        value = super().value_from_object(obj)
        return MASK if self.masked and value is not None else value

    def formfield(self, **kwargs: Any) -> Any:
        """Give the plain field's form field; a masked one never shows the value."""
        label = capfirst(str(self.verbose_name))
        usual = {"required": not self.blank, "label": label, "help_text": self.help_text}
        if self.masked:
            return masked_form_field(self, {**usual, **kwargs})
        if self.has_default():
            usual["initial"] = self.default
        return self.plain_form_field(**{**usual, **kwargs})

    def plain_form_field(self, **kwargs: Any) -> Any:
        """Give the form field that takes a new value."""
        return self.inner.formfield(**kwargs)

    def save_form_data(self, instance: models.Model, data: Any) -> None:
        """Set what a form was given; a field that was left empty keeps its value."""
        if not isinstance(data, Masked):
            super().save_form_data(instance, data)

    @property
    def flatchoices(self) -> list[tuple[object, str]]:
        """Have the admin look the value up among choices, where it is not: no value is shown."""
        return [(MASK, "")] if self.masked else []
