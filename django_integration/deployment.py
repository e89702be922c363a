"""How a service is deployed in the GLI guide, in Django's words: HTTPS, Redis, S3, SendGrid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import django
import environ  # type: ignore[import-untyped]

from glisecrets.environment import Environment
from glisecrets.rotating_clients import rotating_redis

if TYPE_CHECKING:
    from glisecrets.ladder import CredentialLadder

__all__ = ["cache_of_url", "email_settings", "following_cache", "https_settings", "s3_storages"]

#: How long browsers are told to stay with HTTPS, in seconds: as long as a mistake may last.
_HSTS_SECONDS = {Environment.STAGING: 3_600, Environment.PRODUCTION: 31_536_000}

_REDIS = "django.core.cache.backends.redis.RedisCache"
_SMTP = "django.core.mail.backends.smtp.EmailBackend"
_CONSOLE = "django.core.mail.backends.console.EmailBackend"


def https_settings(environment: Environment) -> dict[str, Any]:
    """Give the settings for HTTPS that ends at an AWS load balancer; none in development.

    The balancer sets ``X-Forwarded-Proto`` itself, over what a client sent, so it can be trusted
    where nothing else reaches the service. Its health check comes by plain HTTP and must not be
    redirected (GLI guide, section 5.2.6). Whether subdomains are bound to HTTPS as well, or the
    domain goes onto the browsers' preload list, is left to the service: neither can be taken back.
    """
    if environment is Environment.DEVELOPMENT:
        return {}
    return {
        "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https"),
        "SECURE_SSL_REDIRECT": True,
        "SECURE_REDIRECT_EXEMPT": [r"^health/?$"],
        "SECURE_HSTS_SECONDS": _HSTS_SECONDS[environment],
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SECURE": True,
    }


def cache_of_url(url: str) -> dict[str, Any]:
    """Give the ``CACHES`` entry of a URL, by django-environ."""
    entry: dict[str, Any] = environ.Env.cache_url_config(url)
    return entry


def following_cache(entry: dict[str, Any], ladder: CredentialLadder | None) -> dict[str, Any]:
    """Give an entry whose connections survive a rotation; another backend's stays as it is."""
    if ladder is None or entry["BACKEND"] != _REDIS:
        return entry
    options = {"redis_connect_func": rotating_redis(ladder), **entry.get("OPTIONS", {})}
    return {**entry, "OPTIONS": options}


def s3_storages(bucket: str | None, region: str) -> dict[str, Any]:
    """Give ``STORAGES``: media files in a bucket, or Django's own default without one."""
    files: dict[str, Any] = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    if bucket is not None:
        options = {"bucket_name": bucket, "region_name": region}
        files = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
    static = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    return {"default": files, "staticfiles": static}


def email_settings(sendgrid_key: str | None) -> dict[str, Any]:
    """Give the settings of mail by SendGrid, or to the console without a key."""
    options: dict[str, Any] = {}
    if sendgrid_key is not None:
        # SendGrid: the user is this word, the password the key.
        options = {"host": "smtp.sendgrid.net", "port": 587, "use_tls": True, "timeout": 10}
        options |= {"username": "apikey", "password": sendgrid_key}
    backend = _SMTP if options else _CONSOLE
    if django.VERSION >= (6, 1):  # MAILERS replaces the EMAIL settings, which warn from then on
        return {"MAILERS": {"default": {"BACKEND": backend, "OPTIONS": options}}}
    old = {"username": "HOST_USER", "password": "HOST_PASSWORD"}
    names = {name: f"EMAIL_{old.get(name, name.upper())}" for name in options}
    return {"EMAIL_BACKEND": backend, **{names[name]: value for name, value in options.items()}}
