"""What the 40 settings are called, and where the 25 secret ones lie. Imports nothing."""

#: Variable -> value, of the settings that are not secret.
PLAIN = {
    "DEBUG": "false",
    "LOG_LEVEL": "INFO",
    "SECURE_SSL_REDIRECT": "false",
    "SESSION_COOKIE_SECURE": "false",
    "DATABASE_PORT": "5432",
    "REDIS_PORT": "6379",
    "PAGE_SIZE": "50",
    "SESSION_AGE": "PT1H",
    "SENTRY_SAMPLE_RATE": "0.25",
    "DATABASE_NAME": "gli_api",
    "REDIS_PREFIX": "gli:",
    "EMAIL_FROM": "api@gli.example",
    "TIME_ZONE": "Asia/Seoul",
    "ALLOWED_HOSTS": '["api.example", "www.example"]',
    "FEATURE_FLAGS": '{"beta": true}',
}

#: Setting -> name in Secrets Manager.
SECRETS = {
    name: f"gli/{name}/staging"
    for name in (
        "secret_key",
        "database_password",
        "database_replica_password",
        "redis_password",
        "sendgrid_api_key",
        "sentry_dsn",
        "jwt_signing_key",
        "jwt_refresh_key",
        "oauth_client_secret",
        "google_client_secret",
        "kakao_client_secret",
        "naver_client_secret",
        "apple_private_key",
        "stripe_api_key",
        "stripe_webhook_secret",
        "toss_secret_key",
        "slack_bot_token",
        "slack_signing_secret",
        "github_app_key",
        "openai_api_key",
        "elasticsearch_password",
        "rabbitmq_password",
        "s3_signing_key",
        "webhook_secret",
        "encryption_pepper",
    )
}
