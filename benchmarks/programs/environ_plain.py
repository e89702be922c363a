"""django-environ, with all 40 values in the environment."""

import environ

from programs import proof
from programs.catalogue import SECRETS

env = environ.Env()
settings = {
    "debug": env.bool("DEBUG"),
    "log_level": env.str("LOG_LEVEL"),
    "secure_ssl_redirect": env.bool("SECURE_SSL_REDIRECT"),
    "session_cookie_secure": env.bool("SESSION_COOKIE_SECURE"),
    "database_port": env.int("DATABASE_PORT"),
    "redis_port": env.int("REDIS_PORT"),
    "page_size": env.int("PAGE_SIZE"),
    "session_age": env.str("SESSION_AGE"),
    "sentry_sample_rate": env.float("SENTRY_SAMPLE_RATE"),
    "database_name": env.str("DATABASE_NAME"),
    "redis_prefix": env.str("REDIS_PREFIX"),
    "email_from": env.str("EMAIL_FROM"),
    "time_zone": env.str("TIME_ZONE"),
    "allowed_hosts": env.json("ALLOWED_HOSTS"),
    "feature_flags": env.json("FEATURE_FLAGS"),
    **{name: env.str(name.upper()) for name in SECRETS},
}

proof.show(len(settings), [settings[name] for name in SECRETS])
