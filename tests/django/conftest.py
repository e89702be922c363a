"""A Django project in a temporary folder, run as its users run it: by ``manage.py``."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_MANAGE = """\
import os, sys
from django.core.management import execute_from_command_line
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
execute_from_command_line(sys.argv)
"""

_ENV = """\
from pydantic import SecretStr
from glisecrets import secret
from glisecrets.django_integration import DatabaseCredentials, DjangoSettings

class ApiSettings(DjangoSettings):
    secret_key: SecretStr = secret("gli/django/{environment}#secret_key")
    database: DatabaseCredentials | None = secret("gli/db/{environment}", None)
"""

#: The three lines, and what every project has besides.
_SETTINGS = """\
from pathlib import Path
from config.env import ApiSettings

settings = ApiSettings.load()
globals().update(settings.django())

BASE_DIR = Path(__file__).parents[1]
INSTALLED_APPS = ["django.contrib.staticfiles", "glisecrets.django_integration"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "collected"
"""


class Project:
    """The project's folder, and the variables that its commands see."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        #: Nothing of the caller's own environment, and no store unless a test names one.
        self.variables = {"PATH": os.defpath, "GLISECRETS_STORE": "off"}
        self.write("manage.py", _MANAGE)
        self.write("config/__init__.py", "")
        self.write("config/env.py", _ENV)
        self.write("config/settings.py", _SETTINGS)
        self.write("config/urls.py", "urlpatterns = []\n")

    def extend(self, path: str, text: str) -> None:
        """Write more at a file's end."""
        self.write(path, (self.folder / path).read_text("utf-8") + text)

    def write(self, path: str, text: str) -> None:
        """Write a file of the project."""
        target = self.folder / path
        target.parent.mkdir(exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def serves(self, **more: str) -> None:
        """Set the variables of a service that is fit for production."""
        database = "postgres://api:{}@db.internal/gli?sslmode=require"
        self.variables |= {
            "SECRET_KEY": secrets.token_urlsafe(50),
            "ALLOWED_HOSTS": "api.example.com",
            "DATABASE_URL": database.format(secrets.token_urlsafe()),
            **more,
        }

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``manage.py``."""
        return self.python("manage.py", *arguments)

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python in the project's folder."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Give a new project, in a folder of its own."""
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder)
