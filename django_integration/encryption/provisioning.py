"""Data keys are made when tables are: after ``migrate``, no request has to make one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import router
from django.db.migrations.operations import AddField, AlterField
from django.db.models.signals import post_migrate

from glisecrets.errors import GlisecretsError

from .declared import declared, declared_indexes
from .indexing import Indexing
from .process import process_envelope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.apps import AppConfig

__all__ = ["connect", "provision"]

_LOG = logging.getLogger("glisecrets.encryption")
#: The setting that switches it off.
_SETTING = "GLISECRETS_PROVISION_DATA_KEYS"


def provision(app: AppConfig) -> None:
    """See to it that each encrypted field of an app has a data key.

    Raises:
        StoreError: the wrapping key cannot be asked.
        ConfigurationError: no wrapping key is named.
    """
    process_envelope().cache.clear()  # ``flush`` empties the table, and then comes here
    for field in declared(app.get_models()):
        field.provision_data_key()


def connect() -> None:
    """Provision after ``migrate`` and ``flush``."""
    post_migrate.connect(_after_migrate, dispatch_uid="glisecrets.encryption")


def _after_migrate(sender: AppConfig, using: str, plan: Any = (), **_: Any) -> None:
    from .models import DataKey

    _warn_of_unindexed(sender, using, plan)
    wanted = getattr(settings, _SETTING, True) and using == router.db_for_write(DataKey)
    if not wanted or not declared(sender.get_models()):
        return
    try:
        provision(sender)
    except GlisecretsError as error:
        _LOG.warning("the data keys of %s are not made yet: %s", sender.label, error)


def _warn_of_unindexed(app: AppConfig, using: str, plan: Any) -> None:
    """Tell of rows that a migration gave values and no index: it writes SQL, past every model."""
    touched = set(_touched(app, plan))
    for index in declared_indexes(app.get_models()):
        model = index.model._meta.model_name
        if touched & {(model, name.lower()) for name in (index.name, index.source_name)}:
            rows = Indexing(index, using).unindexed()
            told = "%d rows are not indexed, and look-ups miss them; run `manage.py %s index %s`"
            if rows:
                _LOG.warning(told, rows, "encrypted_fields", index)


def _touched(app: AppConfig, plan: Any) -> Iterator[tuple[str, str]]:
    """Give model and name, in lower case, of each field that a migration added or altered."""
    for migration, _backwards in plan:
        for operation in migration.operations:
            if migration.app_label == app.label and isinstance(operation, AddField | AlterField):
                yield operation.model_name_lower, operation.name_lower
