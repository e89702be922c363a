"""The view that publishes the public keys of a JWT keyring, as they are now.

::

    urlpatterns = [path(".well-known/jwks.json", jwks, {"field": "jwt_keyring"})]

and in the settings class ``jwt_keyring: SecretStr = secret("gli/jwt/{environment}")``.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_not_required
from django.http import JsonResponse
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from .jwt_keys import FIELD, jwt_keys

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase

__all__ = ["jwks"]

#: Seconds that verifiers may keep the answer: the next key is in it a whole period before it signs.
_MAX_AGE = 300


@login_not_required
@require_safe
def jwks(request: HttpRequest, field: str = FIELD) -> HttpResponseBase:
    """Answer with the JSON Web Key Set (RFC 7517) of a settings field that holds a keyring."""
    response = JsonResponse(jwt_keys(field).jwks())
    etag = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    response["Cache-Control"] = f"public, max-age={_MAX_AGE}"
    response["ETag"] = etag
    return get_conditional_response(request, etag, None, response) or response
