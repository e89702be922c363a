"""The form field of a masked field: it takes a new value and never shows the one that is there."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, NamedTuple

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from .masking import KEEP, Masked

if TYPE_CHECKING:
    from .delegating import DelegatingField

__all__ = ["MaskedFormField", "MaskedWidget", "masked_form_field"]


class _Typed(NamedTuple):
    """What came of the widget: what was typed, and whether to clear the value."""

    raw: Any
    cleared: bool


def masked_form_field(field: DelegatingField, options: dict[str, Any]) -> MaskedFormField | None:
    """Give a masked field's form field.

    Args:
        field: the model's field.
        options: of the plain form field.
    """
    plain = field.plain_form_field(**options)
    if plain is None:
        return None
    can_be_empty = field.null or (field.blank and field.empty_strings_allowed)
    return MaskedFormField(plain, clearable=can_be_empty, cleared=None if field.null else "")


class MaskedWidget(forms.Widget):
    """The plain widget, always empty, and a box that clears the value where that is allowed."""

    #: Whether there is a value that stays if nothing is typed.
    kept = False

    def __init__(self, plain: forms.Widget, *, clearable: bool) -> None:
        super().__init__()
        self.plain, self.clearable = plain, clearable
        self.needs_multipart_form = plain.needs_multipart_form

    def __deepcopy__(self, memo: dict[int, Any]) -> MaskedWidget:
        copied = super().__deepcopy__(memo)
        copied.plain = deepcopy(self.plain, memo)
        return copied

    @property
    def media(self) -> forms.Media:
        """The plain widget's."""
        return self.plain.media

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> Any:  # noqa: ARG002
        """Write the plain widget without any value, also where a form is shown again."""
        hint = {"placeholder": _("••••••, leave empty to keep")} if self.kept else {}
        entry = self.plain.render(name, None, {**(attrs or {}), **hint}, renderer)
        if not (self.kept and self.clearable):
            return entry
        box = forms.CheckboxInput().render(_box(name), False, None, renderer)
        return format_html("{} <label>{} {}</label>", entry, box, _("Clear"))

    def use_required_attribute(self, initial: Any) -> bool:
        """Let a browser accept an empty entry where there is a value already."""
        return not self.kept and self.plain.use_required_attribute(initial)

    def id_for_label(self, id_: str) -> str:
        """The plain widget's."""
        return self.plain.id_for_label(id_)

    def value_from_datadict(self, data: Any, files: Any, name: str) -> _Typed:
        """Read both the entry and the box."""
        cleared = self.clearable and bool(data.get(_box(name)))
        return _Typed(self.plain.value_from_datadict(data, files, name), cleared)

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        """Tell whether neither the entry nor the box was sent."""
        return _box(name) not in data and self.plain.value_omitted_from_data(data, files, name)


class MaskedFormField(forms.Field):
    """The plain form field: empty means "as it is" where there is a value.

    Args:
        plain: cleans what is typed.
        clearable: whether the value may be cleared.
        cleared: what it then is.
    """

    widget: MaskedWidget

    def __init__(self, plain: forms.Field, *, clearable: bool, cleared: Any) -> None:
        super().__init__(
            required=plain.required,
            widget=MaskedWidget(plain.widget, clearable=clearable),
            label=plain.label,
            help_text=plain.help_text,
            disabled=plain.disabled,
        )
        self.plain, self.cleared = plain, cleared

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> forms.BoundField:
        """Learn from the form, which has fields of its own, whether there is a value."""
        self.widget.kept = form.get_initial_for_field(self, field_name) is not None
        return super().get_bound_field(form, field_name)

    def clean(self, value: Any) -> Any:
        """Give the new value, or ``KEEP``.

        Raises:
            ValidationError: as the plain field; or there is both a new value and the tick.
        """
        raw, cleared = value if isinstance(value, _Typed) else (value, False)
        if isinstance(raw, Masked):  # of a disabled field
            return KEEP
        empty = raw in self.plain.empty_values
        if cleared and not empty:
            raise ValidationError(_("Type a new value or clear the old one, not both."))
        if cleared:
            return self.cleared
        return KEEP if empty and self.widget.kept else self.plain.clean(raw)

    def has_changed(self, initial: Any, data: Any) -> bool:  # noqa: ARG002
        """Tell whether something was typed or cleared; it is not compared with the value."""
        raw, cleared = data if isinstance(data, _Typed) else (data, False)
        return cleared or raw not in self.plain.empty_values


def _box(name: str) -> str:
    return f"{name}-clear"
