"""The views: one for the load balancer, and one that reads PostgreSQL."""

from django.db import connection
from django.http import HttpRequest, JsonResponse


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
