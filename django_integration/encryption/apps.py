"""The app of the encrypted fields: it brings the table of data keys."""

from __future__ import annotations

from django.apps import AppConfig

__all__ = ["EncryptionConfig"]


class EncryptionConfig(AppConfig):
    """``"glisecrets.django_integration.encryption"`` in ``INSTALLED_APPS``."""

    name = "glisecrets.django_integration.encryption"
    label = "glisecrets_encryption"
    verbose_name = "glisecrets encryption"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Follow the settings that the envelope is made of; make data keys after ``migrate``."""
        from . import (
            process,
            project_checks,  # noqa: F401 - registers them
            provisioning,
        )

        process.follow_settings()
        provisioning.connect()
