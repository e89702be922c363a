"""Members who are found by what is encrypted; contracts whose values are bound to their rows."""

# ruff: noqa: DJ001, DJ008 - tables for tests, which nobody prints

from __future__ import annotations

import uuid

from django.db import models

from glisecrets.django_integration.encryption import (
    BlindIndex,
    EncryptedDateField,
    EncryptedEmailField,
    EncryptedIntegerField,
    EncryptedTextField,
    as_is,
    caseless,
)


class Person(models.Model):
    badge = EncryptedTextField(data_class="internal", label="person/badge", null=True)
    badge_index = BlindIndex("badge", normalise=as_is)


class Member(Person):
    name = models.CharField(max_length=50, default="")
    email = EncryptedEmailField(data_class="confidential", label="member/email", null=True)
    email_index = BlindIndex("email", normalise=caseless, unique=True)
    born = EncryptedDateField(data_class="confidential", label="member/born", null=True, blank=True)
    born_index = BlindIndex("born", normalise=as_is)
    phone = EncryptedTextField(data_class="confidential", label="member/phone", default="")
    phone_index = BlindIndex("phone", normalise=as_is, searchable=False)


class Card(models.Model):
    member = models.ForeignKey(Member, models.CASCADE, related_name="cards")
    day = models.DateField(null=True)


class Contract(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    title = models.CharField(max_length=50, default="")
    number = EncryptedTextField(
        data_class="confidential", label="contract/number", bound_to_row=True, null=True
    )
    number_index = BlindIndex("number", normalise=as_is)


class Account(models.Model):
    """On its way: plain columns, and their encrypted copies."""

    phone_plain = models.TextField(null=True)
    phone = EncryptedTextField(data_class="confidential", label="account/phone", null=True)
    phone_index = BlindIndex("phone", normalise=as_is)
    credit_plain = models.TextField(null=True)
    credit = EncryptedIntegerField(data_class="confidential", label="account/credit", null=True)
