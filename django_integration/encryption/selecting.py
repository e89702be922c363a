"""An encrypted value that is selected: whether a query uses it for more than to give it.

Django asks a field about each selected expression of its kind, a subquery's too. What it never
asks about is where else a subquery stands: compared, ordered by, within a function. So the SQL of
one that selects an encrypted column calls a function that no database has, until it is known to be
selected itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import FieldError
from django.db.models.expressions import Col, F, Ref
from django.db.models.lookups import IsNull
from django.db.models.sql.subqueries import AggregateQuery

from .refusal import EncryptedCol, refuse

if TYPE_CHECKING:
    from django.db.models.fields import Field

__all__ = ["EncryptedIsNull", "as_selected"]

#: Not to be found in any database: its error tells whoever compares a subquery what is wrong.
_ONLY_SELECTED = "glisecrets_an_encrypted_value_can_only_be_selected"
_SUBQUERY = "(SELECT "
#: How Django names the tables of a query that is in no other one.
_OUTERMOST = "T"


def as_selected(field: Field[Any, Any], query: Any, sql: str) -> str:
    """Give the SQL of an expression of the field's kind that a query selects.

    Raises:
        FieldError: the query compares what it selects.
    """
    if isinstance(query, AggregateQuery) or _compares(field, query):
        refuse(field, "the database cannot order, group, compare or calculate with it")
    is_within = query.subquery and query.alias_prefix != _OUTERMOST
    return f"{_ONLY_SELECTED}({_allowed(sql)})" if is_within else _allowed(sql)


class EncryptedIsNull(IsNull):
    """``isnull``: what a database can tell of an encrypted column."""

    def __init__(self, lhs: Any, rhs: Any) -> None:
        if isinstance(lhs, EncryptedCol):
            lhs = Col(lhs.alias, lhs.target, lhs.output_field)
        super().__init__(lhs, rhs)

    def process_lhs(self, compiler: Any, connection: Any, lhs: Any = None) -> Any:
        """Write the column, or the subquery that selects it."""
        sql, params = super().process_lhs(compiler, connection, lhs)
        return _allowed(sql), params


def _allowed(sql: str) -> str:
    """Take the function out of a subquery's SQL."""
    marked = f"{_SUBQUERY}{_ONLY_SELECTED}("
    return f"{_SUBQUERY}({sql.removeprefix(marked)}" if sql.startswith(marked) else sql


def _compares(field: Field[Any, Any], query: Any) -> bool:
    selected = {**query.annotation_select, **(query.selected or {})}
    names = {name for name, it in selected.items() if _is_of(field, _selected(query, it))}
    if query.combinator:
        names.add(field.name)
    return (
        _drops_equal_rows(query)
        or _is_aggregated(field, query)
        or not names.isdisjoint({*_ordering(query), *_grouping(query), *query.distinct_fields})
    )


def _drops_equal_rows(query: Any) -> bool:
    """Tell whether rows are compared that may be equal but for what is encrypted."""
    compares_rows = query.distinct and not query.distinct_fields
    if not compares_rows and (not query.combinator or query.combinator_all):
        return False
    return not query.default_cols and not any(
        isinstance(column, Col) and column.target.primary_key for column in query.select
    )


def _is_aggregated(field: Field[Any, Any], query: Any) -> bool:
    """Tell whether an aggregate's query selects a subquery: for nothing else than to be its."""
    if not query.subquery or query.alias_prefix != _OUTERMOST:
        return False
    if query.group_by or query.is_sliced or query.distinct or query.combinator:
        return False
    roots = query.annotation_select.values()
    return any(_is_of(field, root) and not isinstance(root, Col) for root in roots)


def _ordering(query: Any) -> set[str | None]:
    """Give the names in an ordering, of which Django asks nobody where they are selected."""
    ordering = query.order_by or (query.default_ordering and query.get_meta().ordering) or ()
    return {_name_of(it) for it in ordering}


def _name_of(ordering: Any) -> str | None:
    if isinstance(ordering, str):
        return ordering.lstrip("-+")
    expression = getattr(ordering, "expression", ordering)
    named: Any = expression  # typed stubs know no name of an F
    return named.name if isinstance(expression, F) else None


def _grouping(query: Any) -> set[str]:
    groups: Any = query.group_by if isinstance(query.group_by, tuple) else ()
    return {vars(group)["refs"] for group in groups if isinstance(group, Ref)}


def _selected(query: Any, what: Any) -> Any:
    """Give the expression that a value of ``query.selected`` stands for."""
    if isinstance(what, int):
        return query.select[what]
    return query.annotations[what] if isinstance(what, str) else what


def _is_of(field: Field[Any, Any], expression: Any) -> bool:
    try:
        return expression.output_field is field
    except (AttributeError, FieldError):  # a RawSQL, or what Django is about to refuse itself
        return False
