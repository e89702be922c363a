"""``glisecrets show`` and ``explain``: what is loaded, from where, and what is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Done, Project


def rows(done: Done) -> dict[str, list[str]]:
    """Give the words of each row by its first; of two that start alike the upper one."""
    lines = reversed(done.out.splitlines())
    return {words[0]: words[1:] for line in lines if (words := line.split())}


def test_every_setting_is_shown_with_its_origin_and_secrets_masked(project: Project) -> None:
    """One look tells where each value comes from."""
    done = project.call("show")
    assert done.code == 0
    shown = rows(done)
    assert shown["port"] == ["8000", "template", ".env.example:2"]
    assert shown["allowed_hosts"][-2:] == ["template", ".env.example:1"]
    assert shown["greeting"][0] == "hello"
    assert shown["token"][:3] == ["********", "store", "gli/api/development#token"]
    assert "AWSCURRENT" not in done.out  # what is usual needs no room


def test_a_table_fits_80_columns(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is cut or wrapped by the terminal."""
    monkeypatch.setenv("COLUMNS", "80")
    for arguments in (
        ["show"],
        ["explain", "token"],
        ["check"],
        ["show", "--environment", "staging"],
    ):
        done = project.call(*arguments)
        assert max(map(len, done.out.splitlines())) <= 80, done.out
        assert not any(line.endswith(" ") for line in done.out.splitlines())


def test_a_narrow_table_breaks_places_between_their_parts(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reference can be read and copied: no name and no version id is cut in two."""
    references = project.root / "references.py"
    (module,) = project.root.glob("settings_*.py")
    long = "gli/a-long-service/api-{environment}"
    references.write_text(module.read_text("utf-8").replace("gli/api/{environment}", long))
    secret = long.replace("{environment}", "development")
    written = project.store.create(secret, json.dumps({"token": project.values["token"]}))
    parts = ["gli/", "a-long-service/", "api-development", "#token"]
    for width in ("80", "62"):
        monkeypatch.setenv("COLUMNS", width)
        done = project.call("show", "--settings", "references:ApiSettings")
        assert f"version {written.version_id[:8]}\n" in done.out
        assert all(part in done.out for part in parts), done.out
        assert max(map(len, done.out.splitlines())) <= int(width)


def test_a_rule_that_is_broken_is_called_that(project: Project) -> None:
    """The word "rule" alone, in red, says nothing to whoever reads it first."""
    (module,) = project.root.glob("settings_*.py")
    text = module.read_text("utf-8").replace(
        "    greeting", "    greeting: str = 'hello'\n    other"
    )
    validator = (
        "    @field_validator('greeting')\n"
        "    def polite(cls, greeting):\n"
        "        raise ValueError('too short')\n"
    )
    text = text.replace("    token:", f"{validator}    token:")
    project.write("ruled.py", f"from pydantic import field_validator\n{text}")
    project.write(".env.development", "GREETING=hi\n")
    done = project.call("show", "--settings", "ruled:ApiSettings")
    assert "greeting  broken rule" in done.out
    assert rows(done)["greeting"][0] == "(fault)"


def test_in_a_pipe_a_row_is_one_line(project: Project) -> None:
    """With grep one sees the whole of a setting."""
    project.write(".env.development", f"GREETING={'long ' * 60}end\n")
    done = project.call("show")
    assert rows(done)["greeting"][-2:] == ["dotenv", ".env.development:1"]


def test_faults_are_told_and_give_exit_code_1(project: Project) -> None:
    """What is missing is named, with the layers looked at and the next step; the rest is shown."""
    project.store.delete("gli/api/development")
    project.write(".env.development", "PORT=eight\n")
    done = project.call("show")
    assert done.code == 1
    shown = rows(done)
    assert shown["port"] == ["(fault)", "dotenv", ".env.development:1"]
    assert shown["token"] == ["(fault)"]
    assert "port  mistyped" in done.out
    assert shown["allowed_hosts"][0] == '["localhost",'  # read, not the raw text
    assert "glisecrets store put 'gli/api/development#token'" in done.out
    assert "no variable TOKEN" in done.out


def test_a_store_that_fails_gives_exit_code_3_and_is_told_once(project: Project) -> None:
    """With the store down, the page holds one fault and not one for each secret."""
    (project.root / ".secrets" / "store.db").write_bytes(b"not a database" * 1000)
    done = project.call("show")
    assert done.code == 3
    assert "token, key, database  unavailable" in done.out


def test_a_wrong_store_is_wrong_configuration(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistyped GLISECRETS_STORE is exit code 2, not a finding about the values."""
    monkeypatch.setenv("GLISECRETS_STORE", "awss")
    assert project.call("show").code == 2


def test_an_unset_environment_is_told(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever forgot DJANGO_ENV reads why production is looked at."""
    monkeypatch.delenv("DJANGO_ENV")
    monkeypatch.setenv("GLISECRETS_STORE", "off")
    assert "production (DJANGO_ENV is not set)" in project.call("show").out


@pytest.mark.parametrize("name", ["token", "TOKEN", "Token"])
def test_explain_takes_a_field_or_a_variable(project: Project, name: str) -> None:
    """The name in the log and the name in the code both work."""
    done = project.call("explain", name)
    assert done.code == 0
    assert rows(done)["field"] == ["token"]


def test_explain_names_the_winner_and_what_it_shadows(project: Project) -> None:
    """Why a value is not the one that I wrote: a stronger layer has another."""
    project.write(".env.development", "PORT=9000\n")
    shown = rows(project.call("explain", "port"))
    assert shown["value"] == ["9000"]
    assert shown["dotenv"] == ["wins", ".env.development:1"]
    assert shown["template"] == ["shadowed", ".env.example:2"]
    assert shown["process"][:2] == ["no", "value"]


def test_explain_of_an_unknown_name_suggests_near_ones(project: Project) -> None:
    """A typo costs one more try, not a search."""
    done = project.call("explain", "tokn")
    assert done.code == 2
    assert "did you mean token?" in done.err


def test_the_environment_can_be_chosen_before_and_after_the_command(project: Project) -> None:
    """Options go where the hand puts them; the later one counts."""
    project.write(".env.staging", "PORT=7000\n")
    for arguments in (
        ["--environment", "staging", "--format", "json", "show"],
        ["show", "--environment", "staging", "--format=json"],
        ["--environment", "production", "show", "--environment", "stg", "--format", "json"],
    ):
        done = project.call(*arguments)
        fields = {field["field"]: field for field in done.document["fields"]}
        assert fields["port"]["value"] == 7000


def test_a_module_that_loads_its_settings_when_imported_is_fine(project: Project) -> None:
    """``settings = ApiSettings()`` in the same module neither fails nor hides a report."""
    project.store.delete("gli/db/development")
    done = project.call("show")
    assert done.code == 1
    assert rows(done)["database"] == ["(fault)"]


def test_a_directory_elsewhere_is_looked_at(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """--directory works from anywhere: pyproject.toml, .env files and modules are found there."""
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    below = project.root / "service"
    below.mkdir()
    assert project.call("show", "--directory", str(below)).code == 1  # its own .env files: none
    assert project.call("--directory", str(project.root), "show").code == 0


def test_a_secret_under_a_plain_type_is_masked(project: Project) -> None:
    """A forgotten SecretStr must not put a password on a shared screen."""
    name = json.loads(project.call("show", "--format", "json").out)["fields"][-1]
    assert name["value"] == "redis://:********@cache:6379"
    module = next(project.root.glob("settings_*.py"))
    other = project.write("other.py", module.read_text("utf-8") + "\n")
    other.write_text(other.read_text("utf-8").replace("greeting", "smtp_password"), "utf-8")
    done = project.call("show", "--settings", "other:ApiSettings")
    assert rows(done)["smtp_password"][0] == "********"
