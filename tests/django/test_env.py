"""What an existing ``settings.py`` gets by importing our ``Env`` in place of ``environ.Env``."""

from __future__ import annotations

import json
import os
import secrets
import traceback
import warnings
from pathlib import Path
from typing import Any

import environ
import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import example, given
from hypothesis import strategies as st

from glisecrets import process_redactor
from glisecrets.django_integration import Env
from glisecrets.errors import EnvironmentMismatch, GlisecretsError
from glisecrets.loading import LoadContext
from glisecrets.stores.local import LocalStore


def env_of(folder: Path, variables: dict[str, str], store: Any = "off", **options: Any) -> Env:
    """Make an ``Env`` of these surroundings alone."""
    return Env(context=LoadContext(environ=variables, directory=folder, store=store), **options)


# The same as the original -------------------------------------------------------------------

VARIABLES = {
    "TEXT": "some text",
    "EMPTY": "",
    "YES": "on",
    "NUMBER": "42",
    "RATIO": "1,234.5",
    "ITEMS": "a,b,c",
    "NUMBERS": "1,2,3",
    "PAIRS": "a=1,b=2",
    "CASTS": "a=1;b=2",
    "DOCUMENT": '{"a": [1, 2]}',
    "FOLDER": "/srv/media",
    "LINES": r"first\nsecond",
    "ADDRESS": "https://glibiz.com/path?query=1",
    "DATABASE_URL": "postgres://api:p%40ss@db.internal:5432/gli?sslmode=require",
    "CACHE_URL": "rediss://:p%2Fss@cache.internal:6379/1?timeout=60",
    "EMAIL_URL": "smtp+tls://user:pass@mail.internal:587",
    "SEARCH_URL": "elasticsearch://search.internal:9200/index",
    "CHANNELS_URL": "redis://cache.internal:6379/2",
}
CALLS = {
    "call": lambda env: env("TEXT"),
    "call, cast": lambda env: env("NUMBER", cast=int),
    "call, default": lambda env: env("ABSENT", default="d"),
    "call, default None": lambda env: env("EMPTY", default=None),
    "scheme": lambda env: (env("YES"), env("NUMBER"), env("ABSENT_WITH_DEFAULT")),
    "str": lambda env: env.str("LINES", multiline=True),
    "str, choices": lambda env: env.str("TEXT", choices=["some text"]),
    "empty": lambda env: env.str("EMPTY"),
    "bytes": lambda env: env.bytes("TEXT"),
    "bool": lambda env: (env.bool("YES"), env.bool("NUMBER"), env.bool("ABSENT", default=False)),
    "int": lambda env: (env.int("NUMBER"), env.int("ABSENT", 7)),
    "float": lambda env: env.float("RATIO"),
    "json": lambda env: env.json("DOCUMENT"),
    "list": lambda env: (env.list("ITEMS"), env.list("NUMBERS", cast=int)),
    "list, default": lambda env: env.list("ABSENT", default=[]),
    "tuple": lambda env: (env.tuple("ITEMS"), env.tuple("NUMBERS", cast=int)),
    "dict": lambda env: (env.dict("PAIRS"), env.dict("CASTS", cast={"value": int})),
    "url": lambda env: env.url("ADDRESS"),
    "path": lambda env: env.path("FOLDER"),
    "db": lambda env: (env.db(), env.db_url("DATABASE_URL"), env.db("X", default="sqlite:///x")),
    "db, engine": lambda env: env.db(engine="my.backend"),
    "cache": lambda env: (env.cache(), env.cache_url()),
    "email": lambda env: (env.email(), env.email_url()),
    "search": lambda env: env.search_url(),
    "channels": lambda env: (env.channels(), env.channels_url()),
    "in": lambda env: ("TEXT" in env, "ABSENT" in env),
}
SCHEME = {"YES": (bool, False), "NUMBER": int, "ABSENT_WITH_DEFAULT": (list, ["d"])}


@pytest.mark.parametrize("call", CALLS)
def test_every_method_gives_what_the_original_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """One changed import changes no setting: the original, asked the same, is the judge."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    ours = env_of(tmp_path, VARIABLES, **SCHEME)
    assert CALLS[call](ours) == CALLS[call](environ.Env(**SCHEME))


def test_every_public_method_of_the_original_is_compared_above() -> None:
    """A method that a newer django-environ adds is not passed through unseen."""
    public = {name for name in dir(environ.Env) if name.islower() and name[0] != "_"}
    configs = {name for name in public if name.endswith("_config")}
    assert public - configs - {"get_value", "parse_value", "read_env"} <= {
        *("str", "bytes", "bool", "int", "float", "json", "list", "tuple", "dict", "url", "path"),
        *("db", "db_url", "cache", "cache_url", "email", "email_url", "search_url"),
        *("channels", "channels_url"),
    }


def test_a_prefix_is_put_before_every_name(tmp_path: Path) -> None:
    """``env.prefix`` works, also for origins."""
    env = env_of(tmp_path, {"GLI_PORT": "8000"})
    env.prefix = "GLI_"
    assert env.int("PORT") == 8000
    assert env.origin("PORT").place == "variable GLI_PORT"


def test_read_env_still_reads_any_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project's own call of ``read_env``, before or after the first look-up, has its effect."""
    monkeypatch.setenv("DJANGO_ENV", "development")
    monkeypatch.setenv("GLISECRETS_STORE", "off")
    monkeypatch.delenv("FROM_FILE", raising=False)
    monkeypatch.setattr(environ.Env, "ENVIRON", os.environ)
    monkeypatch.chdir(tmp_path)
    env = Env()
    assert env("FROM_FILE", default=None) is None
    (tmp_path / "own.env").write_text("FROM_FILE=here\n")
    monkeypatch.setenv("FROM_FILE", "")
    env.read_env(tmp_path / "own.env", overwrite=True)
    assert env("FROM_FILE") == "here"


# Through the layers -------------------------------------------------------------------------


def test_values_come_from_every_layer_with_their_origin(tmp_path: Path) -> None:
    """Template, file, variable, store: the stronger wins, and ``origin`` tells which did."""
    (tmp_path / ".env.example").write_text("LOG_LEVEL=info\nPORT=8000\nAPI_KEY=from-template\n")
    (tmp_path / ".env.staging").write_text("# the port\nPORT=8001\n")
    store = LocalStore(tmp_path / "store")
    key = secrets.token_urlsafe()
    store.create("gli/mail/staging", json.dumps({"key": key}))
    variables = {"DJANGO_ENV": "staging", "API_KEY": secrets.token_hex(), "NAME": "gli"}
    references = {"API_KEY": "gli/mail/{environment}#key"}
    env = env_of(tmp_path, variables, store, references=references)
    assert (env("LOG_LEVEL"), env.int("PORT"), env("NAME"), env("API_KEY")) == (
        *("info", 8001, "gli"),
        key,
    )
    assert env.origin("LOG_LEVEL").layer == "template"
    assert env.origin("PORT").line == 2
    assert env.origin("NAME").variable == "NAME"
    assert env.origin("API_KEY").secret == "gli/mail/staging"
    assert env.origin("ABSENT").layer == "defaults"


def test_the_json_of_rds_is_a_database_too(tmp_path: Path) -> None:
    """What an ECS task definition that names the whole secret puts into DATABASE_URL."""
    password = secrets.token_urlsafe()
    value = {"username": "api", "password": password, "host": "db.internal", "dbname": "gli"}
    entry = env_of(tmp_path, {"DATABASE_URL": json.dumps(value)}).db()
    assert (entry["HOST"], entry["PASSWORD"]) == ("db.internal", password)


def test_references_may_stand_in_pyproject(tmp_path: Path) -> None:
    """So that settings.py itself changes by one import only."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.glisecrets.references]\nSECRET_KEY = "gli/django/{environment}#secret_key"\n'
    )
    store = LocalStore(tmp_path / "store")
    key = secrets.token_urlsafe(50)
    store.create("gli/django/production", json.dumps({"secret_key": key}))
    assert env_of(tmp_path, {}, store)("SECRET_KEY") == key


def test_the_template_gives_no_value_to_what_sounds_secret(tmp_path: Path) -> None:
    """A key that everybody can read in git must not become production's."""
    (tmp_path / ".env.example").write_text("SECRET_KEY=example-of-a-key\nPORT=1\n")
    env = env_of(tmp_path, {})
    assert env("PORT") == "1"
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY"):
        env("SECRET_KEY")


def test_the_guard_refuses_another_environments_secret(tmp_path: Path) -> None:
    """Staging does not read production's secret, whatever the reference says."""
    store = LocalStore(tmp_path / "store")
    store.create("gli/mail/production", json.dumps({"key": secrets.token_hex()}))
    references = {"API_KEY": "gli/mail/production#key"}
    env = env_of(tmp_path, {"DJANGO_ENV": "staging"}, store, references=references)
    with pytest.raises((ImproperlyConfigured, EnvironmentMismatch), match="belongs to production"):
        env("API_KEY")


def test_what_sounds_secret_is_treated_so(tmp_path: Path) -> None:
    """Without a declaration: masked in logs, no placeholder, no host of another environment."""
    key = secrets.token_urlsafe()
    url = f"postgres://api:{secrets.token_hex()}@gli-db-production.internal/gli"
    variables = {"DJANGO_ENV": "staging", "API_KEY": key, "DATABASE_URL": url}
    env = env_of(tmp_path, variables | {"JWT_PRIVATE_KEY": "<rsa-private-key>"})
    assert env("API_KEY") == key
    assert key not in process_redactor().redact(f"refused: {key}")
    with pytest.raises(ImproperlyConfigured, match="belongs to production"):
        env.db()
    with pytest.raises(ImproperlyConfigured, match="placeholder"):
        env("JWT_PRIVATE_KEY")


@given(st.text(st.sampled_from("$\\{}ab'\" "), min_size=1).filter(lambda text: text.strip()))
@example("$HOME")
@example(r"a\$b$")
def test_a_dollar_in_a_value_is_itself(text: str) -> None:
    """django-environ takes a value that begins with ``$`` for another variable's name."""
    assert env_of(Path("/"), {"DB_PASSWORD": text, "HOME": "wrong"})("DB_PASSWORD") == text


def test_interpolation_is_there_for_who_asks(tmp_path: Path) -> None:
    """The original's ``$NAME`` stays within reach."""
    variables = {"PRIMARY": "$OTHER", "OTHER": "value"}
    assert env_of(tmp_path, variables, interpolate=True)("PRIMARY") == "value"


# Errors -------------------------------------------------------------------------------------


def test_a_missing_variable_tells_the_layers_looked_at(tmp_path: Path) -> None:
    """Where it was looked for, and what to do: not only that it is not there."""
    (tmp_path / ".env.production").write_text("OTHER=1\n")
    env = env_of(tmp_path, {}, references={"API_KEY": "gli/mail/{environment}#key"})
    with pytest.raises(ImproperlyConfigured) as caught:
        env("API_KEY")
    told = str(caught.value)
    parts = [".env.production has no API_KEY", "no variable API_KEY", "gli/mail/production"]
    assert [part for part in parts if part not in told] == []


@pytest.mark.parametrize(
    ("method", "template"),
    [
        ("int", "{}"),
        ("json", "{{{}"),
        ("float", "1-{}-1"),
        ("dict", "{}"),
        ("db", "postgres://api:{}?x@db.internal/gli"),
        ("db", "{}"),
        ("db", '{{"password": "{}"}}'),
        ("db", "9a:{}"),
        ("cache", "{}://cache"),
        ("email", "{}://mail"),
        ("search_url", "{}://search"),
        ("channels", "{}://channels"),
        ("url", "https://[{}"),
    ],
)
def test_an_error_never_shows_the_value(tmp_path: Path, method: str, template: str) -> None:
    """A typo in a password must not put the rest of it into the log: text, chain and locals."""
    value = secrets.token_hex().replace("e", "x")
    env = env_of(tmp_path, {"THING": template.format(value)})
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with pytest.raises(ImproperlyConfigured) as caught:
            getattr(env, method)("THING")
    assert warned == []
    error, frames = caught.value, caught.value.__traceback__
    ours = frames.tb_next if frames else None  # without this test's own frame
    report = traceback.TracebackException(type(error), error, ours, capture_locals=True)
    assert "variable THING" in str(error)
    assert value[:8] not in "".join(report.format())
    assert error.__cause__ is error.__context__ is None


def test_choices_do_not_show_the_value(tmp_path: Path) -> None:
    """The original's message quotes it."""
    value = secrets.token_hex()
    with pytest.raises(ImproperlyConfigured) as caught:
        env_of(tmp_path, {"THING": value}).str("THING", choices=["a"])
    assert value not in str(caught.value)


def test_an_unreadable_file_is_told(tmp_path: Path) -> None:
    """An unclosed quote does not make variables vanish."""
    (tmp_path / ".env.production").write_text("A=1\nB='unclosed\n")
    with pytest.raises((ImproperlyConfigured, GlisecretsError), match=r"\.env\.production:2"):
        env_of(tmp_path, {})("B")


# The build phase ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda env: env("SECRET_KEY"),
        lambda env: env.bool("X"),
        lambda env: env.int("X"),
        lambda env: env.float("X"),
        lambda env: env.list("X"),
        lambda env: env.dict("X"),
        lambda env: env.json("X"),
        lambda env: env.db()["HOST"].endswith(".invalid") or 1 / 0,
        lambda env: env.cache()["LOCATION"],
        lambda env: env.email()["EMAIL_HOST"],
        lambda env: env.search_url()["URL"],
        lambda env: env.channels(),
        lambda env: env.path("X"),
        lambda env: env.url("X"),
    ],
)
def test_the_build_needs_no_variable(tmp_path: Path, call: Any) -> None:
    """``collectstatic`` in a Dockerfile imports settings.py without a single value."""
    assert call(env_of(tmp_path, {"GLISECRETS_BUILD": "1"})) is not None


def test_in_the_build_defaults_and_values_count_first(tmp_path: Path) -> None:
    """Placeholders stand in for what is missing, and for nothing else."""
    env = env_of(tmp_path, {"GLISECRETS_BUILD": "1", "PORT": "1"}, DEBUG=(bool, True))
    assert (env("PORT"), env("DEBUG"), env("X", default="d")) == ("1", True, "d")


def test_the_environment_can_be_given(tmp_path: Path) -> None:
    """Tools may read another environment's file than DJANGO_ENV's."""
    (tmp_path / ".env.staging").write_text("A=staging\n")
    context = LoadContext(environ={}, environment="staging", directory=tmp_path, store="off")
    assert Env(context=context)("A") == "staging"
