"""The 40 settings as pydantic-settings declares them, none of them secret."""

from datetime import timedelta
from typing import Literal

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
    secret_key: str
    database_password: str
    database_replica_password: str
    redis_password: str
    sendgrid_api_key: str
    sentry_dsn: str
    jwt_signing_key: str
    jwt_refresh_key: str
    oauth_client_secret: str
    google_client_secret: str
    kakao_client_secret: str
    naver_client_secret: str
    apple_private_key: str
    stripe_api_key: str
    stripe_webhook_secret: str
    toss_secret_key: str
    slack_bot_token: str
    slack_signing_secret: str
    github_app_key: str
    openai_api_key: str
    elasticsearch_password: str
    rabbitmq_password: str
    s3_signing_key: str
    webhook_secret: str
    encryption_pepper: str
