"""Where a key is: its account, Region and environment; names written for any place, made exact."""

from __future__ import annotations

import re
from typing import NamedTuple

from glisecrets.errors import ConfigurationError

#: An IAM name with its path; no wildcard (IAM user guide, "IAM and AWS STS quotas").
_ROLE = re.compile(r"[\w+=,.@/-]{1,512}")
_IN_BRACES = re.compile(r"\{[^}]*\}?|\}")
#: An account, as it stands or in an ARN.
_ACCOUNT = re.compile("([0-9]{12})|arn:(?:[^:]*:){3}([0-9]{12}):.*", re.DOTALL)


class Place(NamedTuple):
    """An AWS account, a Region and an environment."""

    #: Twelve digits.
    account: str
    region: str
    environment: str
    #: ``aws``, ``aws-cn``, ``aws-us-gov``.
    partition: str = "aws"

    @property
    def root(self) -> str:
        """The principal that stands for the account: what IAM allows there."""
        return f"arn:{self.partition}:iam::{self.account}:root"

    def fill(self, template: str) -> str:
        """Put account, region, environment and partition where ``{…}`` names them."""
        for name, value in self._asdict().items():
            template = template.replace(f"{{{name}}}", value)
        return template

    def role(self, name: str) -> str:
        """Give the ARN of a role of this account.

        Args:
            name: the role's name, with its path if it has one, or its whole ARN.

        Raises:
            ConfigurationError: no name of a role, or another account's.
        """
        name = self.fill(name)
        prefix = f"arn:{self.partition}:iam::{self.account}:role/"
        if not _ROLE.fullmatch(name.removeprefix(prefix)):
            raise ConfigurationError(
                f"{name!r} is no role of account {self.account}",
                next_step="name a role without wildcard, as DBARole, or by its ARN",
            )
        return prefix + name.removeprefix(prefix)


def account_in(name: str) -> str | None:
    """Give the account that a principal, an ARN or a condition's value names, if it names one."""
    found = _ACCOUNT.fullmatch(name)
    return (found[1] or found[2]) if found else None


def unknown_parts(template: str) -> list[str]:
    """Give what stands in braces and :meth:`Place.fill` knows nothing of."""
    return [each for each in _IN_BRACES.findall(template) if each[1:-1] not in Place._fields]
