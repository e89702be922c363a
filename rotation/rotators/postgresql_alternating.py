"""The kind ``postgresql-alternating``: two roles that take turns, so that nobody is ever refused.

The role that the secret names and its clone ``NAME_clone``: a rotation gives the idle one a new
password while the other one works on, until clients have read the new version.

The clone is another door to the same room. It is a member of the original and starts every session
as it (``ALTER ROLE clone SET role = original``): what the original may do, the clone may,
at once, with nothing to copy; and what a session makes belongs to the original, whichever of the
two logged in.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ..rotator import ADMIN, Rotation, Verdict
from .postgresql import PostgresRotator
from .postgresql_login import new_password, parse_login, propose_login

if TYPE_CHECKING:
    from glisecrets.stores.base import SecretValue

_OWNER: Final = "owner"
_SUFFIX: Final = "_clone"
#: Bytes of a name that PostgreSQL keeps; it cuts off the rest (NAMEDATALEN - 1).
_LONGEST_NAME: Final = 63


class PostgresAlternatingUsers(PostgresRotator):
    """Gives the idle one of two roles a new password, as the administrator that ``admin`` names.

    The option ``owner`` names a role that both shall be able to become: the one that owns the
    tables, for Django's ``assume_role``.
    """

    overlap = timedelta(days=7)
    options = frozenset({ADMIN, _OWNER})

    def propose(self, rotation: Rotation) -> SecretValue:
        """Give the login of the idle role with a new password.

        Raises:
            NotRotatable: the clone's name would be too long; the current value is no login.
        """
        username = parse_login(rotation.current, rotation.secret).username
        original = _original(username)
        clone = original + _SUFFIX
        if len(clone.encode()) > _LONGEST_NAME:
            raise rotation.unusable(
                f"{clone!r} is longer than PostgreSQL's {_LONGEST_NAME} bytes",
                "name the role shorter (ALTER ROLE … RENAME TO …), or use the kind postgresql",
            )
        return propose_login(rotation, clone if username == original else original)

    def apply(self, rotation: Rotation) -> None:
        """Give the idle role the pending password; the clone is made where there is none.

        Raises:
            NotRotatable: the pending value is for the role that clients use now.
        """
        if rotation.pending and self.probe(rotation, rotation.pending) is Verdict.ACCEPTED:
            return
        new = parse_login(rotation.pending, rotation.secret)
        if new.username == parse_login(rotation.current, rotation.secret).username:
            raise rotation.unusable(
                f"the new version is for {new.username!r}, which is in use",
                f"start a new rotation: glisecrets rotate run {rotation.secret}",
            )
        self.reset(rotation)

    def reset(self, rotation: Rotation) -> None:
        """Put the pending password in force as the administrator, whatever is in force now."""
        from .postgresql_clones import reconcile
        from .postgresql_session import change_as_administrator

        new = parse_login(rotation.pending, rotation.secret)
        original = _original(new.username)
        change_as_administrator(
            rotation,
            new,
            lock=original,
            prepare=lambda session: reconcile(
                session, original, new.username, owner=rotation.options.get(_OWNER)
            ),
        )

    def retire(self, rotation: Rotation, old: SecretValue) -> None:
        """Give the role that is idle now a password that nobody knows."""
        from .postgresql_session import accepts, change_as_administrator

        idle = parse_login(old, rotation.secret)
        in_use = parse_login(rotation.current, rotation.secret)
        if idle.username == in_use.username or not accepts(idle):
            return
        scrambled = replace(idle, password=new_password())
        change_as_administrator(rotation, scrambled, lock=_original(idle.username))


def _original(username: str) -> str:
    return username.removesuffix(_SUFFIX)
