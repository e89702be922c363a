"""What the API answers to."""

from django.urls import path

from config import views

urlpatterns = [
    path("health/", views.health),
    path("api/services/", views.services),
]
