"""What the API answers to."""

from django.urls import path

from config import views
from glisecrets.django_integration.jwks import jwks

urlpatterns = [
    path("health/", views.health),
    path("api/services/", views.services),
    path("api/me/", views.me),
    path(".well-known/jwks.json", jwks),
]
