"""The project's settings, but that each request opens a connection of its own, and so logs in."""

from config.settings import *  # noqa: F403 - a variant of these, as Django's users write it
from config.settings import settings

DATABASES = settings.databases(CONN_MAX_AGE=0)
