"""The dialect lint and the template's drift."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AliasChoices, Field, SecretStr

from glisecrets import Settings
from glisecrets.checks import Finding, lint_dotenv, template_drift
from glisecrets.placeholders import is_placeholder

CHECKS = Path(__file__).parents[2] / "glisecrets" / "checks"
DOCS = Path(__file__).parents[2] / "docs" / "checks.md"


def lint(text: str) -> list[Finding]:
    """Lint a text as .env.staging."""
    return lint_dotenv(text.encode(), file=".env.staging")


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("A=pa$$wd", "dotenv.dollar", "docker compose reads another value, dotenvx cuts it short"),
        ("A=$B", "dotenv.dollar", "django-environ reads another variable instead"),
        ("A=x${B}", "dotenv.dollar", "python-dotenv with interpolation cuts it short"),
        ("A='x${B}'", "dotenv.dollar", "python-dotenv with interpolation"),
        ("A=x${}", "dotenv.dollar", "docker compose refuses the whole file"),
        ("A=$(id)", "dotenv.command", "dotenvx runs the command"),
        ("A = b", "dotenv.spaces", "django-environ loses the variable"),
        ("A= b", "dotenv.spaces", "django-environ reads more than the value"),
        ("A=b ", "dotenv.spaces", "django-environ"),
        ("export  A=b", "dotenv.export", "django-environ loses the variable"),
        ("A=b # c", "dotenv.comment", "django-environ reads more than the value"),
        ("A=b#c", "dotenv.comment", "dotenvx cuts it short"),
        ('A="b\\nc"', "dotenv.escape", "django-environ reads another value"),
        ("A=`b`", "dotenv.quotes", "dotenvx"),
        ("A='b\\\\c'", "dotenv.escape", "docker compose"),
        ('A="b\nc"', "dotenv.multi-line", "django-environ"),
        ("\ufeffA=b", "dotenv.bom", "django-environ loses the variable"),
        ("A.B=c", "dotenv.name", "django-environ loses the variable"),
        ("A", "dotenv.bare-name", "docker compose takes it from its own environment"),
        ("A=", "dotenv.empty", "no value to glisecrets"),
        ("A='b", "dotenv.unclosed-quote", "has no end"),
        ("=b", "dotenv.not-an-assignment", "no assignment"),
        ("A=b\0", "dotenv.nul", "NUL"),
    ],
)
def test_a_line_that_tools_read_differently_is_told(text: str, code: str, says: str) -> None:
    """The finding names the file, the line, the tools and what they do."""
    found = [finding for finding in lint(f"# first\n\n{text}\n") if finding.code == code]
    if code == "dotenv.bom":
        found = [finding for finding in lint(text) if finding.code == code]
    assert [finding.file for finding in found] == [".env.staging"]
    assert [finding.line for finding in found] == ([1] if code == "dotenv.bom" else [3])
    assert says in found[0].message


@pytest.mark.parametrize(
    "text",
    [
        "A=b", "export A=b", 'A="b c"', "A='b c'", 'A="b # c"', "A=https://u@h/p?q=1", "# A = b",
        "A=b\r\nC=d\r\n", "\n\n", "", "A=a=b==", "A=1,2,3", "A=한글",
    ],
)  # fmt: skip
def test_a_line_that_all_tools_read_alike_is_not_told(text: str) -> None:
    """The lint is worth reading: it is silent about good lines."""
    assert lint(text) == []


def test_a_command_is_an_error_and_a_difference_is_a_warning() -> None:
    """What runs code stands out from what reads oddly."""
    severities = {finding.code: finding.severity for finding in lint("A=$(id)\nB=p$c\n")}
    assert severities == {"dotenv.command": "error", "dotenv.dollar": "warning"}


def test_a_repeated_variable_is_told_with_its_first_line() -> None:
    """Of two values the last one counts, and the reader can find both."""
    (finding,) = lint("A=b\nC=d\nA=e\n")
    assert (finding.code, finding.line) == ("dotenv.duplicate", 3)
    assert "first in line 1" in finding.message


def test_a_file_that_is_no_text_is_told_with_the_line() -> None:
    """A file in another encoding gives one finding, and no traceback."""
    (finding,) = lint_dotenv(b"A=b\nC=\xff\n", file=".env")
    assert (finding.code, finding.severity, finding.line) == ("dotenv.not-utf8", "error", 2)


def test_an_empty_value_is_a_placeholder_in_a_template() -> None:
    """A template is made of empty values: none of them is worth a word."""
    assert lint_dotenv(b"A=\n", file=".env.example", template=True) == []


@given(st.lists(st.sampled_from("AKz9+/= \"'\\\n#$(){}`"), max_size=12).map("".join))
def test_no_finding_shows_a_value(noise: str) -> None:
    """Findings end up in CI logs: no value stands in one, and no stray line of a key."""
    value = f"Qz{secrets.token_hex(8)}xW"
    text = f'A={value}{noise}\n{value}{noise}\n"{value}\n{value}=\n'
    shown = "".join(f"{finding}{finding!r}" for finding in lint(text))
    assert value not in shown


@pytest.mark.parametrize("text", [None, "", "  ", "<api-key>", " <x> ", "changeme", "ChangeMe"])
def test_a_placeholder_is_no_value(text: str | None) -> None:
    """What a template leaves open is known for it, in any case."""
    assert is_placeholder(text)


@pytest.mark.parametrize("text", ["x", "<a>b", "changeme1", "<a><b>", "0", "false", "None", "xxx"])
def test_anything_else_is_a_value(text: str) -> None:
    """No real value ever vanishes because it looks invented."""
    assert not is_placeholder(text)


class Declared(Settings):
    secret_key: SecretStr
    database_url: SecretStr = Field(validation_alias=AliasChoices("DATABASE_URL", "DB_URL"))
    debug: bool = False


FIELDS = Declared.field_plans()


def drift(template: str) -> list[tuple[str, str, int | None, str | None]]:
    """Give code, severity, line and field of each finding for a template."""
    found = template_drift(FIELDS, template.encode(), file=".env.example")
    return [(finding.code, finding.severity, finding.line, finding.field) for finding in found]


def test_a_template_that_matches_the_declaration_has_no_drift() -> None:
    """Any of a field's variables counts, in any case, and control variables need no field."""
    template = "DJANGO_ENV=staging\nGLISECRETS_STORE=off\nsecret_key=<x>\nDB_URL=\nDEBUG=1\n"
    assert drift(template) == []


def test_a_field_that_the_template_lacks_is_told() -> None:
    """A newcomer who copies the template learns of every field; the required ones weigh more."""
    assert drift("DB_URL=\n") == [
        ("template.missing", "info", None, "debug"),
        ("template.missing", "warning", None, "secret_key"),
    ]


def test_a_variable_that_no_field_declares_is_told_with_a_near_name() -> None:
    """A misspelt name in the template is found, and the right one offered."""
    template = b"SECRET_KEY=\nDATABSE_URL=\nDB_URL=\nDEBUG=\n"
    (finding,) = template_drift(FIELDS, template, file=".env.example")
    assert (finding.code, finding.line) == ("template.undeclared", 2)
    assert finding.next_step == "is it DATABASE_URL?"


def test_a_secret_with_a_value_in_the_template_is_an_error() -> None:
    """The template is in git: a secret in it is told at its line, also one overridden below."""
    value = secrets.token_hex(8)
    template = f"SECRET_KEY={value}\nDB_URL=changeme\nDEBUG=\nSECRET_KEY=\n"
    assert drift(template) == [("template.secret-value", "error", 1, "secret_key")]
    found = template_drift(FIELDS, template.encode(), file=".env.example")
    assert value not in f"{found}{found[0]}"


def test_a_template_that_is_no_text_is_the_lint_s_matter() -> None:
    """One fault gives one finding."""
    assert template_drift(FIELDS, b"\xff", file=".env.example") == []


@pytest.mark.skipif(not DOCS.exists(), reason="reads the source tree, which is not here")
def test_every_code_is_documented() -> None:
    """A code in a CI log can be looked up in docs/checks.md, which lists no other."""
    source = "".join(path.read_text("utf-8") for path in CHECKS.glob("*.py"))
    emitted = set(re.findall(r'"((?:dotenv|template|git|files)\.[a-z0-9-]+)"', source))
    documented = set(re.findall(r"^\| `([a-z0-9.-]+)` \|", DOCS.read_text("utf-8"), re.MULTILINE))
    assert emitted == documented
