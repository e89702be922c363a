"""Drift between the declaration and ``.env.example``, in both directions."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from ..environment import VARIABLE
from ..placeholders import is_placeholder
from ..statements import decode, statements
from .finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ..fields import FieldPlan
    from ..statements import Statement


def template_drift(fields: Iterable[FieldPlan], content: bytes, *, file: str) -> list[Finding]:
    """Compare the declared fields with a template, names without regard to case.

    ``DJANGO_ENV`` and ``GLISECRETS_…`` need no field. A template that cannot be read gives no
    finding here: :func:`glisecrets.checks.lint_dotenv` tells why.

    Returns:
        The findings: first by line of the template, then fields that it lacks, by name.
    """
    try:
        written = [statement for statement in statements(decode(content)) if statement.name]
    except UnicodeDecodeError:
        return []
    declared = {variable: field for field in fields for variable in field.variables}
    return [*_in_template(written, declared, file), *_lacking(written, declared, file)]


def _in_template(
    written: list[Statement], declared: Mapping[str, FieldPlan], file: str
) -> Iterator[Finding]:
    for statement in written:
        name = _upper(statement)
        field = declared.get(name)
        if field is None:
            if name != VARIABLE and not name.startswith("GLISECRETS_"):
                yield _undeclared(statement, declared, file)
        elif field.secret and not is_placeholder(statement.value):
            yield _secret_value(field, statement, file)


def _lacking(
    written: list[Statement], declared: Mapping[str, FieldPlan], file: str
) -> Iterator[Finding]:
    fields = {field.name: field for field in declared.values()}
    given = {_upper(statement) for statement in written}
    for name, field in sorted(fields.items()):
        if given.isdisjoint(field.variables):
            yield Finding(
                code="template.missing",
                severity="warning" if field.required else "info",
                message=f"{name} is declared, and the template does not name it",
                next_step=f"add {field.variables[0]}= to the template, with a placeholder",
                file=file,
                field=name,
            )


def _upper(statement: Statement) -> str:
    return (statement.name or "").upper()


def _undeclared(statement: Statement, declared: Mapping[str, FieldPlan], file: str) -> Finding:
    near = get_close_matches(_upper(statement), declared, n=1, cutoff=0.8)
    remedy = f"is it {near[0]}?" if near else "declare a field for it, or remove the line"
    return Finding(
        code="template.undeclared",
        severity="warning",
        message=f"{statement.label or 'a variable'} is in the template, and no field declares it",
        next_step=remedy,
        file=file,
        line=statement.line,
        field=statement.label,
    )


def _secret_value(field: FieldPlan, statement: Statement, file: str) -> Finding:
    return Finding(
        code="template.secret-value",
        severity="error",
        message=f"{field.name} is a secret, and the template holds a value for it",
        next_step="write a placeholder, <…>; if the value was ever used, rotate it",
        file=file,
        line=statement.line,
        field=field.name,
    )
