"""A SendGrid API key: a new one with the same scopes, the old one deleted after the overlap.

The value is the key, ``SG.<id>.<secret>``, or a JSON object that holds it at the option ``key``.
A key seldom may make keys: the option ``admin`` refers to one that may (``api_keys.create``,
``api_keys.read``, ``api_keys.delete``, and every scope that it hands on).

Source: "API Keys" and "Scopes" of the Twilio SendGrid Web API v3.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from ..errors import NotRotatable, ProviderRefused, Unreachable
from ..providers.http import provider_for
from ..rotator import ADMIN, Rotator, Verdict
from .minting import YOUTH, ids_held, settled
from .one_string import KEY, string_in, with_string

if TYPE_CHECKING:
    from glisecrets.providers import Answer, Provider
    from glisecrets.stores.base import SecretValue

    from ..rotator import Rotation

_API = "https://api.sendgrid.com"
_KEY = re.compile(r"SG\.([\w-]+)\.([\w-]+)", re.ASCII)
#: ``glisecrets:<token>:<id of the key that it replaces>:<time of minting>:<the secret's name>``.
_NAME = re.compile(r"glisecrets:[^:]*:(?P<replaced>[^:]+):(?P<minted>[0-9a-f]+):.*")
_NAME_LENGTH = 100
#: SendGrid gives these to every key by itself (kenzo0107/terraform-provider-sendgrid#118).
_AUTOMATIC = {"2fa_required", "sender_verification_eligible", "sender_verification_exempt"}
_OK, _CREATED, _DENIED, _GONE = 200, 201, 401, 404
_DELETED = frozenset({204, _GONE})


class SendGridKey(Rotator):
    """Mints API keys of SendGrid."""

    overlap = timedelta(days=1)
    minted = True
    options = frozenset({KEY, ADMIN, "base-url"})

    def reap(self, rotation: Rotation) -> None:
        """Delete keys that were minted to replace one of ours and never stored."""
        sendgrid = _as_admin(rotation)
        held = ids_held(rotation, _id_if_any)
        for entry in _ask(sendgrid, "GET", "/v3/api_keys").document.get("result") or []:
            if entry["api_key_id"] not in held and _is_leftover(entry["name"], held, rotation):
                _delete(sendgrid, entry["api_key_id"])

    def propose(self, rotation: Rotation) -> SecretValue:
        """Mint a key with the scopes of the current one."""
        body = {"name": _name(rotation), "scopes": _scopes(rotation)}
        # Not sent again after a server's error: it may have minted, and that one is reaped.
        answer = _ask(_as_admin(rotation), "POST", "/v3/api_keys", body, expected={_CREATED})
        minted = answer.document.get("api_key")
        if isinstance(minted, str) and _KEY.fullmatch(minted):
            return with_string(rotation, minted)
        raise Unreachable(f"{rotation.secret}: SendGrid's answer holds no key")

    def probe(self, rotation: Rotation, value: SecretValue) -> Verdict:
        """Ask which scopes the key has; any key may ask that."""
        sendgrid = _sendgrid(rotation, string_in(rotation, value))
        return settled(rotation, value, lambda: _verdict(sendgrid))

    def retire(self, rotation: Rotation, old: SecretValue) -> None:
        """Delete the key; one that the current value has too stays."""
        key_id = _id_if_any(rotation, old)
        if key_id and key_id != _id(rotation, rotation.current):
            _delete(_as_admin(rotation), key_id)


def _verdict(sendgrid: Provider) -> Verdict:
    answer = _ask(sendgrid, "GET", "/v3/scopes", expected={_OK, _DENIED})
    return Verdict.ACCEPTED if answer.status == _OK else Verdict.REJECTED


def _scopes(rotation: Rotation) -> list[str]:
    sendgrid = _sendgrid(rotation, string_in(rotation, rotation.current))
    found = _ask(sendgrid, "GET", "/v3/scopes").document.get("scopes") or []
    scopes = sorted(set(found) - _AUTOMATIC)
    if scopes:
        return scopes
    # A key made with no scopes named has them all.
    raise ProviderRefused(
        f"{rotation.secret}: SendGrid names no scopes of the current key",
        next_step="make a key with the scopes that are needed by hand, and store it",
    )


def _name(rotation: Rotation) -> str:
    replaced = _id(rotation, rotation.current)
    minted = int(rotation.now().timestamp())
    return f"glisecrets:{rotation.token}:{replaced}:{minted:x}:{rotation.secret}"[:_NAME_LENGTH]


def _is_leftover(name: str, held: set[str], rotation: Rotation) -> bool:
    """Tell whether a key that no version holds was left by a crash between minting and storing.

    Names alone are no proof: another environment's secret of the same name may mint in the same
    SendGrid account. The id of the key that it replaces is, for that one is ours. SendGrid tells
    no times, so the name has the time of minting: a young key may be a concurrent run's, which is
    about to store it.
    """
    match = _NAME.fullmatch(name)
    if match is None or match["replaced"] not in held:
        return False
    return rotation.now().timestamp() - int(match["minted"], 16) > YOUTH.total_seconds()


def _id_if_any(rotation: Rotation, value: SecretValue | None) -> str | None:
    try:
        return _id(rotation, value or "")
    except NotRotatable:
        return None


def _id(rotation: Rotation, value: SecretValue) -> str:
    match = _KEY.fullmatch(string_in(rotation, value).strip())
    if match is not None:
        return match[1]
    raise rotation.unusable(
        "holds no API key of SendGrid (SG.<id>.<secret>)",
        "store one; in a JSON object, name its place in the tag glisecrets:key",
    )


def _as_admin(rotation: Rotation) -> Provider:
    """Give SendGrid, asked with the key that may make keys."""
    reference = rotation.options.get(ADMIN)
    value = rotation.read(reference) if reference else string_in(rotation, rotation.current)
    return _sendgrid(rotation, value if isinstance(value, str) else "")


def _sendgrid(rotation: Rotation, key: str) -> Provider:
    return provider_for(rotation, "SendGrid", key.strip(), option="base-url", url=_API)


def _delete(sendgrid: Provider, key_id: str) -> None:
    _ask(sendgrid, "DELETE", f"/v3/api_keys/{key_id}", expected=_DELETED)


def _ask(
    sendgrid: Provider,
    method: str,
    path: str,
    body: object = None,
    expected: frozenset[int] | set[int] = frozenset({_OK}),
) -> Answer:
    answer = sendgrid.ask(method, path, body, repeatable=method != "POST")
    if answer.status in expected:
        return answer
    raise sendgrid.errors.refused(
        f"SendGrid refuses {method} {path} ({answer.status})",
        next_step="see that the key that asks is good and has the scopes api_keys.create,"
        " api_keys.read and api_keys.delete; or refer to one in the tag glisecrets:admin",
    )
