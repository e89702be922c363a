"""The project's settings, but that the store is asked for newer values every second."""

from config.env import BASE_DIR, ApiSettings
from config.settings import *  # noqa: F403 - a variant of these, as Django's users write it

from glisecrets import LiveOptions, LoadOptions


class ImpatientSettings(ApiSettings):
    """Elsewhere, five minutes do."""

    load_options = LoadOptions(directory=BASE_DIR, live=LiveOptions(ttl=1))


globals().update(ImpatientSettings.load().django())
