"""A program of the project that writes one customer, and tells how the row looks from each side."""

from __future__ import annotations

import json
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from customers.models import Customer  # noqa: E402 - Django is to be set up before
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from glisecrets.django_integration.encryption.models import DataKey  # noqa: E402
from glisecrets.errors import GlisecretsError  # noqa: E402

PHONE = "+82 10 2345 6789"


def main() -> None:
    """Write the row, read it as Django and as PostgreSQL give it, and spoil it."""
    call_command("migrate", verbosity=0)
    ada = Customer.objects.create(name="Ada", phone=PHONE)
    told = {
        "written": PHONE,
        "read": Customer.objects.get(pk=ada.pk).phone,
        "stored": _stored(ada),
        "data_key": _data_key(),
        "altered": _altered(ada),
    }
    print(json.dumps(told))


def _stored(customer: Customer) -> str:
    with connection.cursor() as cursor:
        query = "SELECT phone::text FROM customers_customer WHERE id = %s"
        (stored,) = cursor.execute(query, [customer.pk]).fetchone()
    return str(stored)


def _data_key() -> dict[str, str]:
    key = DataKey.objects.get(field="customers/phone")
    return {"id": key.id, "of": str(key).partition(":")[0], "wrapped_by": key.wrapping_key}


def _altered(customer: Customer) -> str:
    """Change one bit of the row; give what Django says to it then."""
    with connection.cursor() as cursor:
        change = (
            "UPDATE customers_customer SET phone = set_bit(phone, 500, 1 - get_bit(phone, 500))"
        )
        cursor.execute(f"{change} WHERE id = %s", [customer.pk])
    try:
        return Customer.objects.get(pk=customer.pk).phone
    except GlisecretsError as error:
        return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    main()
