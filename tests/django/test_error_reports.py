"""What Django shows when a view fails: nothing of a secret, in whatever form it is at hand."""

from __future__ import annotations

import base64
import html
import json
import secrets
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    from conftest import Project

_URLS = """
import base64, html, json, logging
from dataclasses import dataclass
from urllib.parse import quote
from django.conf import settings
from django.urls import path

@dataclass
class Holder:
    first: str
    second: str

def fail(request):
    secret = settings.GLISECRETS.api_password.get_secret_value()
    token = secret
    plain = {"nested": [secret, (secret,)], secret: 1}
    as_bytes = b"x" * 70 + secret.encode() + b"y" * 70
    as_base64 = base64.b64encode(b"user:" + secret.encode())
    as_url = "https://user:" + quote(secret, safe="") + "@host/"
    as_html = html.escape(secret)
    as_json = json.dumps({"password": secret})
    wrapped = "word " * 11 + secret
    at_the_cut = ["z" * 4070, secret]
    held = Holder("a" * 70, secret)
    lazily = map(str, [secret])
    if "unicode" in request.GET:
        (secret + "é" + secret).encode("ascii")
    raise ValueError(f"cannot log in with {secret}")

urlpatterns = [path("fail/", fail)]
"""

_VISIT = """
import logging, os, sys
from urllib.parse import quote
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
import django
django.setup()
from django.conf import settings
from django.core import mail
from django.test import Client
from django.test.utils import setup_test_environment
secret = settings.GLISECRETS.api_password.get_secret_value()
setup_test_environment(debug=settings.DEBUG)
client = Client(raise_request_exception=False, headers={"accept": sys.argv[1]})
# The page breaks lines after 80 characters, at a space: here, within the secret.
long = "word " * 11 + secret
where = {"secure": True, "HTTP_HOST": "api.example.com", "HTTP_X_UPSTREAM": long}
client.cookies["remembered"] = long
pages = [
    client.post("/fail/?q=" + quote(long), {"posted": long}, **where),
    client.get("/fail/?unicode=1", **where),
]
logging.getLogger("django.request").error("failed with %s", secret)
print(*(page.content.decode() for page in pages))
print(*(str(message.message()) + message.subject + message.body for message in mail.outbox))
print(*(body for message in mail.outbox for body, _ in message.alternatives))
"""

_FILTER = "DEFAULT_EXCEPTION_REPORTER_FILTER"
_SETTING = 'UPSTREAM = "word " * 11 + settings.api_password.get_secret_value()\n'
_FIELD = """
    api_password: SecretStr
"""


def forms(secret: str) -> dict[str, str]:
    """Give the ways that the view writes it, and those of the page."""
    return {
        "plain": secret,
        "beginning": secret[:10],
        "end": secret[-10:],
        "around a character": f"{secret[-5:]}é{secret[:5]}",
        "base64": base64.b64encode(secret.encode()).decode()[:-4],
        "base64 within": base64.b64encode(b"user:" + secret.encode()).decode()[12:-4],
        "URL": quote(secret, safe=""),
        "HTML": html.escape(secret),
        "HTML twice": html.escape(html.escape(secret)),
        "repr": repr(secret)[1:-1],
        "HTML of repr": html.escape(repr(secret)[1:-1]),
        "JSON": json.dumps(secret)[1:-1],
    }


@pytest.fixture
def secret() -> str:
    """A password with all that escapes differ in, and a space."""
    return f"{secrets.token_urlsafe(9)}<'\"&\\> {secrets.token_urlsafe(9)}"


@pytest.fixture
def failing(project: Project, secret: str) -> Project:
    """A project whose one view fails with the secret at hand."""
    project.write("config/urls.py", _URLS)
    project.write("visit.py", _VISIT)
    project.extend("config/env.py", _FIELD)
    project.extend("config/settings.py", _SETTING)
    project.serves(API_PASSWORD=secret, LOG_FORMAT="text")
    return project


@pytest.mark.parametrize("accept", ["text/html", "text/plain"])
def test_the_debug_page_shows_no_secret(failing: Project, secret: str, accept: str) -> None:
    """Locals, request, cookies, settings, the message: the page is safe to send to a colleague."""
    failing.variables |= {"DJANGO_ENV": "development", "DEBUG": "1"}
    seen = failing.python("visit.py", accept)
    assert seen.returncode == 0, seen.stderr
    assert "cannot log in with [redacted:api_password]" in html.unescape(seen.stdout)
    assert "UnicodeEncodeError" in seen.stdout
    output = seen.stdout + seen.stderr
    assert [name for name, form in forms(secret).items() if form in output] == []


def test_mails_to_admins_show_no_secret(failing: Project, secret: str) -> None:
    """With DEBUG off the same report goes out by mail, and as text and JSON into the log."""
    failing.extend(
        "config/settings.py",
        'ADMINS = [("Admin", "admin@example.com")]\n'
        'LOGGING["handlers"]["mail_admins"]["include_html"] = True\n',
    )
    failing.variables["LOG_FORMAT"] = "json"
    seen = failing.python("visit.py", "text/html")
    assert seen.returncode == 0, seen.stderr
    assert "Subject: [Django] ERROR: failed with [redacted:api_password]" in seen.stdout
    assert "[redacted:api_password]" in seen.stdout
    assert "[redacted:api_password]" in seen.stderr
    output = seen.stdout + seen.stderr
    assert [name for name, form in forms(secret).items() if form in output] == []


def test_django_by_itself_would_show_it(failing: Project, secret: str) -> None:
    """The test above can fail: with Django's own reporter, the page shows the secret."""
    failing.extend(
        "config/settings.py",
        'DEFAULT_EXCEPTION_REPORTER = "django.views.debug.ExceptionReporter"\n'
        f'{_FILTER} = "django.views.debug.SafeExceptionReporterFilter"\n',
    )
    failing.variables |= {"DJANGO_ENV": "development", "DEBUG": "1"}
    assert html.escape(secret) in failing.python("visit.py", "text/html").stdout


@pytest.mark.parametrize("name", ["Reporter", "ReporterFilter"])
def test_both_halves_are_needed(failing: Project, secret: str, name: str) -> None:
    """The filter masks what is cut or wrapped, the reporter all else; neither does alone."""
    setting = {"Reporter": "DEFAULT_EXCEPTION_REPORTER"}.get(name, _FILTER)
    django = {"Reporter": "ExceptionReporter"}.get(name, "SafeExceptionReporterFilter")
    failing.extend("config/settings.py", f'{setting} = "django.views.debug.{django}"\n')
    failing.variables |= {"DJANGO_ENV": "development", "DEBUG": "1"}
    output = failing.python("visit.py", "text/html").stdout
    assert any(form in output for form in forms(secret).values())


def test_settings_that_do_not_load_show_no_value(project: Project) -> None:
    """The traceback of a SettingsError in settings.py, with locals or not, holds no value."""
    values = {name: secrets.token_urlsafe() for name in ("DATABASE_URL", "REDIS_URL", "PORT")}
    project.serves(**values)
    project.write(
        "shown.py",
        "import traceback\n"
        "try:\n    import config.settings\n"
        "except Exception as error:\n"
        "    report = traceback.TracebackException.from_exception(error, capture_locals=True)\n"
        "    print(*report.format(), repr(error), error.json(), error.errors())\n",
    )
    output = project.manage("check").stderr + project.python("shown.py").stdout
    assert output.count("3 faults") >= 2
    hidden = {**values, "SECRET_KEY": project.variables["SECRET_KEY"]}
    assert [name for name, value in hidden.items() if value in output] == []


def test_sentry_sends_no_secret(failing: Project, secret: str) -> None:
    """``sentry_sdk.init(**settings.sentry())``: what leaves for Sentry has the values masked."""
    failing.variables["SENTRY_DSN"] = "https://abcdef123456@sentry.invalid/1"
    failing.write(
        "report.py",
        "import json, sentry_sdk\n"
        "from sentry_sdk.transport import Transport\n"
        "from config.env import ApiSettings\n"
        "class Printing(Transport):\n"
        "    def capture_envelope(self, envelope):\n"
        "        print(json.dumps([item.payload.json for item in envelope.items], default=str))\n"
        "settings = ApiSettings.load()\n"
        "sentry_sdk.init(**settings.sentry(transport=Printing))\n"
        "password = settings.api_password.get_secret_value()\n"
        "sentry_sdk.add_breadcrumb(message=password)\n"
        "def fail(password, nested):\n"
        "    raise ValueError(password)\n"
        "try:\n    fail(password, [{'x': password}])\n"
        "except ValueError:\n    sentry_sdk.capture_exception()\n",
    )
    seen = failing.python("report.py")
    assert seen.returncode == 0, seen.stderr
    assert seen.stdout.count("[redacted:api_password]") >= 3
    assert [name for name, form in forms(secret).items() if form in seen.stdout] == []
