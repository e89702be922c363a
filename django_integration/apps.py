"""The app: the system checks, the keyrings, and no placeholders of the build phase."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from django.apps import AppConfig, apps
from django.core.exceptions import ImproperlyConfigured

from glisecrets.placeholders import BUILD_MARK

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BUILD_COMMANDS",
    "GlisecretsConfig",
    "has_simple_jwt",
    "is_build_command",
    "placeholders_in",
]

#: The management commands that an image's build runs; none of them needs a real secret. The
#: setting ``GLISECRETS_BUILD_COMMANDS`` names more.
BUILD_COMMANDS = frozenset(
    {
        "check",
        "collectstatic",
        "compilemessages",
        "compilescss",
        "compress",
        "findstatic",
        "help",
        "makemessages",
        "spectacular",
        "tailwind",
        "version",
    }
)


class GlisecretsConfig(AppConfig):
    """``"glisecrets.django_integration"`` in ``INSTALLED_APPS``."""

    name = "glisecrets.django_integration"
    label = "glisecrets"
    verbose_name = "glisecrets"

    def ready(self) -> None:
        """Register the checks, follow the keyrings; refuse to serve with placeholders.

        Raises:
            ImproperlyConfigured: the settings were loaded in the build phase, DEBUG is off, and
                this is no command of a build.
        """
        from django.conf import settings
        from django.core.signals import request_started

        from . import checks, jwt_checks  # noqa: F401 - registers them
        from .jwt_keys import has_keyring
        from .secret_keys import KeyFollower

        follower = KeyFollower.of(settings)
        if follower is not None:
            request_started.connect(follower, weak=False, dispatch_uid="glisecrets.secret_keys")
        if has_keyring(settings) and has_simple_jwt():
            from . import simple_jwt

            simple_jwt.install()
        if settings.DEBUG or is_build_command(sys.argv, settings):
            return
        found = placeholders_in(settings)
        if found:
            raise ImproperlyConfigured(
                f"the build phase's placeholders are no settings to run with: {', '.join(found)}"
                "\n  next: unset GLISECRETS_BUILD at run time, so that the real values are loaded"
            )


def has_simple_jwt() -> bool:
    """Tell whether simplejwt can be used: it imports the models of Django's users."""
    return apps.is_installed("django.contrib.auth") and bool(find_spec("rest_framework_simplejwt"))


def is_build_command(argv: Sequence[str], settings: Any) -> bool:
    """Tell whether ``manage.py`` was called with a command of a build."""
    more = getattr(settings, "GLISECRETS_BUILD_COMMANDS", ())
    return len(argv) > 1 and argv[1] in BUILD_COMMANDS.union(more)


def placeholders_in(settings: Any) -> list[str]:
    """Give the names of the settings that are, or hold, placeholders of the build phase."""
    loaded = getattr(settings, "GLISECRETS", None)
    names = ["GLISECRETS"] if getattr(loaded, "build_phase", False) else []
    # Django's own defaults hold none, and to read some of them is deprecated.
    own = filter(settings.is_overridden, filter(str.isupper, dir(settings)))
    others = (name for name in own if name != "GLISECRETS")
    return names + [name for name in others if _holds_mark(getattr(settings, name))]


def _holds_mark(value: Any) -> bool:
    if isinstance(value, str):
        return BUILD_MARK in value
    if isinstance(value, dict):
        return any(map(_holds_mark, value.values()))
    return isinstance(value, list | tuple) and any(map(_holds_mark, value))
