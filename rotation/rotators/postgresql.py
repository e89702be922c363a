"""The kind ``postgresql``: one role, whose password is changed in place.

Between the change and the move of ``AWSCURRENT`` the server takes the new password only; clients
that climb to ``AWSPENDING`` do not notice (``glisecrets.django_integration``). Where clients
cannot, use ``postgresql-alternating``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ..errors import LockedOut
from ..rotator import ADMIN, Rotation, Rotator, Verdict
from .postgresql_login import parse_login, parse_logins, propose_login

# psycopg is behind postgresql_session: a status without it can still tell the period.
if TYPE_CHECKING:
    from glisecrets.stores.base import SecretValue

    from .postgresql_login import Login


class PostgresRotator(Rotator):
    """A kind whose value logs in to PostgreSQL."""

    period = timedelta(days=90)
    options = frozenset({ADMIN})

    def propose(self, rotation: Rotation) -> SecretValue:
        """Give the same login with a new password."""
        return propose_login(rotation)

    def probe(self, rotation: Rotation, value: SecretValue) -> Verdict:
        """Log in with a value."""
        from .postgresql_session import accepts

        is_accepted = accepts(parse_login(value, rotation.secret))
        return Verdict.ACCEPTED if is_accepted else Verdict.REJECTED


class PostgresSingleUser(PostgresRotator):
    """Changes the password of the role that the secret names, as the role itself.

    With the option ``admin``, the name of an administrator's secret, the administrator changes
    it: where ``rds.restrict_password_commands`` forbids roles to do so, and for
    ``glisecrets rotate repair``.
    """

    def apply(self, rotation: Rotation) -> None:
        """Log in with the newest password that is in force, and change it to the pending one."""
        from .postgresql_session import accepts, change_password, connect

        new, older = parse_logins(rotation)
        if accepts(new):
            return
        if ADMIN in rotation.options:
            self.reset(rotation)
            return
        for old in older:
            if connection := connect(old):
                change_password(connection, new, rotation, lock=new.username)
                return
        # Another run may have changed it since the first question.
        if not accepts(new):
            raise _locked_out(rotation, new)

    def reset(self, rotation: Rotation) -> None:
        """Put the pending password in force as the administrator, whatever is in force now."""
        from .postgresql_session import change_as_administrator

        new = parse_login(rotation.pending, rotation.secret)
        change_as_administrator(rotation, new, lock=new.username)


def _locked_out(rotation: Rotation, login: Login) -> LockedOut:
    return LockedOut(
        f"{login.place} accepts no labelled version of {rotation.secret} for role"
        f" {login.username!r}: it has another password, has expired, may not log in, or is not"
        " there (the server does not tell which)",
        next_step=f"glisecrets rotate repair {rotation.secret}",
    )
