"""Make the table of data keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.db import migrations, models
from django.db.migrations.exceptions import IrreversibleError

if TYPE_CHECKING:
    from django.apps.registry import Apps
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

#: The setting that lets the table go with data keys in it.
_SETTING = "GLISECRETS_DROP_DATA_KEYS"


def refuse_to_drop_data_keys(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Keep whoever undoes the migration from losing every encrypted value.

    Raises:
        IrreversibleError: there are data keys, and the setting does not say that they may go.
    """
    rows = apps.get_model("glisecrets_encryption", "DataKey").objects
    if not getattr(settings, _SETTING, False) and (
        rows.using(schema_editor.connection.alias).exists()
    ):
        raise IrreversibleError(
            "the table holds data keys: without them no encrypted value can ever be read again"
            f"\n  next: if every value may be lost, set {_SETTING} = True"
        )


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
                ("retired", models.DateTimeField(editable=False, null=True)),
            ],
            options={
                "verbose_name": "data key",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("retired", None)),
                        fields=("data_class", "environment", "field"),
                        name="glisecrets_one_active_data_key",
                    )
                ],
            },
        ),
        migrations.RunPython(migrations.RunPython.noop, refuse_to_drop_data_keys),
    ]
