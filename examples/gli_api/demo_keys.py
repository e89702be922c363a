"""The step of the JWT keys: what the API publishes, before and after its keyring is rotated."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from demo_service import HTTPS, get, served
from demo_staging import promise

from glisecrets import Address
from glisecrets.keys import JwtKeys, RsaKeyring, pyjwt

if TYPE_CHECKING:
    from demo_staging import Staging

__all__ = ["rotate_jwt_keys"]

_SECRET = "gli/jwt/staging"  # noqa: S105 - a name
#: Seconds that the API may take to follow; it asks the store every second here.
_PATIENCE = 15
#: So many equal answers in a row come from both of its processes.
_SURE = 8


def rotate_jwt_keys(staging: Staging) -> None:
    staging.screen.paragraph(
        "Tokens are signed by the keys of a keyring, and other services verify them by what the "
        "API publishes. A token is signed, and then the keyring is rotated; the API runs on."
    )
    with served(staging, "demo_live_settings") as url:
        before = _published(url)
        old = _ring(staging)
        _show(staging, "Before", before, old)
        tokens = {"the old key": _token(old)}
        staging.show_command("rotate", "run", _SECRET)
        new = _ring(staging)
        tokens["the new key, at once"] = _token(new)
        answers = {name: _status(url, token) for name, token in tokens.items()}
        after = _followed(url, before)
        _show(staging, "After", after, new)
        answers["the old key, once more"] = _status(url, tokens["the old key"])
        answers["nobody's key"] = _status(url, _token(RsaKeyring(RsaKeyring.new_key(_now()))))
    lines = (f"by {name:<24} -> {status}" for name, status in answers.items())
    staging.screen.quote("\n".join(["GET /api/me/ with a token signed", *lines]))
    promise("each token of the keyring is taken", kept=[*answers.values()] == [200, 200, 200, 401])
    promise("the key that signs now was published before", kept=new.signing.id in before)
    promise("one more key is published", kept=len(after) == len(before) + 1)


def _now() -> datetime:
    return datetime.now(UTC)


def _ring(staging: Staging) -> RsaKeyring:
    """Give the keyring as it is stored; its keys are searched for like all other values."""
    ring = RsaKeyring.parse(staging.store.store.get(Address(_SECRET)).value)
    for key in filter(None, (ring.signing, ring.next)):
        staging.screen.values.know(f"JWT key {key.id}", key.material)
    staging.screen.values.write_for_tests()
    return ring


def _token(ring: RsaKeyring) -> str:
    claims = {"sub": "ada", "exp": _now() + timedelta(minutes=5)}
    return pyjwt.encode(JwtKeys.of(ring), claims)


def _status(url: str, token: str) -> int:
    return get(f"{url}/api/me/", HTTPS | {"Authorization": f"Bearer {token}"})[0]


def _published(url: str) -> dict[str, dict[str, Any]]:
    """Give the keys of the JWKS by their ``kid``."""
    _, body = get(f"{url}/.well-known/jwks.json", HTTPS)
    return {key["kid"]: key for key in json.loads(body)["keys"]}


def _followed(url: str, before: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Give what both processes of the API publish once they have followed the keyring."""
    end, seen, after = time.monotonic() + _PATIENCE, 0, before
    while seen < _SURE and time.monotonic() < end:
        after = _published(url)
        seen = seen + 1 if after != before else 0
        time.sleep(0 if seen else 0.1)
    promise("the API follows its keyring", kept=seen == _SURE)
    return after


def _show(staging: Staging, when: str, keys: dict[str, dict[str, Any]], ring: RsaKeyring) -> None:
    roles = {ring.signing.id: "signs"} | ({ring.next.id: "next"} if ring.next else {})
    lines = [
        f"{kid}  {key['kty']} {key['alg']}  {roles.get(kid, 'retired')}"
        for kid, key in keys.items()
    ]
    staging.screen.quote("\n".join([f"{when}: GET /.well-known/jwks.json", *lines]))
