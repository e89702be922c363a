"""Which names and texts of an existing project look like secrets."""

from __future__ import annotations

import re

_SECRET = re.compile(
    r"(?:^|_)(?:APIKEY|CREDENTIALS?|DSN|PASS(?:WD|WORD|PHRASE)?|PWD|SECRETS?|TOKEN"
    # Any other KEY is the name of a thing: CACHE_KEY, JWT_PUBLIC_KEY.
    r"|(?:ACCESS|ACCOUNT|API|AUTH|ENCRYPTION|FERNET|HMAC|LICENSE|MASTER|PRIVATE|SECRET|SERVICE"
    r"|SIGNATURE|SIGNING)_KEY)(?:_|$)"
)
#: A URL that has a password in it, by what it leads to.
_SECRET_URL = re.compile(
    r"(?:^|_)(?:AMQP|BROKER|CACHE|CELERY|DATABASE|DB|EMAIL|MONGO(?:DB)?|MYSQL|POSTGRES(?:QL)?"
    r"|RABBITMQ|REDIS|RESULT_BACKEND|SMTP|SQLALCHEMY|WEBHOOK)_(?:\w+_)?UR[IL]$"
)
#: What tells something about a secret: PASSWORD_MIN_LENGTH, TOKEN_URL.
_ABOUT = re.compile(
    r"_(?:AGE|ALGORITHM|COUNT|DAYS|ENABLED|EXPIRES?|EXPIRY|FILE|HEADER|HOURS|LENGTH|LIFETIME"
    r"|MINUTES|NAME|PATH|PREFIX|REGION|REQUIRED|SECONDS|SIZE|TIMEOUT|TTL|TYPE|UR[IL])$"
)
_USER_INFO = re.compile(r"://[^/\s:@]*:[^/\s@]+@")


def looks_secret(name: str) -> bool:
    """Tell whether a variable's name says that its value is a secret, by its words.

    ``DB_PASSWORD``, ``JWT_PRIVATE_KEY`` and ``DATABASE_URL`` do; ``JWT_PUBLIC_KEY``,
    ``CACHE_KEY_PREFIX`` and ``TOKEN_URL`` do not.
    """
    words = name.upper()
    if _SECRET_URL.search(words):
        return True
    return _SECRET.search(words) is not None and _ABOUT.search(words) is None


def holds_credentials(text: str) -> bool:
    """Tell whether a text is a URL with a password in it."""
    return _USER_INFO.search(text) is not None
