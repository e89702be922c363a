"""The environment guard: what belongs to another environment is refused before any call.

A reference, a store's address, an AWS account, a Vault path or a database host whose name speaks
of another environment (``gli/db/production`` while ``DJANGO_ENV=staging``) is a mistake far more
often than a wish. ``LoadOptions.allow`` lists the rare exceptions by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from .environment import Environment, environments_named_in
from .errors import EnvironmentMismatch
from .stores.opening import StoreAddress

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .options import LoadOptions
    from .references import Reference

#: Variables that lead to a place; a name of another environment in one is refused.
_LEADING = {
    "aws": (
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_ROLE_ARN",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_KMS",
        "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    ),
    "vault": ("VAULT_ADDR", "VAULT_NAMESPACE", "BAO_ADDR", "BAO_NAMESPACE"),
}
#: The account in an ARN.
_ACCOUNT = re.compile(r"(?<=:)\d{12}(?=:)")


@dataclass(frozen=True, slots=True)
class Guard:
    """Refuses names of other environments than its own."""

    environment: Environment
    #: Names that pass although they speak of another environment.
    allow: tuple[str, ...] = ()
    #: The AWS accounts of each environment.
    accounts: Mapping[Environment, tuple[str, ...]] | None = None

    @classmethod
    def of(cls, environment: Environment, options: LoadOptions) -> Guard:
        """Make the guard that a settings class asks for."""
        accounts = {Environment.parse(name): ids for name, ids in options.accounts.items()}
        return cls(environment, options.allow, accounts)

    def check_reference(self, reference: Reference) -> None:
        """Refuse a reference whose name, ARN or account belongs elsewhere.

        Raises:
            EnvironmentMismatch: it does.
        """
        self.check_name(reference.name, f"reference {reference}")
        if reference.arn is not None:
            self._check_account(reference.arn.account, f"reference {reference}")

    def check_name(self, name: str, what: str) -> None:
        """Refuse a name in which any word speaks of another environment.

        Args:
            name: the name, path, host or address.
            what: how to call it in the message.

        Raises:
            EnvironmentMismatch: it does.
        """
        foreign = environments_named_in(name) - {self.environment}
        if foreign and name not in self.allow:
            remedy = "use {environment} in the reference, or mend the name"
            raise self._mismatch(what, foreign, remedy, f"add {name} to load_options.allow")

    def check_hidden(self, text: str, what: str) -> None:
        """Like :meth:`check_name`, for a text that the error must not show: a host, an address.

        Raises:
            EnvironmentMismatch: it belongs elsewhere.
        """
        foreign = environments_named_in(text) - {self.environment}
        if foreign and text not in self.allow:
            remedy = "give this environment's own"
            raise self._mismatch(what, foreign, remedy, "add its text to load_options.allow")

    def check_address(
        self, address: str, environ: Mapping[str, str], what: str = "the store's address"
    ) -> None:
        """Refuse the address of a store, or of a wrapping key, that belongs elsewhere.

        Args:
            address: as ``aws:…``, ``vault:…`` or ``local:…``; the error never shows it.
            environ: the variables, some of which lead to a place too.
            what: how to call it in the message.

        Raises:
            EnvironmentMismatch: it does.
            ConfigurationError: it is no address.
        """
        self.check_place(StoreAddress.parse(address).scheme, unquote(address), environ, what)

    def check_place(
        self,
        scheme: str,
        place: str,
        environ: Mapping[str, str],
        what: str = "the store's address",
    ) -> None:
        """Like :meth:`check_address`, for a place that is known already; ``local`` passes."""
        if scheme not in _LEADING:
            return
        # Hidden: an address may hold a user's password.
        self.check_hidden(place, what)
        for account in _ACCOUNT.findall(place):
            self._check_account(account, what)
        for name in _LEADING[scheme]:
            self.check_hidden(environ.get(name, ""), name)

    def _check_account(self, account: str, what: str) -> None:
        accounts = self.accounts or {}
        owners = [name for name, ids in accounts.items() if account in ids]
        expected = accounts.get(self.environment)
        if self.environment in owners or (not owners and expected is None):
            return
        remedy = "use this environment's own secret"
        told = f"{what}: account {account}"
        raise self._mismatch(told, owners, remedy, "name the account in load_options.accounts")

    def _mismatch(
        self, what: str, foreign: Iterable[str], remedy: str, exception: str
    ) -> EnvironmentMismatch:
        names = tuple(sorted(map(str, foreign)))
        belongs = f"belongs to {' and '.join(names)}" if names else "belongs to no known account"
        return EnvironmentMismatch(
            f"{what} {belongs}, and this is {self.environment}",
            environment=self.environment,
            belongs_to=names,
            next_step=f"{remedy}; if meant, {exception}",
        )
