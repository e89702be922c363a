"""The 40 settings as pydantic-settings declares them."""

from datetime import timedelta
from typing import Literal

from pydantic import SecretStr
from pydantic_settings import BaseSettings


class ServiceSettings(BaseSettings):
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
    secret_key: SecretStr
    database_password: SecretStr
    database_replica_password: SecretStr
    redis_password: SecretStr
    sendgrid_api_key: SecretStr
    sentry_dsn: SecretStr
    jwt_signing_key: SecretStr
    jwt_refresh_key: SecretStr
    oauth_client_secret: SecretStr
    google_client_secret: SecretStr
    kakao_client_secret: SecretStr
    naver_client_secret: SecretStr
    apple_private_key: SecretStr
    stripe_api_key: SecretStr
    stripe_webhook_secret: SecretStr
    toss_secret_key: SecretStr
    slack_bot_token: SecretStr
    slack_signing_secret: SecretStr
    github_app_key: SecretStr
    openai_api_key: SecretStr
    elasticsearch_password: SecretStr
    rabbitmq_password: SecretStr
    s3_signing_key: SecretStr
    webhook_secret: SecretStr
    encryption_pepper: SecretStr
