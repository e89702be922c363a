"""The 40 settings as glisecrets declares them, 25 of them in a store."""

from datetime import timedelta
from typing import Literal

from pydantic import SecretStr

from glisecrets import Settings, secret


class ServiceSettings(Settings):
    debug: bool
    log_level: Literal["DEBUG", "INFO", "WARNING"]
    secure_ssl_redirect: bool
    session_cookie_secure: bool
    database_port: int
    redis_port: int
    page_size: int
    session_age: timedelta
    sentry_sample_rate: float
    database_name: str
    redis_prefix: str
    email_from: str | None
    time_zone: str
    allowed_hosts: list[str]
    feature_flags: dict[str, bool]
    secret_key: SecretStr = secret("gli/secret_key/{environment}")
    database_password: SecretStr = secret("gli/database_password/{environment}")
    database_replica_password: SecretStr = secret("gli/database_replica_password/{environment}")
    redis_password: SecretStr = secret("gli/redis_password/{environment}")
    sendgrid_api_key: SecretStr = secret("gli/sendgrid_api_key/{environment}")
    sentry_dsn: SecretStr = secret("gli/sentry_dsn/{environment}")
    jwt_signing_key: SecretStr = secret("gli/jwt_signing_key/{environment}")
    jwt_refresh_key: SecretStr = secret("gli/jwt_refresh_key/{environment}")
    oauth_client_secret: SecretStr = secret("gli/oauth_client_secret/{environment}")
    google_client_secret: SecretStr = secret("gli/google_client_secret/{environment}")
    kakao_client_secret: SecretStr = secret("gli/kakao_client_secret/{environment}")
    naver_client_secret: SecretStr = secret("gli/naver_client_secret/{environment}")
    apple_private_key: SecretStr = secret("gli/apple_private_key/{environment}")
    stripe_api_key: SecretStr = secret("gli/stripe_api_key/{environment}")
    stripe_webhook_secret: SecretStr = secret("gli/stripe_webhook_secret/{environment}")
    toss_secret_key: SecretStr = secret("gli/toss_secret_key/{environment}")
    slack_bot_token: SecretStr = secret("gli/slack_bot_token/{environment}")
    slack_signing_secret: SecretStr = secret("gli/slack_signing_secret/{environment}")
    github_app_key: SecretStr = secret("gli/github_app_key/{environment}")
    openai_api_key: SecretStr = secret("gli/openai_api_key/{environment}")
    elasticsearch_password: SecretStr = secret("gli/elasticsearch_password/{environment}")
    rabbitmq_password: SecretStr = secret("gli/rabbitmq_password/{environment}")
    s3_signing_key: SecretStr = secret("gli/s3_signing_key/{environment}")
    webhook_secret: SecretStr = secret("gli/webhook_secret/{environment}")
    encryption_pepper: SecretStr = secret("gli/encryption_pepper/{environment}")
