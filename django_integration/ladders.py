"""Which ladder a connection climbs: of a settings field, or of a reference in Django's settings."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from glisecrets.documents import UnreadableValue
from glisecrets.ladder import DEADLINE, CredentialLadder
from glisecrets.ladder_credentials import Credentials
from glisecrets.rotating_clients import open_ladder
from glisecrets.stores.base import SecretVersion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from glisecrets.resolution import Resolution

__all__ = ["ladder_in", "ladder_of"]


def ladder_of(
    resolution: Resolution,
    field: str,
    value: str,
    *,
    service: str = "db",
    deadline: float = DEADLINE,
) -> CredentialLadder | None:
    """Give the ladder of a field; ``None`` where no store gave it, or there is nothing to rotate.

    Args:
        resolution: the load that gave the field its value.
        field: its name.
        value: what was loaded, as JSON, URL or password: what the ladder begins with, so that no
            connection needs the store until a credential is refused.
        service: the first word of the log events.
        deadline: seconds after which a connection gives up.
    """
    origin, declaration = resolution.origin(field), resolution.plans[field].declaration
    if origin.layer != "store" or declaration is None or resolution.access is None:
        return None
    reference = declaration.reference(resolution.environment)
    if reference.label or reference.version_id:
        return None
    loaded = SecretVersion(reference.name, origin.version_id or "", value)
    try:
        held = Credentials.of(loaded, reference.with_key())
    except UnreadableValue:
        return None  # a server that asks for no password
    return CredentialLadder(
        resolution.access.read, reference, held=held, deadline=deadline, service=service
    )


def ladder_in(options: Mapping[str, Any]) -> CredentialLadder | None:
    """Give the ladder that the option ``credentials`` is, or whose reference it is."""
    named = options.get("credentials")
    if not isinstance(named, str):
        return named
    return _shared(named, options.get("credentials_deadline", DEADLINE))


@cache
def _shared(reference: str, deadline: float) -> CredentialLadder:
    return open_ladder(reference, deadline=deadline)
