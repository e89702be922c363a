"""Make the table of data keys."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """The model ``DataKey``."""

    initial = True
    dependencies: ClassVar = []
    operations: ClassVar = [
        migrations.CreateModel(
            name="DataKey",
            fields=[
                (
                    "id",
                    models.CharField(
                        editable=False, max_length=64, primary_key=True, serialize=False
                    ),
                ),
                ("data_class", models.CharField(editable=False, max_length=200)),
                ("environment", models.CharField(editable=False, max_length=16)),
                ("field", models.CharField(editable=False, max_length=200)),
                ("wrapped", models.BinaryField()),
                ("wrapping_key", models.TextField(editable=False)),
                ("material", models.TextField(editable=False, null=True)),
                ("created", models.DateTimeField(editable=False)),
                ("active", models.BooleanField(editable=False)),
            ],
            options={
                "verbose_name": "data key",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("active", True)),
                        fields=("data_class", "environment", "field"),
                        name="glisecrets_one_active_data_key",
                    )
                ],
            },
        ),
    ]
