"""A customer: Django's model as any other, but for one field."""

from django.db import models

from glisecrets.django_integration.encryption import EncryptedTextField


class Customer(models.Model):
    """Somebody who orders."""

    name = models.CharField(max_length=100)
    phone = EncryptedTextField(data_class="confidential", label="customers/phone")

    def __str__(self) -> str:
        return self.name
