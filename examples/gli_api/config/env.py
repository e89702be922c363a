"""What this service needs to know, declared once: names, types, and where each secret lives."""

from pathlib import Path

from pydantic import Field, SecretStr

from glisecrets import DataClass, LoadOptions, secret
from glisecrets.django_integration import DatabaseCredentials, DjangoSettings

BASE_DIR = Path(__file__).resolve().parents[1]


class ApiSettings(DjangoSettings):
    """The GLI API server: the catalogue of DjangoSettings, and what is this project's own.

    References and rotation intervals are those of the GLI guide, sections 5.2.7 and 6.6.
    """

    load_options = LoadOptions(directory=BASE_DIR)

    secret_key: SecretStr = secret("gli/django/{environment}#secret_key")
    database: DatabaseCredentials | None = secret(
        "gli/db/{environment}", None, rotate_every="90d", kind="postgresql"
    )
    redis_password: SecretStr | None = secret("gli/redis/{environment}#password", None)
    sendgrid_api_key: SecretStr | None = secret(
        "gli/sendgrid/{environment}#api_key", None, rotate_every="180d"
    )
    sentry_dsn: SecretStr | None = secret("gli/sentry/{environment}#dsn", None)
    jwt_keyring: SecretStr | None = secret(
        "gli/jwt/{environment}",
        None,
        rotate_every="365d",
        kind="jwt-keyring",
        data_class=DataClass.HIGHLY_CONFIDENTIAL,
    )

    feature_flags: dict[str, bool] = Field(default_factory=dict)
