"""What `glisecrets init` finds in a project, and what it writes."""

from __future__ import annotations

import ast
import importlib.util
import secrets
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glisecrets.checks import (
    Use,
    lint_dotenv,
    merge_uses,
    render_settings,
    render_template,
    scan_project,
    scan_source,
)
from glisecrets.placeholders import is_placeholder
from glisecrets.secret_names import looks_secret

if TYPE_CHECKING:
    from pathlib import Path

    from glisecrets.checks.uses import Default


def found(code: str, imports: str = "import os") -> tuple[object, ...]:
    """Give what is known of the one variable that a piece of code reads."""
    (use,) = merge_uses(scan_source(f"{imports}\n{code}\n", "settings.py"))
    return (use.name, use.annotation, use.default, use.required)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ('os.environ["A"]', ("A", None, None, True)),
        ('os.environ.get("A")', ("A", None, None, False)),
        ('os.environ.get("A", "x")', ("A", None, "x", False)),
        ('os.getenv("A", default="x")', ("A", None, "x", False)),
        ('int(os.environ["A"])', ("A", "int", None, True)),
        ('int(os.getenv("A", "8000"))', ("A", "int", 8000, False)),
        ('float(os.getenv("A", "inf"))', ("A", "float", None, False)),
        ('os.getenv("A", "False") == "True"', ("A", "bool", False, False)),
        ('os.getenv("A", "1").lower() in ("1", "true")', ("A", "bool", True, False)),
        ('os.getenv("A") == "blue"', ("A", None, None, False)),
        ('os.environ["A"].split(",")', ("A", "list[str]", None, True)),
        ('os.getenv("A", "x, y").split(",")', ("A", "list[str]", ["x", "y"], False)),
        ('os.getenv("A", os.getcwd())', ("A", None, None, False)),
        ('os.getenv("A", "x") + os.environ["A"]', ("A", None, "x", True)),
    ],
)
def test_the_standard_library_s_reads_are_found(code: str, expected: tuple[object, ...]) -> None:
    """Name, type, default and need are told as far as the code tells."""
    assert found(code) == expected


@pytest.mark.parametrize(
    ("imports", "code"),
    [
        ("import os as system", 'system.environ["A"]'),
        ("from os import environ", 'environ["A"]'),
        ("from os import environ as e", 'e["A"]'),
        ("import environ\nenv = environ.Env()", 'env("A")'),
        ("from environ import Env\nsettings_env: Env = Env()", 'settings_env.str("A")'),
        ("from .base import env", 'env("A")'),
        ("from environs import env", 'env.str("A")'),
        ("from environs import Env\nenv = Env(eager=False)", 'env("A")'),
        ("from decouple import config as c", 'c("A")'),
        ("from decouple import AutoConfig\nconfig = AutoConfig(search_path='.')", 'config("A")'),
    ],
)
def test_imports_are_followed_under_any_name(imports: str, code: str) -> None:
    """What a module calls a thing does not matter, what it is does."""
    name, _, _, required = found(code, imports)
    assert (name, required) == ("A", True)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ('env("A", default="x")', ("A", None, "x", False)),
        ('env("A", int, 5)', ("A", "int", 5, False)),
        ('env("A", cast=bool)', ("A", "bool", None, True)),
        ('env("A", default=False)', ("A", "bool", False, False)),
        ('env("A", default=None)', ("A", None, None, False)),
        ('env.bool("A", False)', ("A", "bool", False, False)),
        ('env.int("A", default=5)', ("A", "int", 5, False)),
        ('env.list("A", default=["x"])', ("A", "list[str]", ["x"], False)),
        ('env.dict("A")', ("A", "dict[str, str]", None, True)),
        ('env.json("A")', ("A", "JsonValue", None, True)),
        ('env.path("A", default="/srv")', ("A", "Path", "/srv", False)),
        ("env.db()", ("DATABASE_URL", "str", None, True)),
        ('env.db("A", default="sqlite:///db")', ("A", "str", "sqlite:///db", False)),
        ("env.cache()", ("CACHE_URL", "str", None, True)),
    ],
)
def test_django_environ_s_reads_are_found(code: str, expected: tuple[object, ...]) -> None:
    """Casts, methods and URL helpers tell the type."""
    assert found(code, "import environ\nenv = environ.Env()") == expected


def test_a_scheme_s_types_and_defaults_are_used() -> None:
    """What ``Env(…)`` declares counts where the variable is read."""
    scheme = "import environ\nenv = environ.Env(A=(int, 5), B=bool)"
    uses = merge_uses(scan_source(f'{scheme}\nenv("A")\nenv("B")\n', "settings.py"))
    assert [(use.name, use.annotation, use.default, use.required) for use in uses] == [
        ("A", "int", 5, False),
        ("B", "bool", None, True),
    ]


def test_a_prefix_of_environs_is_part_of_the_name() -> None:
    """The name that is written is the name that is read."""
    code = 'with env.prefixed("GLI_"):\n    with env.prefixed("API_"):\n        env.int("PORT", 80)'
    assert found(code, "from environs import env") == ("GLI_API_PORT", "int", 80, False)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ('config("A", default="x")', ("A", None, "x", False)),
        ('config("A", cast=int, default="5")', ("A", "int", 5, False)),
        ('config("A", cast=Csv(), default="x,y")', ("A", "list[str]", ["x", "y"], False)),
        ('config("A", "x")', ("A", None, "x", False)),
    ],
)
def test_decouple_s_reads_are_found(code: str, expected: tuple[object, ...]) -> None:
    """``cast`` and ``default`` tell the type."""
    assert found(code, "from decouple import config, Csv") == expected


@pytest.mark.parametrize(
    "code",
    [
        'os.environ["A"] = "x"',
        'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "x")',
        'os.environ["DJANGO_ENV"]',
        'os.environ["GITHUB_SHA"]',
        "os.environ[name]",
        'os.getenv(f"{a}_B")',
        'env("A")',
        'mapping["A"]',
    ],
)
def test_what_is_no_setting_is_passed_over(code: str) -> None:
    """Writes, computed names and the platform's own variables are no settings."""
    assert scan_source(f"import os\n{code}\n", "settings.py") == []


@pytest.mark.parametrize(
    "name",
    [
        "SECRET_KEY",
        "DB_PASSWORD",
        "SENDGRID_API_KEY",
        "JWT_PRIVATE_KEY",
        "SENTRY_DSN",
        "API_TOKEN",
        "DATABASE_URL",
        "CELERY_BROKER_URL",
        "AWS_SECRET_ACCESS_KEY",
        "redis_password",
    ],
)
def test_a_secret_is_known_by_its_name(name: str) -> None:
    """The variables of the GLI guide that are secrets are taken for secrets."""
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "DEBUG",
        "JWT_PUBLIC_KEY",
        "CACHE_KEY",
        "TOKEN_URL",
        "PASSWORD_MIN_LENGTH",
        "FRONTEND_BASE_URL",
        "COMPASS",
        "SECRET_NAME",
        "MONKEY",
        "AWS_S3_REGION_NAME",
        "SECRETARY",
    ],
)
def test_what_only_sounds_like_a_secret_is_none(name: str) -> None:
    """A public key or a token's address needs no store."""
    assert not looks_secret(name)


def test_a_secret_s_default_is_never_taken_over() -> None:
    """A key or password in the old code reaches neither the template nor the class."""
    value = secrets.token_hex(8)
    source = f'import os\nos.getenv("SECRET_KEY", "{value}")\n'
    source += f'os.getenv("UPSTREAM", "https://user:{value}@host/")\n'
    uses = merge_uses(scan_source(source, "settings.py"))
    assert [use.secret for use in uses] == [True, True]
    assert value not in f"{uses}{render_template(uses)}{render_settings(uses, project='gli')}"


def test_a_project_is_scanned_file_by_file(tmp_path: Path) -> None:
    """Broken files and other people's code are passed over; the first place is told."""
    files = {
        "b.py": 'import os\nint(os.environ["A"])\n',
        "a/c.py": 'import os\n\nos.environ["A"]\n',
        "broken.py": "def (",
        "nul.py": "a\0b",
        "latin.py": "# \xe9",
        "site-packages/d.py": 'import os\nos.environ["D"]\n',
        ".hidden/d.py": 'import os\nos.environ["D"]\n',
        "my-env/d.py": 'import os\nos.environ["D"]\n',
        "my-env/pyvenv.cfg": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_bytes(text.encode("latin-1"))
    (use,) = scan_project(tmp_path)
    assert use == Use("A", "int", None, required=True, secret=False, file="a/c.py", line=3)


def test_two_uses_agree_on_what_is_stricter() -> None:
    """Required by one is required; secret to one is secret, and has no default."""
    first = Use("A", None, "5", required=False, secret=False, file="a.py", line=1)
    typed = Use("A", "int", None, required=True, secret=False, file="b.py", line=1)
    hidden = Use("A", None, None, required=False, secret=True, file="c.py", line=1)
    assert merge_uses([typed, first])[0].default == 5
    assert merge_uses([typed, first])[0].required
    assert merge_uses([first, hidden])[0].secret
    assert merge_uses([first, hidden])[0].default is None


NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,40}", fullmatch=True)
TEXTS = st.text(max_size=90)


def use_of(name: str, typed: tuple[str | None, Default], required: bool, secret: bool) -> Use:
    """Make a use as the scan makes them."""
    annotation, default = typed
    kept = None if required or secret else default
    return Use(name, annotation, kept, required=required, secret=secret, file="a b/c.py", line=1)


TYPED = st.one_of(
    st.tuples(st.none(), st.none() | TEXTS),
    st.tuples(st.just("bool"), st.none() | st.booleans()),
    st.tuples(st.just("int"), st.none() | st.integers()),
    st.tuples(st.just("float"), st.none() | st.floats(allow_nan=False, allow_infinity=False)),
    st.tuples(st.just("list[str]"), st.none() | st.lists(TEXTS, max_size=4)),
    st.tuples(st.sampled_from(["dict[str, str]", "JsonValue"]), st.none()),
    st.tuples(st.just("Path"), st.none() | TEXTS),
)
USES = st.lists(st.builds(use_of, NAMES, TYPED, st.booleans(), st.booleans()), max_size=12)


@given(USES)
def test_the_template_is_clean_and_names_every_variable(uses: list[Use]) -> None:
    """What init writes passes check: no line that tools read differently, and no secret."""
    uses = merge_uses(uses)
    text = render_template(uses)
    assert lint_dotenv(text.encode(), file=".env.example", template=True) == []
    given_values = dict(
        line.split("=", 1) for line in text.split("\n") if line[:1] not in {"", "#"}
    )
    assert given_values.keys() == {use.name for use in uses}
    for placeholder in (given_values[use.name] for use in uses if use.secret):
        assert placeholder.startswith("<")
        assert is_placeholder(placeholder)


@given(USES)
def test_the_settings_module_is_python_with_the_same_defaults(uses: list[Use]) -> None:
    """The class holds each default as it was, and the same uses give the same text."""
    uses = merge_uses(uses)
    text = render_settings(uses, project="GLI API", django=False)
    assert text == render_settings(list(reversed(uses)), project="GLI API", django=False)
    (body,) = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    fields = {it.target.id: it for it in body.body if isinstance(it, ast.AnnAssign)}  # type: ignore[union-attr]
    for use in uses:
        node = fields.get(use.name.lower())
        if node is None:
            assert f"# {use.name} is no name for a field" in text
        elif use.required:
            assert node.value is None or use.secret
        elif use.default is not None:
            value = node.value.args[0] if isinstance(node.value, ast.Call) else node.value
            assert value is not None
            assert ast.literal_eval(value) == use.default


def test_the_settings_module_is_as_ruff_format_leaves_it(tmp_path: Path) -> None:
    """A project's own lint has nothing to say about the new file, long lines included."""
    long = "x" * 70
    uses = [
        use_of("SECRET_KEY", (None, None), True, True),
        use_of("SENTRY_DSN", (None, None), False, True),
        use_of("VERY_LONG_NAME_OF_A_SERVICE_API_KEY", (None, None), False, True),
        use_of("PARTNER_" + "LONG_" * 8 + "TOKEN", (None, None), True, True),
        use_of("TITLE", (None, 'it\'s "x"'), False, False),
        use_of("TITLE_B", (None, f"{long}1"), False, False),
        use_of("TITLE_C", (None, long + long), False, False),
        use_of("HOSTS", ("list[str]", [long, "b"]), False, False),
        use_of("NOTHING", ("list[str]", None), False, False),
        use_of("FLAGS", ("JsonValue", None), True, False),
        use_of("ROOT", ("Path", long), False, False),
        use_of("RATE", ("float", 1e22), False, False),
        use_of("LAMBDA", ("int", None), True, False),
    ]
    if importlib.util.find_spec("ruff") is None:
        pytest.skip("ruff is not installed")
    path = tmp_path / "settings.py"
    for django in (True, False):
        path.write_text(render_settings(uses, project="gli", django=django), encoding="utf-8")
        for command in (["format", "--check"], ["check", "--select", "E4,E7,E9,F,I"]):
            done = subprocess.run(
                [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", str(path)],
                check=False, capture_output=True, text=True, cwd=tmp_path,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout


def test_related_secrets_are_keys_of_one_secret() -> None:
    """What rotates together is stored together; a vague or environment's word names no secret."""
    names = ["DB_PASSWORD", "DB_USER_TOKEN", "SECRET_KEY", "PROD_TOKEN", "TOKEN"]
    uses = [use_of(name, (None, None), True, True) for name in names]
    text = render_settings(uses, project="GLI API")
    assert 'db_password: SecretStr = secret("gli-api/db/{environment}#password")' in text
    assert 'secret("gli-api/db/{environment}#user_token")' in text
    assert 'secret("gli-api/app/{environment}#secret_key")' in text
    assert 'secret("gli-api/app/{environment}#prod_token")' in text
    assert 'secret("gli-api/app/{environment}#token")' in text


def test_fields_of_the_base_class_are_left_out() -> None:
    """DjangoSettings declares the catalogue already; the class adds what is the project's own."""
    uses = [use_of(name, (None, None), True, False) for name in ("ALLOWED_HOSTS", "COLOUR")]
    text = render_settings(uses, project="gli", inherited={"allowed_hosts"})
    assert "allowed_hosts" not in text
    assert "    colour: str\n" in text


def test_a_rendered_module_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new settings class builds as it stands, from the variables it names."""
    pytest.importorskip("glisecrets.settings")
    uses = [
        use_of("COLOUR", (None, "red"), False, False),
        use_of("PORT", ("int", None), True, False),
        use_of("PARTNER_TOKEN", (None, None), True, True),
    ]
    path = tmp_path / "rendered_settings.py"
    path.write_text(render_settings(uses, project="gli", django=False), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    value = secrets.token_hex(8)
    for name, text in {"DJANGO_ENV": "development", "PORT": "8000", "PARTNER_TOKEN": value}.items():
        monkeypatch.setenv(name, text)
    specification = importlib.util.spec_from_file_location("rendered_settings", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, "rendered_settings", module)
    specification.loader.exec_module(module)
    settings = module.ProjectSettings()
    assert (settings.colour, settings.port) == ("red", 8000)
    assert settings.partner_token.get_secret_value() == value
