"""A role's clone: made, and brought back to what the original is, inside a transaction.

Rights come by membership. What membership does not bring is copied: settings
(``ALTER ROLE … SET``), connection limit and expiry.

Sources: PostgreSQL's manual, "Role Membership" and ``ALTER ROLE``; for lists among settings,
``variable_is_guc_list_quote()`` of pg_dump.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any, Final, LiteralString

from psycopg import sql

from ..errors import ProviderRefused

if TYPE_CHECKING:
    from .postgresql_session import Connection

    #: (database, or "" for all; name) -> value.
    Settings = dict[tuple[str, str], str]

#: Since then a membership says for itself whether it inherits and may be set: PostgreSQL 16.
_MEMBERSHIPS_HAVE_OPTIONS: Final = 160_000

#: Settings that are lists of quoted names: as one literal they would become one name.
_LISTS: Final = frozenset(
    {"local_preload_libraries", "search_path", "session_preload_libraries", "temp_tablespaces"}
)

_BEYOND: Final = """
    SELECT attribute
    FROM pg_roles c CROSS JOIN pg_roles o CROSS JOIN LATERAL (VALUES
        ('SUPERUSER', c.rolsuper), ('CREATEROLE', c.rolcreaterole AND NOT o.rolcreaterole),
        ('CREATEDB', c.rolcreatedb AND NOT o.rolcreatedb),
        ('REPLICATION', c.rolreplication AND NOT o.rolreplication),
        ('BYPASSRLS', c.rolbypassrls AND NOT o.rolbypassrls)) AS has(attribute, beyond)
    WHERE c.rolname = %(clone)s AND o.rolname = %(original)s AND beyond
    UNION ALL
    SELECT 'membership in ' || g.rolname
    FROM pg_auth_members m JOIN pg_roles c ON c.oid = m.member JOIN pg_roles g ON g.oid = m.roleid
    WHERE c.rolname = %(clone)s AND NOT pg_has_role(%(original)s, g.oid, 'MEMBER')
"""

_SETTINGS: Final = """
    SELECT coalesce(d.datname, ''), unnest(s.setconfig)
    FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole
        LEFT JOIN pg_database d ON d.oid = s.setdatabase
    WHERE r.rolname = %s
"""


def reconcile(session: Connection, original: str, role: str, *, owner: str | None) -> None:
    """Bring a role to what it has to be, before it gets its password.

    Args:
        session: the administrator's, in a transaction.
        original: the role that rights are given to.
        role: the original or its clone; the original is left as it is.
        owner: a role that both must be able to become.

    Raises:
        ProviderRefused: the original is missing or a superuser, or the clone is a role that has
            more than the original.
    """
    limits = _limits(session, original)
    if owner:
        _join(session, original, owner)
    if role != original:
        _make_clone(session, original, role)
        _run(
            session,
            "ALTER ROLE {} LOGIN CONNECTION LIMIT {} VALID UNTIL {}",
            sql.Identifier(role),
            *map(sql.Literal, limits),
        )


def difference(have: Settings, want: Settings) -> tuple[list[tuple[str, str]], Settings]:
    """Give the settings to reset, and those to set."""
    return [key for key in have if key not in want], {
        key: value for key, value in want.items() if have.get(key) != value
    }


def elements(name: str, value: str) -> list[str]:
    """Give a setting's elements, as the catalog has them: a list's are quoted like CSV."""
    if name in _LISTS:
        return next(csv.reader([value], skipinitialspace=True), [])
    return [value]


def _limits(session: Connection, original: str) -> tuple[int, str]:
    found = session.execute(
        "SELECT rolsuper, rolconnlimit, coalesce(rolvaliduntil::text, 'infinity')"
        " FROM pg_roles WHERE rolname = %s",
        [original],
    ).fetchone()
    if found is None:
        raise ProviderRefused(
            f"there is no role {original!r}, which {original}_clone is a clone of",
            next_step="create it, or correct username in the secret",
        )
    is_super, limit, until = found
    if is_super:
        raise ProviderRefused(
            f"{original!r} is a superuser, of which no clone is made",
            next_step="use the kind postgresql, or give the service a role of its own",
        )
    return limit, until


def _make_clone(session: Connection, original: str, clone: str) -> None:
    names = {"original": original, "clone": clone}
    if session.execute("SELECT FROM pg_roles WHERE rolname = %(clone)s", names).rowcount == 0:
        _run(session, "CREATE ROLE {} LOGIN", sql.Identifier(clone))
    _join(session, clone, original)
    if beyond := session.execute(_BEYOND, names).fetchall():
        raise ProviderRefused(
            f"role {clone!r} has more than {original!r}: {', '.join(row[0] for row in beyond)}",
            next_step="take that from it, or rename it if it is another service's",
        )
    _copy_settings(session, original, clone)


def _join(session: Connection, member: str, group: str) -> None:
    """Let a role have another one's rights, and become it."""
    options = " WITH INHERIT TRUE, SET TRUE"
    if session.info.server_version < _MEMBERSHIPS_HAVE_OPTIONS:
        _run(session, "GRANT {} TO {}", sql.Identifier(group), sql.Identifier(member))
    else:
        _run(session, "GRANT {} TO {}" + options, sql.Identifier(group), sql.Identifier(member))


def _copy_settings(session: Connection, original: str, clone: str) -> None:
    """Copy what sessions start with; first of all the clone's become the original."""
    want = {("", "role"): original} | _settings(session, original)
    dropped, changed = difference(_settings(session, clone), want)
    for key in dropped:
        _set(session, clone, key, sql.SQL("RESET {}").format(_setting_name(key[1])))
    for key, value in changed.items():
        listed = sql.SQL(", ").join(map(sql.Literal, elements(key[1], value)))
        _set(session, clone, key, sql.SQL("SET {} TO {}").format(_setting_name(key[1]), listed))


def _settings(session: Connection, role: str) -> Settings:
    found = session.execute(_SETTINGS, [role]).fetchall()
    pairs = ((database, *text.split("=", 1)) for database, text in found)
    return {(database, name): value for database, name, value in pairs}


def _set(session: Connection, role: str, key: tuple[str, str], action: sql.Composed) -> None:
    database = key[0]
    where = sql.SQL("IN DATABASE {} ").format(sql.Identifier(database)) if database else sql.SQL("")
    _run(session, "ALTER ROLE {} {}{}", sql.Identifier(role), where, action)


def _setting_name(name: str) -> sql.Identifier:
    return sql.Identifier(*name.split("."))  # an extension's or the application's own: a.b


def _run(session: Connection, statement: LiteralString, *parts: Any) -> None:
    session.execute(sql.SQL(statement).format(*parts))
