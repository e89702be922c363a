"""From addresses to the fewest calls, and from an answer's entries back to addresses. Pure.

BatchGetSecretValue takes 1 to 20 names or ARNs and knows no version id and no label, so it
serves what means ``AWSCURRENT``; anything else is a GetSecretValue of its own (API reference of
both). ``SecretIdList`` and not ``Filters``: a filter on names matches prefixes, so it would read
``app/S10`` for ``app/S1``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ...references import AWSCURRENT, Address, Arn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Most secrets that one BatchGetSecretValue takes.
BATCH_SIZE = 20

_SUFFIX_LENGTH = len("-AbCdEf")


class Single(NamedTuple):
    """One GetSecretValue."""

    address: Address

    @property
    def addresses(self) -> tuple[Address, ...]:
        """The one address that it answers."""
        return (self.address,)


class Batch(NamedTuple):
    """One BatchGetSecretValue, pages apart."""

    #: Names and ARNs, 2 to 20, each once.
    secrets: tuple[str, ...]

    @property
    def addresses(self) -> tuple[Address, ...]:
        """The addresses that it answers, in normal form."""
        return tuple(Address(secret) for secret in self.secrets)


Call = Batch | Single


def normal(address: Address) -> Address:
    """Give the one form of an address: ``AWSCURRENT`` is what no label means."""
    if address.version_id is None and address.label == AWSCURRENT:
        return Address(address.secret)
    return address


def plan(addresses: Iterable[Address], *, batch: bool = True) -> list[Call]:
    """Give the calls that answer every address, each version read once.

    Args:
        addresses: in any form and number, repeats allowed.
        batch: whether BatchGetSecretValue may be used.
    """
    wanted = dict.fromkeys(map(normal, addresses))
    together = _batchable(wanted) if batch else []
    batches = [_call(together[i : i + BATCH_SIZE]) for i in range(0, len(together), BATCH_SIZE)]
    batched = set(map(Address, together))
    return [*batches, *(Single(address) for address in wanted if address not in batched)]


def entry_ids(entry: Mapping[str, Any]) -> set[str]:
    """Give everything that one entry of ``SecretValues`` or ``Errors`` can have been asked as.

    That is its name, its ARN, and the ARN without the six random characters that AWS appends.
    """
    asked = entry.get("ARN") or entry.get("SecretId", "")
    ids = {asked, entry.get("Name", asked)}
    arn = Arn.parse(asked)
    return ids if arn is None else ids | {asked[:-_SUFFIX_LENGTH], arn.name}


def _batchable(addresses: Iterable[Address]) -> list[str]:
    """Give the secrets whose current version is wanted, but for ARNs of a name that is wanted too.

    Whether such a pair is one secret depends on the caller's account, which no answer tells: an
    entry of the other account's secret would carry the same name.
    """
    secrets = [address.secret for address in addresses if address == Address(address.secret)]
    names = set(secrets)
    return [secret for secret in secrets if names.isdisjoint(_names_within(secret))]


def _names_within(secret: str) -> set[str]:
    """Give the names that an ARN may mean: with and without what looks like its suffix."""
    arn = Arn.parse(secret)
    return set() if arn is None else {arn.name, secret.rpartition(":")[2]}


def _call(secrets: list[str]) -> Call:
    return Batch(tuple(secrets)) if len(secrets) > 1 else Single(Address(secrets[0]))
