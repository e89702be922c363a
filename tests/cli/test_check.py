"""``glisecrets check``: what is wrong, found before it hurts."""

from __future__ import annotations

import json
import secrets
import subprocess
from typing import TYPE_CHECKING

import pytest

from glisecrets import Address

if TYPE_CHECKING:
    from .conftest import Project

IGNORED = ".env\n.env.*\n!.env.example\n.secrets/\n*.pem\n*.key\n"


def git(project: Project, *arguments: str) -> None:
    """Run git in the project."""
    subprocess.run(["git", *arguments], cwd=project.root, check=True, capture_output=True)


@pytest.fixture
def clean(project: Project) -> Project:
    """A project in which there is nothing to find."""
    project.write(".gitignore", IGNORED)
    for path in [project.root / ".secrets", *(project.root / ".secrets").iterdir()]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    (module,) = project.root.glob("settings_*.py")
    text = module.read_text("utf-8").replace("cache_address: str", "cache_address: SecretStr")
    module.write_text(text.replace(' = "redis://:in-the-code-1@cache:6379"', " = SecretStr('')"))
    git(project, "init", "-q")
    git(project, "add", ".")
    return project


def codes(project: Project, *arguments: str) -> dict[str, str | None]:
    """Give the codes of the errors and warnings that are found, with their fields."""
    findings = project.call("check", "--format", "json", *arguments).document["findings"]
    return {found["code"]: found["field"] for found in findings if found["severity"] != "info"}


def test_a_clean_project_is_fine(clean: Project) -> None:
    """Exit code 0, and a line that says what was looked at."""
    done = clean.call("check")
    assert (done.code, codes(clean)) == (0, {}), done.out
    assert "fine: 8 settings" in done.out


def test_faults_are_findings(clean: Project) -> None:
    """What a load would refuse, check finds."""
    clean.store.delete("gli/api/development")
    assert codes(clean) == {"settings.missing": "token"}
    assert clean.call("check").code == 1


def test_the_template_drifts_in_both_directions(clean: Project) -> None:
    """A field that it lacks, and a variable that no field declares."""
    template = clean.root / ".env.example"
    clean.write(".env.example", template.read_text("utf-8").replace("PORT=8000", "PROT=1"))
    clean.write(".env.development", "PORT=8000\n")
    assert codes(clean) == {"template.undeclared": "PROT", "template.missing": "port"}


def test_lines_that_tools_read_differently_are_found(clean: Project) -> None:
    """With file and line, in every .env file."""
    clean.write(".env.staging", "GREETING=hello\nGREETING=co$t\n")
    findings = clean.call("check", "--format", "json").document["findings"]
    assert {(found["code"], found["file"], found["line"]) for found in findings} == {
        ("dotenv.dollar", ".env.staging", 2),
        ("dotenv.duplicate", ".env.staging", 2),
    }


def test_a_secret_in_a_tracked_file_is_found(clean: Project) -> None:
    """The value of a loaded secret, by its field's name; and a file that belongs into no git."""
    clean.write("notes.txt", f"the token is\n{clean.values['token']}\n")
    clean.write(".env.staging", "")
    git(clean, "add", "-f", "notes.txt", ".env.staging")
    found = codes(clean)
    assert found["git.known-secret"] == "token"
    assert "git.tracked-secret-file" in found
    done = clean.call("check")
    assert clean.values["token"] not in done.out


def test_file_modes_are_found(clean: Project) -> None:
    """A key that others can read is no key."""
    clean.write(".env.development", "").chmod(0o644)
    (clean.root / ".secrets" / "key").chmod(0o640)
    done = clean.call("check")
    assert "chmod 600 .env.development" in done.out
    assert "error  .secrets/key  files.mode" in done.out


def test_a_secret_too_short_to_mask_is_found(clean: Project) -> None:
    """It stands in logs, and somebody should know."""
    clean.store.put("gli/api/development", json.dumps({"token": secrets.token_hex(2)}))
    assert codes(clean) == {"redaction.unmasked": "token"}


def test_a_key_that_an_optional_secret_lacks_is_found(clean: Project) -> None:
    """A default that wins because of a mistyped key would win in silence."""
    (module,) = clean.root.glob("settings_*.py")
    text = module.read_text("utf-8").replace("#token", "#tokn").replace('tokn")', 'tokn", "none")')
    clean.write("mistyped.py", text.replace("token: SecretStr", "token: SecretStr | None"))
    arguments = ["--settings", "mistyped:ApiSettings"]
    assert "settings.missing-key" in codes(clean, *arguments)
    done = clean.call("check", *arguments)
    assert "has no key 'tokn' (keys: token)" in done.out
    clean.store.delete("gli/api/development")  # without the secret, the default is meant
    assert "settings.missing-key" not in codes(clean, *arguments)


def test_a_secret_that_is_not_declared_is_found(project: Project) -> None:
    """A text field by the name of a password is masked nowhere else."""
    (module,) = project.root.glob("settings_*.py")
    text = module.read_text("utf-8").replace("greeting", "smtp_password")
    project.write("other.py", text)
    found = codes(project, "--settings", "other:ApiSettings")
    assert found["settings.undeclared-secret"] == "smtp_password"


def test_notes_do_not_fail(clean: Project) -> None:
    """An info is to know, not to mend: exit code 0."""
    template = (clean.root / ".env.example").read_text("utf-8").replace("GREETING=hello\n", "")
    clean.write(".env.example", template)
    done = clean.call("check")
    assert done.code == 0
    assert "info  .env.example  template.missing" in done.out


def test_a_store_that_fails_is_exit_code_3(clean: Project) -> None:
    """A red build because the store was down is told from a red build because of a fault."""
    (clean.root / ".secrets" / "store.db").write_bytes(b"not a database" * 1000)
    assert clean.call("check").code == 3


# --deploy -----------------------------------------------------------------------------------


@pytest.fixture
def deployed(clean: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The same project in staging, with all its values there."""
    monkeypatch.setenv("DJANGO_ENV", "staging")
    monkeypatch.setenv("GLISECRETS_STORE", "local")
    for name in ("api", "key", "db"):
        secret = clean.store.get(Address(f"gli/{name}/development"))
        clean.store.create(f"gli/{name}/staging", secret.value)
    for name, value in {"PORT": "80", "ALLOWED_HOSTS": "a.example", "DEBUG": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GREETING", "welcome")
    return clean


def test_deploy_wants_a_real_store(deployed: Project) -> None:
    """A store on one machine is none for a service; nothing else is found here."""
    assert codes(deployed) == {}
    assert codes(deployed, "--deploy") == {"deploy.local-store": None}


def test_deploy_finds_debug_mode(deployed: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a laptop may have and a service must not."""
    monkeypatch.setenv("DEBUG", "true")
    assert codes(deployed, "--deploy") == {"deploy.local-store": None, "deploy.debug": "debug"}


def test_a_value_that_only_the_example_has_is_told_and_no_finding(
    deployed: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The template is a layer that may give values; an operator still wants to see which."""
    monkeypatch.delenv("PORT")
    findings = deployed.call("check", "--deploy", "--format", "json").document["findings"]
    told = {item["field"]: item["severity"] for item in findings if "template" in item["code"]}
    assert told["port"] == "info"


def test_deploy_finds_secrets_in_files(deployed: Project) -> None:
    """A password in .env.staging is a password on a disk."""
    deployed.store.delete("gli/api/staging")
    deployed.write(".env.staging", f"TOKEN={secrets.token_urlsafe(20)}\n")
    assert codes(deployed, "--deploy")["deploy.secret-in-file"] == "token"


def test_deploy_does_not_judge_development(clean: Project) -> None:
    """Whoever forgot the environment is told so, and nothing else."""
    assert codes(clean, "--deploy") == {"deploy.environment": None}
