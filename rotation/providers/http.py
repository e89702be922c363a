"""Providers as rotations ask them: with the rotation's clock, and its errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from glisecrets.providers import Provider, ProviderErrors, checked_url

from ..errors import NotRotatable, ProviderRefused, Unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..rotator import Rotation

_WHEN_BUSY: Final = "nothing: it is tried again; see the provider's status page if it lasts"


def provider_for(
    rotation: Rotation,
    name: str,
    token: str,
    *,
    option: str,
    url: str = "",
    headers: Mapping[str, str] | None = None,
) -> Provider:
    """Give a provider's HTTP API, asked as one caller during one rotation.

    Args:
        rotation: for its options, clock and name.
        name: the provider's, for messages.
        token: sent as Bearer token.
        option: the option that may say where the API is.
        url: where it is otherwise.
        headers: sent with each request.

    Raises:
        NotRotatable: the URL is neither ``https`` nor on this machine, or the token cannot be sent.
    """

    def refused(message: str, *, next_step: str) -> ProviderRefused:
        return ProviderRefused(f"{rotation.secret}: {message}", next_step=next_step)

    errors = ProviderErrors(NotRotatable, refused, Unreachable)
    return Provider(
        name,
        checked_url(rotation.options.get(option, url), f"the option {option}", errors),
        token,
        errors,
        headers or {},
        when_busy=_WHEN_BUSY,
        now=rotation.now,
        pause=rotation.pause,
    )
