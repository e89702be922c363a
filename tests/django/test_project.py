"""A project on glisecrets, run as its users run it: build, start, check, command line."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from glisecrets.keys import RsaKeyring
from glisecrets.stores.local import LocalStore

if TYPE_CHECKING:
    from conftest import Project

    from glisecrets.testing.servers import RunningServer

BUILD = {"GLISECRETS_BUILD": "1"}


# The build phase ----------------------------------------------------------------------------


def test_collectstatic_runs_without_any_variable(project: Project) -> None:
    """A Dockerfile runs it in production mode, with no secret and no store at hand."""
    del project.variables["GLISECRETS_STORE"]
    project.variables |= BUILD
    project.extend("config/settings.py", 'STATICFILES_DIRS = [BASE_DIR / "assets"]\n')
    project.write("assets/site.css", "body {}\n")
    built = project.manage("collectstatic", "--noinput")
    assert built.returncode == 0, built.stderr
    assert (project.folder / "collected/site.css").exists()


def test_a_build_cannot_reach_a_database(project: Project) -> None:
    """Whatever the build runs, no host answers to the placeholder (RFC 2606, ``.invalid``)."""
    project.variables |= BUILD
    shown = project.python("-c", "from config.settings import DATABASES as d; print(d)")
    assert "glisecrets-build-placeholder.invalid" in shown.stdout, shown.stderr


@pytest.mark.parametrize("serving", ["manage.py", "wsgi"])
def test_placeholders_refuse_to_serve(project: Project, serving: str) -> None:
    """An image with GLISECRETS_BUILD left on stops at its start, not at its first query."""
    project.variables |= BUILD | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    if serving == "wsgi":
        wsgi = "from django.core.wsgi import get_wsgi_application as get; get()"
        started = project.python("-c", wsgi)
    else:
        started = project.manage("migrate")
    assert started.returncode != 0
    assert "placeholders are no settings to run with: GLISECRETS" in started.stderr
    assert "unset GLISECRETS_BUILD" in started.stderr


def test_placeholders_of_env_refuse_to_serve_too(project: Project) -> None:
    """A settings.py on ``Env`` names no settings object: its values are looked at."""
    project.write(
        "config/settings.py",
        "from glisecrets.django_integration import Env\n"
        "env = Env()\n"
        'SECRET_KEY = env("SECRET_KEY")\n'
        'DATABASES = {"default": env.db()}\n'
        'INSTALLED_APPS = ["glisecrets.django_integration"]\n',
    )
    project.variables |= BUILD
    assert project.manage("check").returncode == 0
    started = project.manage("migrate")
    assert "to run with: DATABASES, SECRET_KEY" in started.stderr


def test_a_build_may_know_real_values(project: Project) -> None:
    """What the build is given is used; production's rules wait for production."""
    project.variables |= BUILD | {"SECRET_KEY": secrets.token_hex(4), "DEBUG": "off"}
    assert project.manage("collectstatic", "--noinput", "--dry-run").returncode == 0


# At run time --------------------------------------------------------------------------------


def test_the_database_of_the_secret_answers(project: Project, postgres: RunningServer) -> None:
    """From the store's JSON to a query on a real PostgreSQL, with a password full of escapes."""
    role, password = f"api_{secrets.token_hex(4)}", f"{secrets.token_urlsafe(9)}$/@:?#%'\"\\ x"
    with psycopg.connect(postgres.url, autocommit=True) as admin:
        command = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        admin.execute(command.format(sql.Identifier(role), sql.Literal(password)))
    rds = {"engine": "postgres", "username": role, "password": password, "host": postgres.host}
    rds |= {"port": postgres.port, "dbname": postgres.database, "masterarn": "arn:aws:rds:…"}
    store = LocalStore(project.folder / "store")
    store.create("gli/db/production", json.dumps(rds))
    store.create("gli/django/production", json.dumps({"secret_key": secrets.token_urlsafe(50)}))
    local = f"local:{project.folder / 'store'}"
    project.variables |= {"GLISECRETS_STORE": local, "ALLOWED_HOSTS": "api.example.com"}
    query = (
        "from django.db import connection as c; k = c.cursor();"
        "k.execute('select current_user'); print(k.fetchone()); c.close()"
    )
    asked = project.manage("shell", "-c", query)
    assert role in asked.stdout, asked.stderr

    project.extend("config/settings.py", "DATABASES = settings.databases(pool=True)\n")
    project.variables["DATABASE_URL"] = (
        f"postgres://{role}:{quote(password, safe='')}@{postgres.host}:{postgres.port}"
        f"/{postgres.database}"
    )
    project.variables["GLISECRETS_STORE"] = "off"
    project.variables["SECRET_KEY"] = secrets.token_urlsafe(50)
    pooled = project.manage("shell", "-c", query + "; c.close_pool()")
    assert role in pooled.stdout, pooled.stderr
    with psycopg.connect(postgres.url, autocommit=True) as admin:
        admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def test_the_health_check_is_answered_without_tls(project: Project) -> None:
    """The load balancer asks by plain HTTP; all else is sent to HTTPS (section 5.2.6)."""
    project.serves()
    project.write(
        "config/urls.py",
        "from django.http import HttpResponse\nfrom django.urls import path\n"
        'urlpatterns = [path(p, lambda r: HttpResponse("ok")) for p in ("health/", "x/")]\n',
    )
    visits = (
        "import django; django.setup(); from django.test import Client\n"
        "c = Client(headers={'host': 'api.example.com'})\n"
        "print(c.get('/health/').status_code, c.get('/x/').status_code,"
        " c.get('/x/', headers={'x-forwarded-proto': 'https'}).status_code)\n"
    )
    project.variables["DJANGO_SETTINGS_MODULE"] = "config.settings"
    seen = project.python("-c", visits)
    assert seen.stdout.strip() == "200 301 200", seen.stderr


def test_log_lines_are_json_and_masked(project: Project) -> None:
    """One line a record, with extras and exceptions; no secret, in an object's text either."""
    project.serves(LOG_LEVEL="warn")
    project.write(
        "log.py",
        "import django; django.setup(); import logging\n"
        "from django.conf import settings\n"
        "key = settings.SECRET_KEY\n"
        "class Order:\n    def __str__(self): return 'order ' + key\n"
        "log = logging.getLogger('shop')\n"
        "log.info('unseen')\n"
        "log.warning('key %s', key, extra={'order': Order(), 'count': 2})\n"
        "try:\n    raise ValueError(key)\n"
        "except ValueError:\n    log.exception('failed')\n"
        "logging.getLogger('django.request').error('once')\n",
    )
    project.variables["DJANGO_SETTINGS_MODULE"] = "config.settings"
    logged = project.python("log.py")
    assert project.variables["SECRET_KEY"] not in logged.stderr
    lines = [json.loads(line) for line in logged.stderr.splitlines()]
    assert [line["level"] for line in lines] == ["warning", "error", "error"]
    warning, error, _ = lines
    assert warning["message"] == "key [redacted:secret_key]"
    assert (warning["order"], warning["count"]) == ("order [redacted:secret_key]", 2)
    assert warning["time"].endswith("+00:00")
    assert "ValueError: [redacted:secret_key]" in error["exception"]


@pytest.mark.parametrize(("level", "heard"), [("info", 1), ("error", 0)])
def test_a_library_says_nothing_of_the_credentials_it_found(
    project: Project, level: str, heard: int
) -> None:
    """No worker starts with a line of botocore's; its warnings come as everybody's do."""
    project.serves(LOG_LEVEL=level)
    project.variables["DJANGO_SETTINGS_MODULE"] = "config.settings"
    code = (
        "import django; django.setup(); import logging\n"
        "log = logging.getLogger('botocore.credentials')\n"
        "log.info('found'); log.warning('expired')\n"
    )
    logged = project.python("-c", code).stderr.splitlines()
    assert [json.loads(line)["message"] for line in logged] == ["expired"] * heard


# Checks -------------------------------------------------------------------------------------


def ids(done: subprocess.CompletedProcess[str]) -> set[str]:
    """Give the ids that ``manage.py check`` told."""
    return set(re.findall(r"\((\w+\.[EW]\d+)\)", done.stderr))


def test_a_good_service_has_nothing_to_mend(project: Project) -> None:
    """``check --deploy`` on three lines of settings: only HSTS's reach is left to decide."""
    project.serves()
    checked = project.manage("check", "--deploy")
    assert checked.returncode == 0
    assert ids(checked) == {"security.W005", "security.W021"}, checked.stderr


def test_what_could_leak_is_told(project: Project) -> None:
    """Files that others read, unmasked logs and pages, short secrets, databases in the clear."""
    project.serves(DATABASE_URL=f"postgres://api:{secrets.token_hex()}@db.internal/gli")
    project.extend("config/env.py", "    api_password: SecretStr\n")
    project.extend(
        "config/settings.py",
        'LOGGING["handlers"]["console"]["filters"] = []\n'
        'DEFAULT_EXCEPTION_REPORTER = "django.views.debug.ExceptionReporter"\n',
    )
    project.variables["API_PASSWORD"] = "abc"
    project.write(".env.production", f"OTHER={secrets.token_hex()}\n")
    (project.folder / ".env.production").chmod(0o644)
    subprocess.run(["git", "init", "-q"], cwd=project.folder, check=True)
    subprocess.run(["git", "add", "-f", ".env.production"], cwd=project.folder, check=True)
    checked = project.manage("check", "--deploy")
    found = {name for name in ids(checked) if name.startswith("glisecrets.")}
    assert found == {f"glisecrets.W00{number}" for number in (1, 2, 3, 4, 5, 7)}, checked.stderr
    for name in ("DATABASE_URL", "SECRET_KEY"):
        assert project.variables[name] not in checked.stderr


def test_a_leftover_local_database_is_told(project: Project) -> None:
    """A production that talks to its own machine's database was set up from a laptop's file."""
    project.serves(DATABASE_URL=f"postgres://api:{secrets.token_hex()}@localhost/gli")
    assert "glisecrets.W006" in ids(project.manage("check", "--deploy"))


def test_placeholders_are_an_error_of_the_deploy_check(project: Project) -> None:
    """A release pipeline that checks its image is told before the image is run."""
    project.variables |= BUILD
    checked = project.manage("check", "--deploy")
    assert checked.returncode != 0
    assert "glisecrets.E001" in ids(checked)


# manage.py glisecrets -----------------------------------------------------------------------


def test_the_command_line_knows_the_projects_class(project: Project) -> None:
    """``manage.py glisecrets show`` needs no ``--settings`` and takes every option as it is."""
    project.serves()
    shown = project.manage("glisecrets", "show", "--format", "json")
    assert shown.returncode == 0, shown.stderr
    assert "secret_key" in shown.stdout
    assert project.variables["SECRET_KEY"] not in shown.stdout


def test_the_command_passes_its_exit_code_on(project: Project) -> None:
    """Wrong use is 2 here as it is there; a shell script may rely on it."""
    project.serves()
    assert project.manage("glisecrets", "no-such-command").returncode == 2
    assert "Usage: manage.py glisecrets" in project.manage("glisecrets", "--help").stdout


def test_without_the_extra_its_name_is_told(project: Project) -> None:
    """Who installed glisecrets without Django is told what to install."""
    project.write("environ.py", 'raise ModuleNotFoundError("no", name="environ")\n')
    tried = project.python("-c", "from glisecrets.django_integration import DjangoSettings")
    assert "pip install 'glisecrets[django]'" in tried.stderr


def test_a_keyring_asks_for_no_app_of_simplejwt(project: Project) -> None:
    """The package may be there for another service, or as PyJWT's neighbour: nothing imports it."""
    now = datetime.now(UTC)
    keyring = RsaKeyring(RsaKeyring.new_key(now)).dumps()
    project.serves(JWT_KEYRING=keyring)
    started = project.manage("check")
    assert started.returncode == 0, started.stderr
