"""The environment guard: what belongs to another environment is refused before any call.

A reference, a store's address, an AWS account, a Vault path or a database host whose name speaks
of another environment (``gli/db/production`` while ``DJANGO_ENV=staging``) is a mistake far more
often than a wish. ``LoadOptions.allow`` lists the rare exceptions by name.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from .environment import Environment, environments_named_in
from .errors import EnvironmentMismatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .options import LoadOptions
    from .references import Reference

__all__ = ["Guard", "hosts_in", "leads_somewhere"]

#: How the names of what holds a host end, in lower case: ``DB_HOST``, ``readerEndpoint``.
_HOST_NAMES = ("host", "hosts", "hostname", "endpoint", "endpoints", "server", "servers", "address")

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_USER = re.compile(r"://[^/?#\s@]*@")
_END = re.compile(r"[/?#;\s]")
_KEYWORD = re.compile(r"(?:^|[\s;?&])(?:host|server|data source)\s*=\s*([^\s;&]+)", re.IGNORECASE)
_PORT = re.compile(r":\d+$")


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
            raise self._mismatch(what, foreign, allow=name)

    def check_host(self, host: str, what: str) -> None:
        """Like :meth:`check_name`, for a host that came with a value: the error does not show it.

        Raises:
            EnvironmentMismatch: the host belongs elsewhere.
        """
        foreign = environments_named_in(host) - {self.environment}
        if foreign and host not in self.allow:
            raise self._mismatch(what, foreign, allow="the host's name")

    def _check_account(self, account: str, what: str) -> None:
        accounts = self.accounts or {}
        owners = [name for name, ids in accounts.items() if account in ids]
        expected = accounts.get(self.environment)
        if self.environment in owners or (not owners and expected is None):
            return
        raise self._mismatch(f"{what}: account {account}", owners, allow=None)

    def _mismatch(
        self, what: str, foreign: Iterable[str], *, allow: str | None
    ) -> EnvironmentMismatch:
        names = tuple(sorted(map(str, foreign)))
        belongs = f"belongs to {' and '.join(names)}" if names else "belongs to no known account"
        remedy = f"add {allow} to load_options.allow" if allow else "mend load_options.accounts"
        return EnvironmentMismatch(
            f"{what} {belongs}, and this is {self.environment}",
            environment=self.environment,
            belongs_to=names,
            next_step=f"use {{environment}} in the reference or mend the value; if meant, {remedy}",
        )


def hosts_in(value: object, name: str = "") -> Iterator[str]:
    """Give the hosts that a resolved value leads to.

    They stand in URLs (also several in one, or one after the other), in DSNs of keywords
    (``host=… port=…``), and at the JSON keys whose names end as :data:`_HOST_NAMES` do.

    Args:
        value: text, bytes, or what a JSON document holds.
        name: what the value is called: a field's name or a JSON key.
    """
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, dict):
        for key, item in value.items():
            yield from hosts_in(item, str(key))
    elif isinstance(value, list | tuple | set):
        for item in value:
            yield from hosts_in(item, name)
    elif isinstance(value, str):
        yield from _hosts_in_text(value, name)


def leads_somewhere(value: object) -> bool:
    """Tell whether a value is a credential by itself: a URL with a user or password in it."""
    return isinstance(value, str) and "://" in value and _USER.search(value) is not None


def _parsed(text: str) -> object:
    """Give what a JSON object holds; a text that is none stays as it is."""
    if not text.lstrip().startswith("{"):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _hosts_in_text(text: str, name: str) -> Iterator[str]:
    urls = _SCHEME.split(text)[1:] if "://" in text else []
    for url in urls:
        # A password may hold an unquoted "/": then the host stands after the last "@".
        for rest in {url, url.rpartition("@")[2]}:
            yield from _each(_END.split(rest, maxsplit=1)[0])
    for match in _KEYWORD.finditer(text) if "=" in text else ():
        yield from _each(match[1])
    if not urls and name.lower().endswith(_HOST_NAMES):
        yield from _each(text)


def _each(hosts: str) -> Iterator[str]:
    """Split ``user:password@host:5432,host`` into its hosts."""
    for host in hosts.rpartition("@")[2].split(","):
        yield unquote(_PORT.sub("", host.strip()))
