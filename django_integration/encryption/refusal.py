"""What a database cannot do with an encrypted column, refused before it gives a wrong answer.

Two encryptions of one value differ, so that comparing, ordering, grouping or calculating in SQL
would work, and mean nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from django.core.exceptions import FieldError
from django.db.models.expressions import Case, Col, F, Value
from django.db.models.functions import Cast
from django.db.models.lookups import IsNull, Lookup

if TYPE_CHECKING:
    from django.db.models.fields import Field

    _Lookup = Lookup[Any]
else:
    _Lookup = Lookup

__all__ = ["EncryptedCol", "EncryptedIsNull", "NoneOnly", "is_bulk_update", "refuse"]

_INSTEAD = "filter by isnull, declare a BlindIndex for equality, or do it in Python"


def refuse(field: Field[Any, Any], what: str, instead: str = _INSTEAD) -> NoReturn:
    """Refuse what a query wants of an encrypted field.

    Raises:
        FieldError: always.
    """
    raise FieldError(f"{field} is encrypted: {what}\n  next: {instead}")


class EncryptedCol(Col):
    """The column, which may be selected as it is and nothing else."""

    target: Field[Any, Any]

    def resolve_expression(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse what takes a column that was resolved before: ordering, and ``update``."""
        refuse(self.target, "the database can neither order by it nor calculate with it")

    @property
    def filterable(self) -> NoReturn:  # type: ignore[override]
        """Refuse to be what another column is compared with."""
        refuse(self.target, "the database cannot compare it")

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        """Write the column, where it is selected as it is."""
        if not self._is_selected(compiler):
            refuse(self.target, "the database cannot order, group, compare or calculate with it")
        return super().as_sql(compiler, connection)

    def _is_selected(self, compiler: Any) -> bool:
        query = compiler.query
        if compiler.select is not None:
            # Whole instances are grouped by all of their columns, so also by their key.
            return query.group_by is True
        if query.distinct and not query.default_cols and not self._is_beside_key(query):
            return False
        if self._is_ordered_by(query):
            return False
        roots = query.annotation_select.values()
        return not any(
            part is self for root in roots for part in root.flatten() if part is not root
        )

    def _is_beside_key(self, query: Any) -> bool:
        """Tell whether no two rows would be taken for one, were they not encrypted."""
        return any(
            isinstance(col, Col) and col.target.primary_key and col.alias == self.alias
            for col in query.select
        )

    def _is_ordered_by(self, query: Any) -> bool:
        """Tell whether the ordering names what is selected here, which Django then never asks."""
        ordering = query.order_by or (query.default_ordering and query.get_meta().ordering) or ()
        if not ordering:
            return False
        names = {_name_of(it) for it in ordering}
        if query.combinator and self.target.name in names:
            return True
        selected = {**query.annotation_select, **(query.selected or {})}
        return any(_selected(query, selected.get(name)) is self for name in names)


def _name_of(ordering: Any) -> str | None:
    if isinstance(ordering, str):
        return ordering.lstrip("-+")
    expression = getattr(ordering, "expression", ordering)
    named: Any = expression  # typed stubs know no name of an F
    return named.name if isinstance(expression, F) else None


def _selected(query: Any, what: Any) -> Any:
    """Give the expression that a value of ``query.selected`` stands for."""
    if isinstance(what, int):
        return query.select[what]
    return query.annotations[what] if isinstance(what, str) else what


class EncryptedIsNull(IsNull):
    """``isnull``: what a database can tell of an encrypted column."""

    def __init__(self, lhs: Any, rhs: Any) -> None:
        if isinstance(lhs, EncryptedCol):
            lhs = Col(lhs.alias, lhs.target, lhs.output_field)
        super().__init__(lhs, rhs)


class NoneOnly(_Lookup):
    """``filter(field=None)``, which Django makes ``isnull`` of; any other value is refused."""

    lookup_name = "exact"

    def __init__(self, lhs: Any, rhs: Any) -> None:
        if rhs is not None:
            refuse(lhs.output_field, "the database cannot compare it")
        self.lhs, self.rhs = lhs, rhs


def is_bulk_update(expression: Any, field: Field[Any, Any]) -> bool:
    """Tell whether it is what ``bulk_update`` writes: a case of plain values of this field."""
    if isinstance(expression, Cast):
        (expression,) = expression.get_source_expressions()
    if not isinstance(expression, Case):
        return False
    results = [case.result for case in expression.cases]
    others = expression.default
    return (isinstance(others, Value) and others.value is None) and all(
        isinstance(it, Value) and it.output_field is field for it in results
    )
