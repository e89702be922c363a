"""The views: one for the load balancer, one that reads PostgreSQL, one that verifies a token."""

from django.db import connection
from django.http import HttpRequest, JsonResponse
from jwt import InvalidTokenError

from glisecrets.django_integration.jwt_keys import jwt_keys
from glisecrets.keys import pyjwt


def health(_request: HttpRequest) -> JsonResponse:
    """Tell that the process answers; the load balancer asks by plain HTTP."""
    return JsonResponse({"status": "ok"})


def services(_request: HttpRequest) -> JsonResponse:
    """Tell which database this is, as whom we are there, and what it holds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT split_part(version(), ' on ', 1), current_user, current_database()")
        version, user, database = cursor.fetchone()
        cursor.execute("SELECT name FROM services ORDER BY name")
        names = [name for (name,) in cursor]
    return JsonResponse({"server": version, "user": user, "database": database, "services": names})


def me(request: HttpRequest) -> JsonResponse:
    """Tell whose token this is, if one of the keyring's keys signed it."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    try:
        claims = pyjwt.decode(jwt_keys(), token, options={"require": ["exp", "sub"]})
    except InvalidTokenError:
        return JsonResponse({"error": "no valid token"}, status=401)
    return JsonResponse({"user": claims["sub"]})
