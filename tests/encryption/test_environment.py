"""The wrapping key of another environment is refused before anything is asked of it."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.test import override_settings

from glisecrets import LoadOptions
from glisecrets.environment import Environment
from glisecrets.errors import EnvironmentMismatch

ARN = "aws:arn:aws:kms:ap-northeast-2:111122223333:alias/gli-rds"
ACCOUNTS = {"production": ("111122223333",), "staging": ("444455556666",)}


@pytest.mark.parametrize("environment", [Environment.DEVELOPMENT, Environment.STAGING])
@pytest.mark.parametrize("address", ["aws:alias/gli-rds-production?region=ap-northeast-2", ARN])
def test_staging_does_not_encrypt_with_productions_key(
    environment: Environment, address: str
) -> None:
    """By its name, or by the account that the settings class knows as production's."""
    process = import_module("glisecrets.django_integration.encryption.process")
    options = LoadOptions(accounts=ACCOUNTS)
    loaded = SimpleNamespace(environment_loaded=environment, load_options=options)
    given = {"GLISECRETS": loaded, "GLISECRETS_WRAPPING_KEY": address}
    with override_settings(**given), pytest.raises(EnvironmentMismatch, match="wrapping key"):
        process.wrapping_key()
