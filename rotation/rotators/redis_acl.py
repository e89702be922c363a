"""``redis-acl``: the password of a user in the access control list of Redis or Valkey.

Value: see :mod:`.redis_endpoint`. The user has both passwords until the old one is retired, so no
client is refused. Only digests are sent: a clear password would show in MONITOR and the slow log.
Connections that are open stay so: Redis asks for the password when one is made.

Option: ``admin``, the reference of a secret of the same form whose user may change others
(``+acl|getuser +acl|setuser +acl|save``) and logs in where that secret says; without it the user
does it, and needs those rights. Only the server that is logged in to is changed: Redis replicates
no users, so the nodes of a cluster and replicas must get them otherwise (a shared ``aclfile``).

Source: Redis' reference of ACL SETUSER.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ..errors import LockedOut, ProviderRefused
from ..rotator import ADMIN, Rotator, Verdict
from .redis_endpoint import RedisEndpoint, Refused, ask, with_new_password

if TYPE_CHECKING:
    from glisecrets.stores.base import SecretValue

    from ..rotator import Rotation


class RedisRotator(Rotator):
    """A kind whose value logs in to Redis or Valkey by one of a user's passwords."""

    period = timedelta(days=90)
    overlap = timedelta(days=7)

    def propose(self, rotation: Rotation) -> SecretValue:
        """Choose a password."""
        return with_new_password(rotation.current, rotation.secret)

    def probe(self, rotation: Rotation, value: SecretValue) -> Verdict:
        """Log in on a new connection; a user that may not PING is logged in all the same."""
        endpoint = RedisEndpoint.of(value, rotation.secret)
        return Verdict.REJECTED if ask(endpoint, ("PING",)) is None else Verdict.ACCEPTED


class RedisAcl(RedisRotator):
    """Rotates the password of one user of one server."""

    options = frozenset({ADMIN})

    def apply(self, rotation: Rotation) -> None:
        """Give the user the new password beside the current one.

        Passwords of rotations that were given up go: those of versions without a label.
        """
        new = RedisEndpoint.of(rotation.pending or "", rotation.secret)
        login = _login(rotation)
        present = _digests(login, new.username)
        if present is None:
            raise ProviderRefused(
                f"Redis at {login} has no user {new.username}",
                next_step=f"make it, with its rights: ACL SETUSER {new.username} on …",
            )
        labelled = _digests_of(rotation.current, rotation.pending, rotation.previous)
        given_up = (_digests_of(*rotation.held()) & present) - labelled
        rotation.confirm()
        _change(login, new.username, [f"#{_digest(new)}", *(f"!{old}" for old in given_up)])

    def retire(self, rotation: Rotation, old: SecretValue) -> None:
        """Take the old password from its user, unless a labelled version has it too."""
        gone = RedisEndpoint.of_usable(old)
        staying = _digests_of(rotation.current, rotation.pending)
        if gone is None or _digest(gone) in staying:
            return
        login = _login(rotation)
        present = _digests(login, gone.username)
        if present is not None:
            # Without a modifier it is saved again: a crash may have come before.
            _change(login, gone.username, [f"!{digest}" for digest in {_digest(gone)} & present])


def _login(rotation: Rotation) -> RedisEndpoint:
    """Find who may change the user, and is accepted."""
    if ADMIN in rotation.options:
        return _admin(rotation)
    values = (rotation.pending, rotation.current, rotation.previous)
    logins = [RedisEndpoint.of(value, rotation.secret) for value in values if value]
    for login in logins:
        if ask(login) is not None:
            return login
    raise LockedOut(
        f"Redis at {logins[0]} accepts no version of {rotation.secret} for the user"
        f" {logins[0].username}",
        next_step=f"glisecrets rotate repair {rotation.secret}; or name who may set the password:"
        " tag glisecrets:admin",
    )


def _admin(rotation: Rotation) -> RedisEndpoint:
    reference = rotation.options[ADMIN]
    # Where its own secret says: an administrator's password goes to no other host.
    login = RedisEndpoint.of(rotation.read(reference), reference)
    if ask(login) is None:
        raise ProviderRefused(
            f"Redis at {login} does not accept the administrator {login.username} of {reference}",
            next_step=f"correct the secret {reference}",
        )
    return login


def _digests(login: RedisEndpoint, user: str) -> set[str] | None:
    """Ask for the digests of a user's passwords; ``None`` if there is no such user."""
    (answer,) = _asked(login, ("ACL", "GETUSER", user))
    if isinstance(answer, Refused):
        raise _may_not(login, "ACL GETUSER", answer)
    if answer is None:
        return None
    told = dict(zip(answer[::2], answer[1::2], strict=True))
    if "off" in told["flags"]:
        raise ProviderRefused(
            f"the user {user} of Redis at {login} is switched off",
            next_step=f"switch it on: ACL SETUSER {user} on",
        )
    return set(told["passwords"])


def _change(login: RedisEndpoint, user: str, modifiers: list[str]) -> None:
    """Change a user and, where its server keeps users in a file, save them."""
    # One by one: a command that fails in part changes nothing.
    setting = [("ACL", "SETUSER", user, modifier) for modifier in modifiers]
    *set_, saving = _asked(login, *setting, ("ACL", "SAVE"))
    for answer in set_:
        # Of two sweeps at once, the later one finds the password gone.
        if isinstance(answer, Refused) and "does not exist" not in answer.said:
            raise _may_not(login, "ACL SETUSER", answer)
    if isinstance(saving, Refused) and _has_file(login, saving):
        raise _may_not(login, "ACL SAVE", saving)


def _has_file(login: RedisEndpoint, saving: Refused) -> bool:
    """Tell whether users that could not be saved should have been; unless known, no."""
    if saving.code != "NOPERM":
        return "not configured" not in saving.said and "unknown" not in saving.said.lower()
    (answer,) = _asked(login, ("CONFIG", "GET", "aclfile"))
    return not isinstance(answer, Refused) and bool(answer[1:] and answer[1])


def _asked(login: RedisEndpoint, *commands: tuple[str, ...]) -> list[Any]:
    answers = ask(login, *commands)
    if answers is None:
        raise ProviderRefused(
            f"Redis at {login} accepted {login.username} a moment ago, and does not any more",
            next_step="look who else changes its users, and rotate again",
        )
    return answers


def _may_not(login: RedisEndpoint, command: str, refused: Refused) -> ProviderRefused:
    right = command.lower().replace(" ", "|")
    return ProviderRefused(
        f"Redis at {login} refuses {command} by {login.username} ({refused.code})",
        next_step=f"give it the right: ACL SETUSER {login.username} +{right}; or name who has it:"
        " tag glisecrets:admin",
    )


def _digests_of(*values: SecretValue | None) -> set[str]:
    found = map(RedisEndpoint.of_usable, values)
    return {_digest(endpoint) for endpoint in found if endpoint}


def _digest(endpoint: RedisEndpoint) -> str:
    """Give what Redis keeps of a password."""
    return hashlib.sha256(endpoint.password.encode()).hexdigest()
