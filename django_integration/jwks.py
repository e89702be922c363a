"""The view that publishes the public keys of a JWT keyring, as they are now.

::

    urlpatterns = [path(".well-known/jwks.json", jwks, {"field": "jwt_keyring"})]

and in the settings class ``jwt_keyring: SecretStr = secret("gli/jwt/{environment}")``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import JsonResponse
from django.views.decorators.http import require_safe

from glisecrets.keys import RsaKeyring

if TYPE_CHECKING:
    from django.http import HttpRequest

__all__ = ["jwks"]

#: Seconds that verifiers may keep the answer: the next key is in it a whole period before it signs.
_MAX_AGE = 300


@require_safe
def jwks(_request: HttpRequest, field: str = "jwt_keyring") -> JsonResponse:
    """Answer with the JSON Web Key Set (RFC 7517) of a settings field that holds a keyring."""
    text = settings.GLISECRETS.live(field).get_secret_value()
    response = JsonResponse(_published(text, datetime.now(UTC).date().isoformat()))
    response["Cache-Control"] = f"public, max-age={_MAX_AGE}"
    return response


@lru_cache(maxsize=2)
def _published(text: str, _day: str) -> dict[str, Any]:
    """Give the set; made anew each day, for retired keys run out."""
    return RsaKeyring.parse(text).jwks(datetime.now(UTC))
