"""What a database cannot do with an encrypted column, refused before it gives a wrong answer.

Two encryptions of one value differ, so that comparing, ordering, grouping or calculating in SQL
would work, and mean nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from django.core.exceptions import FieldError
from django.db.models.expressions import Case, Col, Value
from django.db.models.functions import Cast
from django.db.models.lookups import Lookup

if TYPE_CHECKING:
    from django.db.models.fields import Field

    _Lookup = Lookup[Any]
else:
    _Lookup = Lookup

__all__ = ["EncryptedCol", "NoneOnly", "is_bulk_update", "refuse"]

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

    @property
    def is_summary(self) -> NoReturn:  # type: ignore[override]
        """Refuse an aggregate of an annotation, which asks this of what it is of."""
        refuse(self.target, "the database cannot calculate with it")

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        """Write the column, where it is selected as it is."""
        if not self._is_selected(compiler):
            refuse(self.target, "the database cannot order, group, compare or calculate with it")
        return super().as_sql(compiler, connection)

    def _is_selected(self, compiler: Any) -> bool:
        query = compiler.query
        if compiler.select is not None:
            # Whole instances are grouped by all of their columns, so also by their key; what
            # filters by a window is selected once more, from within.
            by_window = getattr(compiler, "qualify", None)
            windowed = by_window and not query.group_by and not query.distinct_fields
            return query.group_by is True or bool(windowed)
        roots = query.annotation_select.values()
        return not any(
            part is self for root in roots for part in root.flatten() if part is not root
        )


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
