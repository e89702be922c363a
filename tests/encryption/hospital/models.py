"""One encrypted field of each kind, plain ones beside them, and a model bound to its rows."""

from __future__ import annotations

import uuid

from django.db import models

from glisecrets.django_integration.encryption import (
    EncryptedBinaryField,
    EncryptedBooleanField,
    EncryptedCharField,
    EncryptedDateField,
    EncryptedDateTimeField,
    EncryptedDecimalField,
    EncryptedEmailField,
    EncryptedField,
    EncryptedIntegerField,
    EncryptedJSONField,
    EncryptedTextField,
)


def confidential(kind: type[EncryptedField], label: str, **options: object) -> EncryptedField:
    options = {"null": True, "blank": True, **options}
    return kind(data_class="confidential", label=f"patient/{label}", **options)


class Patient(models.Model):
    name = models.CharField(max_length=50)
    note = confidential(EncryptedTextField, "note")
    ward = confidential(EncryptedCharField, "ward", max_length=5)
    email = confidential(EncryptedEmailField, "email")
    born = confidential(EncryptedDateField, "born")
    seen = confidential(EncryptedDateTimeField, "seen")
    visits = confidential(EncryptedIntegerField, "visits")
    weight = confidential(EncryptedDecimalField, "weight", max_digits=6, decimal_places=2)
    smokes = confidential(EncryptedBooleanField, "smokes")
    history = confidential(EncryptedJSONField, "history")
    scan = confidential(EncryptedBinaryField, "scan")
    nickname = confidential(EncryptedTextField, "nickname", masked=False)
    diary = confidential(EncryptedJSONField, "diary", masked=False)

    def __str__(self) -> str:
        return self.name


class Visit(models.Model):
    patient = models.ForeignKey(Patient, models.CASCADE, related_name="visited")
    day = models.DateField(null=True)
    reason = models.CharField(max_length=50, default="")

    def __str__(self) -> str:
        return self.reason


class Letter(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    title = models.CharField(max_length=50, default="")
    number = models.IntegerField(null=True, unique=True)
    body = EncryptedTextField(
        data_class="highly-confidential", label="letter/body", bound_to_row=True, null=True
    )

    def __str__(self) -> str:
        return self.title
