"""``elasticache-user`` and ``elasticache-token``: passwords of Amazon ElastiCache, by its API.

Value: see :mod:`.redis_endpoint`; ElastiCache asks for ``"tls": true``. Options: ``user-id``, the
id (not the name) of a user of role-based access control; ``replication-group``, the id of the
group whose AUTH token it is.

The API takes a change and makes it later, node by node. A rotation waits until it is made, five
minutes at most; then it is ``Unreachable``, and the next try goes on waiting.

Sources: the pages "Role-Based Access Control (RBAC)" and "Authenticating with the AUTH command"
of the ElastiCache user guide.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ..errors import ProviderRefused, Unreachable
from ..providers.aws import AwsRefused, ask_aws, aws_client
from .minting import settled
from .redis_acl import RedisRotator
from .redis_endpoint import RedisEndpoint, ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from glisecrets.stores.base import SecretValue

    from ..rotator import Rotation

#: Seconds between two looks whether a change is made: five minutes in all.
_PAUSES: Final = (1, 2, 3, 4, *[5] * 58)
#: How error codes start that pass with the change before.
_CHANGING: Final = ("InvalidUserState", "InvalidReplicationGroupState", "InvalidUserGroupState")


class _Changing(Unreachable):
    """Another change is being made, and this one is refused until then."""


class _ElastiCache(RedisRotator):
    """What both kinds share."""

    #: The option that names what is changed.
    target: ClassVar[str]

    def propose(self, rotation: Rotation) -> SecretValue:
        """Choose a password, if it is said whose."""
        self._named(rotation)
        return super().propose(rotation)

    @abstractmethod
    def _settled(self, api: _Api) -> bool:
        """Tell whether no change is being made."""

    def _named(self, rotation: Rotation) -> str:
        if self.target in rotation.options:
            return rotation.options[self.target]
        raise rotation.unusable(
            "nothing says what to change at ElastiCache",
            f"name its id: tag glisecrets:{self.target}",
        )

    def _make(self, rotation: Rotation, change: Callable[[_Api], None]) -> None:
        """Make a change as soon as none is being made, and wait until it is made."""

        def made() -> bool:
            rotation.confirm()
            change(api)
            return True

        api = _Api(self._named(rotation))
        _wait(rotation, api.name, made)
        _wait(rotation, api.name, lambda: self._settled(api))

    def _wait_for_nodes(self, rotation: Rotation) -> None:
        """Wait until the pending value is accepted; if it never is, its probe will say so."""
        new = rotation.pending or ""
        settled(rotation, new, lambda: self.probe(rotation, new))


class ElastiCacheUser(_ElastiCache):
    """Rotates the password of a user of role-based access control, who may have two."""

    options = frozenset({"user-id"})
    target = "user-id"

    def apply(self, rotation: Rotation) -> None:
        """Set the new password and the current one."""
        self._set(rotation)
        self._wait_for_nodes(rotation)

    def retire(self, rotation: Rotation, old: SecretValue) -> None:  # noqa: ARG002 - the rest goes
        """Set the current password alone."""
        self._set(rotation)

    def _set(self, rotation: Rotation) -> None:
        staying = [value for value in (rotation.pending, rotation.current) if value]
        passwords = {RedisEndpoint.of(value, rotation.secret).password for value in staying}

        def change(api: _Api) -> None:
            api.call("ModifyUser", UserId=api.name, Passwords=sorted(passwords))

        self._make(rotation, change)

    def _settled(self, api: _Api) -> bool:
        users = api.call("DescribeUsers", UserId=api.name)["Users"]
        return bool(users) and users[0]["Status"] == "active"


class ElastiCacheToken(_ElastiCache):
    """Rotates the AUTH token of a replication group, which may have two."""

    options = frozenset({"replication-group"})
    target = "replication-group"

    def apply(self, rotation: Rotation) -> None:
        """Add the new token by ROTATE, which keeps the one before."""
        new = RedisEndpoint.of(rotation.pending or "", rotation.secret)

        def change(api: _Api) -> None:
            # Only once: another ROTATE would drop the token before.
            if ask(new) is None:
                _modify(api, new, "ROTATE")

        self._make(rotation, change)
        self._wait_for_nodes(rotation)

    def retire(self, rotation: Rotation, old: SecretValue) -> None:
        """Keep the current token alone, by SET, if the old one is still accepted."""
        current = RedisEndpoint.of(rotation.current, rotation.secret)
        gone = RedisEndpoint.of_usable(old)
        if gone is None or gone.password == current.password:
            return
        if ask(replace(current, password=gone.password)) is not None:
            self._make(rotation, lambda api: _modify(api, current, "SET"))

    def _settled(self, api: _Api) -> bool:
        told = api.call("DescribeReplicationGroups", ReplicationGroupId=api.name)
        (group,) = told["ReplicationGroups"]
        changing = group.get("PendingModifiedValues", {}).get("AuthTokenStatus")
        return group["Status"] == "available" and not changing


class _Api:
    """The API, about one user or group. A class, for one client serves many calls.

    Args:
        name: the id of what is changed.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._client = aws_client("elasticache")

    def call(self, action: str, **parameters: Any) -> dict[str, Any]:
        """Call it.

        Raises:
            Unreachable: no answer, throttled, broken or changing.
            ProviderRefused: it said no.
        """
        try:
            return ask_aws(self._client, action, **parameters)
        except AwsRefused as error:
            code = error.code
        # Without its text, which may repeat a password.
        said = f"ElastiCache: {action} of {self.name}: {code}"
        if code.startswith(_CHANGING):
            raise _Changing(said)
        raise ProviderRefused(
            said,
            next_step=f"allow elasticache:{action} on it to whoever rotates, and check its state"
            " and its id in the secret's tags",
        )


def _modify(api: _Api, endpoint: RedisEndpoint, strategy: str) -> None:
    api.call(
        "ModifyReplicationGroup",
        ReplicationGroupId=api.name,
        AuthToken=endpoint.password,
        AuthTokenUpdateStrategy=strategy,
        ApplyImmediately=True,
    )


def _wait(rotation: Rotation, name: str, done: Callable[[], bool]) -> None:
    for seconds in _PAUSES:
        try:
            if done():
                return
        except _Changing:
            pass
        rotation.pause(seconds)
    raise Unreachable(
        f"ElastiCache is still changing {name}",
        next_step="look at it in the console; the rotation goes on when it is tried again",
    )
