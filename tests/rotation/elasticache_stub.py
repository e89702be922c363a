"""A small ElastiCache on loopback: the query protocol before a real Valkey.

It has one user and one replication group, both the same user of the Valkey. What it is asked to
change it changes there, and is ``modifying`` for a number of looks, as the service is.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from .loopback import Reply

if TYPE_CHECKING:
    import redis

    from .loopback import Asked

USER_ID, GROUP_ID = "app-user-id", "gli-cache"


@dataclass
class ElastiCacheStub:
    """Its state, and switches for what goes wrong."""

    admin: redis.Redis
    #: The name of the Valkey user.
    user: str
    #: How many looks a change takes to be made.
    looks: int = 2
    #: Passwords or tokens, the newest last.
    passwords: list[str] = field(default_factory=list)
    #: Answers to give instead: action -> (status, code), as often as they stand here.
    failures: list[tuple[str, int, str]] = field(default_factory=list)
    #: Every action that was taken, with its strategy.
    log: list[str] = field(default_factory=list)
    #: Looks that are left until the change is made.
    changing: int = 0
    lock: Lock = field(default_factory=Lock)

    def answer(self, asked: Asked) -> Reply:
        """Answer a request, as ``loopback.serving`` asks for."""
        form = {name: values[0] for name, values in parse_qs(asked.text).items()}
        with self.lock:
            return Reply(*self._answered(form["Action"], form), {"Content-Type": "text/xml"})

    def _answered(self, action: str, form: dict[str, str]) -> tuple[int, str]:
        for failure in self.failures:
            if failure[0] == action:
                self.failures.remove(failure)
                repeated = form.get("AuthToken", form.get("Passwords.member.1", ""))
                return failure[1], fault(failure[2], f"bad value {repeated}")
        return getattr(self, action)(form)

    def DescribeUsers(self, form: dict[str, str]) -> tuple[int, str]:  # noqa: N802
        if form["UserId"] != USER_ID:
            return 404, fault("UserNotFound", "no such user")
        status = self.look("active")
        member = f"<UserId>{USER_ID}</UserId><Status>{status}</Status>"
        return 200, result("DescribeUsers", f"<Users><member>{member}</member></Users>")

    def ModifyUser(self, form: dict[str, str]) -> tuple[int, str]:  # noqa: N802
        if self.look("") == "modifying":
            return 400, fault("InvalidUserState", "the user is modifying")
        if form["UserId"] != USER_ID:
            return 404, fault("UserNotFound", "no such user")
        passwords = [form[name] for name in sorted(form) if name.startswith("Passwords.")]
        self.log.append(f"ModifyUser {len(passwords)}")
        self.change(passwords)
        return 200, result("ModifyUser", "<Status>modifying</Status>")

    def DescribeReplicationGroups(self, form: dict[str, str]) -> tuple[int, str]:  # noqa: N802
        if form["ReplicationGroupId"] != GROUP_ID:
            return 404, fault("ReplicationGroupNotFoundFault", "no such group")
        member = f"<Status>{self.look('available')}</Status>"
        groups = f"<ReplicationGroups><ReplicationGroup>{member}</ReplicationGroup>"
        return 200, result("DescribeReplicationGroups", f"{groups}</ReplicationGroups>")

    def ModifyReplicationGroup(self, form: dict[str, str]) -> tuple[int, str]:  # noqa: N802
        if self.look("") == "modifying":
            return 400, fault("InvalidReplicationGroupState", "the group is modifying")
        if form["ReplicationGroupId"] != GROUP_ID:
            return 404, fault("ReplicationGroupNotFoundFault", "no such group")
        token, strategy = form["AuthToken"], form["AuthTokenUpdateStrategy"]
        self.log.append(f"ModifyReplicationGroup {strategy}")
        assert form["ApplyImmediately"] == "true"
        # ROTATE keeps the one before, whatever is rotated to: a second one loses it.
        self.change([self.passwords[-1], token] if strategy == "ROTATE" else [token])
        return 200, result("ModifyReplicationGroup", "")

    def change(self, passwords: list[str]) -> None:
        self.passwords = passwords
        self.changing = self.looks
        if not self.looks:
            self.make()

    def look(self, settled: str) -> str:
        if self.changing:
            self.changing -= 1
            if not self.changing:
                self.make()
            return "modifying"
        return settled

    def make(self) -> None:
        hashes = [f"#{hashlib.sha256(word.encode()).hexdigest()}" for word in self.passwords]
        self.admin.execute_command("ACL", "SETUSER", self.user, "resetpass", *hashes)


def result(action: str, body: str) -> str:
    space = "http://elasticache.amazonaws.com/doc/2015-02-02/"
    inner = f"<{action}Result>{body}</{action}Result>"
    return f'<{action}Response xmlns="{space}">{inner}</{action}Response>'


def fault(code: str, message: str) -> str:
    error = f"<Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>"
    return f"<ErrorResponse><Error>{error}</Error></ErrorResponse>"
