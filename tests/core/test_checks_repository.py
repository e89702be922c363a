"""What git tracks and should not, in real repositories."""

from __future__ import annotations

import os
import secrets
import string
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from glisecrets.checks import Finding, check_file_modes, check_repository
from glisecrets.checks.credentials import credentials_in
from glisecrets.checks.repository import MAX_SCANNED_BYTES

GUIDE_LINES = ".env\n.env.*\n!.env.example\n.secrets/\n*.pem\n*.key\n"
Track = Callable[..., Path]


def random_text(length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    """Make a text of a credential's alphabet: none stands in this file."""
    return "".join(secrets.choice(alphabet) for _ in range(length))


def git(directory: Path, *arguments: str) -> None:
    """Run git without the user's own configuration."""
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "-C", str(directory), *arguments]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **quiet})


@pytest.fixture
def track(tmp_path: Path) -> Track:
    """Make a repository with the guide's .gitignore; add files to it by force."""
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text(GUIDE_LINES)

    def add(name: str, content: str | bytes = "") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        git(tmp_path, "add", "--force", name)
        return tmp_path

    return add


def told(found: list[Finding]) -> list[tuple[str, str, str | None, int | None]]:
    """Give code, severity, file and line of each finding."""
    return [(finding.code, finding.severity, finding.file, finding.line) for finding in found]


def test_a_repository_as_the_guide_wants_it_has_no_findings(track: Track) -> None:
    """Ordinary files, the template and even an odd file name are fine."""
    track(".env.example", "SECRET_KEY=<secret-key>\n")
    assert check_repository(track("app/naïve\nname.py", "print('hello')\n")) == []


@pytest.mark.parametrize(
    "name", [".env", ".env.production", "api/.env.staging", ".secrets/store.db", "a/.secrets/key"]
)
def test_a_tracked_secret_file_is_an_error(track: Track, name: str) -> None:
    """A file that should never have been committed is named, wherever it is."""
    root = track(name, "A=b\n")
    assert told(check_repository(root)) == [("git.tracked-secret-file", "error", name, None)]


def test_a_tracked_certificate_weighs_less_than_a_private_key(track: Track) -> None:
    """A public certificate has a private key's ending, and is no leak."""
    track("ca.pem", "-----BEGIN CERTIFICATE-----\n")
    root = track("jwt.key", "-----BEGIN PRIVATE KEY-----\n")
    assert told(check_repository(root)) == [
        ("git.tracked-secret-file", "warning", "ca.pem", None),
        ("git.tracked-secret-file", "error", "jwt.key", None),
    ]


def test_a_lacking_line_of_gitignore_is_told(track: Track) -> None:
    """The next .env would be committed: the line to add is in the finding."""
    root = track("README.md")
    (root / ".gitignore").write_text(
        GUIDE_LINES.replace("*.pem\n", "").replace("!.env.example\n", "")
    )
    found = check_repository(root)
    assert [finding.code for finding in found] == ["git.not-ignored", "git.template-ignored"]
    assert "the line *.pem" in found[0].next_step
    assert "the line !.env.example" in found[1].next_step


def test_any_way_to_ignore_counts_but_not_a_user_s_own(
    track: Track, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules written another way are fine; those of one laptop protect no other clone."""
    root = track("README.md")
    (root / ".gitignore").write_text("/.env*\n!.env.example\n**/.secrets\n*.p?m\n*.key\n")
    assert check_repository(root) == []
    home = tmp_path_factory.mktemp("home")
    (home / "ignore").write_text(GUIDE_LINES)
    (home / "config").write_text(f"[core]\n\texcludesFile = {home / 'ignore'}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / "config"))
    (root / ".gitignore").write_text("")
    assert [finding.code for finding in check_repository(root)] == ["git.not-ignored"] * 5


def test_a_known_secret_in_a_tracked_file_is_told_by_name_and_line(track: Track) -> None:
    """The leak is found by the value, told by the name, and the value is not shown."""
    value = random_text(24)
    root = track("docs/run.md", f"# Run\n\n    login {value}\n")

    def finds(text: str) -> list[str]:
        return ["db_password"] if value in text else []

    (finding,) = check_repository(root, finds)
    assert told([finding]) == [("git.known-secret", "error", "docs/run.md", 3)]
    assert finding.field == "db_password"
    assert value not in f"{finding}{finding!r}"


BASE32 = string.ascii_uppercase + "234567"
CREDENTIALS = {
    "AWS access key id": lambda: f"AKIA{random_text(16, BASE32)}",
    "AWS secret access key": lambda: f'AWS_SECRET_ACCESS_KEY="{random_text(40)}"',
    "private key": lambda: f"-----BEGIN RSA PRIVATE KEY-----\n{random_text(64)}\n",
    "GitHub token": lambda: f"ghp_{random_text(36)}",
    "GitLab token": lambda: f"glpat-{random_text(20)}",
    "SendGrid API key": lambda: f"SG.{random_text(22)}.{random_text(43)}",
    "Slack token": lambda: f"xoxb-{random_text(11, string.digits)}-{random_text(24)}",
    "Slack webhook": lambda: (
        f"https://hooks.slack.com/services/T{random_text(8)}/B{random_text(8)}/{random_text(24)}"
    ),
    "Stripe live key": lambda: f"sk_live_{random_text(24)}",
    "OpenAI key": lambda: f"sk-proj-{random_text(24)}T3BlbkFJ{random_text(24)}",
    "npm token": lambda: f"npm_{random_text(36)}",
    "PyPI token": lambda: f"pypi-AgEIcHlwaS5vcmc{random_text(80)}",
    "Vault token": lambda: f"hvs.{random_text(30)}",
}


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_a_well_known_credential_is_told(track: Track, kind: str) -> None:
    """A token pasted into code is found without knowing it, and is not shown."""
    credential = CREDENTIALS[kind]()
    root = track("settings.py", f"# settings\nVALUE = '''{credential}'''\n")
    (finding,) = check_repository(root)
    assert told([finding]) == [("git.credential", "error", "settings.py", 2)]
    assert kind in finding.message
    assert credential not in f"{finding}{finding!r}"


OTHER_SCANNER = """
import sys
from detect_secrets.core.scan import scan_line
from detect_secrets.settings import default_settings

with default_settings():
    print(*(bool(list(scan_line(line))) for line in sys.stdin.read().splitlines()))
"""


def test_detect_secrets_agrees() -> None:
    """The table is no invention: another tool takes the same texts for credentials."""
    pytest.importorskip("detect_secrets.__version__")
    kinds = sorted(CREDENTIALS.keys() - {"Vault token", "AWS secret access key"})
    lines = [f'value = "{CREDENTIALS[kind]()}"'.replace("\n", "") for kind in kinds]
    # In a process of its own: importing it takes over the root logger.
    command = [sys.executable, "-c", OTHER_SCANNER]
    done = subprocess.run(
        command, input="\n".join(lines), capture_output=True, text=True, check=True
    )
    assert dict(zip(kinds, done.stdout.split(), strict=True)) == dict.fromkeys(kinds, "True")


@pytest.mark.parametrize(
    "text",
    [
        "AKIA" + "IOSFODNN7EXAMPLE",
        "aws_secret_access_key = " + "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "-----BEGIN RSA PRIVATE KEY-----",
        "JWT_PRIVATE_KEY=-----BEGIN PRIVATE KEY-----\n<key>\n",
        "SENDGRID_API_KEY=SG.xxxxx",
        "sk_test_" + "a" * 24,
        "sha256 " + "0" * 64,
    ],
)
def test_examples_and_placeholders_are_no_credentials(text: str) -> None:
    """The documentation's own examples interrupt nobody."""
    assert list(credentials_in(text)) == []


def test_a_line_that_is_allowed_is_left_alone() -> None:
    """A test's fake key is marked once, where it stands, as detect-secrets has it."""
    text = f"A = 'ghp_{random_text(36)}'  # pragma: allowlist secret\nB = 'ghp_{random_text(36)}'\n"
    assert list(credentials_in(text)) == [("GitHub token", 2)]


def test_binary_files_links_and_missing_files_are_passed_over(track: Track, tmp_path: Path) -> None:
    """What is no text has no lines; a link is never followed out of the repository."""
    token = f"ghp_{random_text(36)}"
    track("logo.png", b"\x89PNG\0" + token.encode())
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.write_text(token)
    (tmp_path / "link").symlink_to(outside)
    git(tmp_path, "add", "link")
    root = track("gone.txt", token)
    (root / "gone.txt").unlink()
    assert check_repository(root) == []


def test_a_huge_file_is_searched_at_its_start_and_said_so(track: Track) -> None:
    """A dump in git slows nothing down, and what was not searched is not passed over in silence."""
    head = f"ghp_{random_text(36)}\n"
    root = track("dump.sql", head + "x\n" * (MAX_SCANNED_BYTES // 2) + f"ghp_{random_text(36)}\n")
    assert told(check_repository(root)) == [
        ("git.partly-checked", "info", "dump.sql", None),
        ("git.credential", "error", "dump.sql", 1),
    ]


def test_outside_a_repository_the_check_says_that_it_did_nothing(tmp_path: Path) -> None:
    """A check that could not run never looks like one that found nothing."""
    assert told(check_repository(tmp_path)) == [("git.not-checked", "info", None, None)]


def test_without_git_the_check_says_so(
    track: Track, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a slim container there is no git: one remark, no traceback."""
    root = track("README.md")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    (finding,) = check_repository(root)
    assert finding.code == "git.not-checked"
    assert "no git command" in finding.message


@pytest.mark.parametrize(
    ("name", "mode", "severity"),
    [
        (".env", 0o644, "warning"),
        (".env.production", 0o640, "warning"),
        (".secrets/store.db", 0o604, "warning"),
        (".secrets/key", 0o644, "error"),
    ],
)
def test_a_secret_file_that_others_can_use_is_told(
    tmp_path: Path, name: str, mode: int, severity: str
) -> None:
    """The mode is shown, and the command that mends it; then there is nothing to tell."""
    (tmp_path / ".secrets").mkdir(mode=0o700)
    path = tmp_path / name
    path.write_text("")
    path.chmod(mode)
    (finding,) = check_file_modes(tmp_path)
    assert (finding.code, finding.severity) == ("files.mode", severity)
    assert f"{mode:04o}" in finding.message
    assert finding.next_step == f"chmod 600 {name}"
    path.chmod(0o600)
    assert check_file_modes(tmp_path) == []


def test_a_secrets_folder_that_others_can_enter_is_told(tmp_path: Path) -> None:
    """The folder of the local store is the owner's alone; the template is everybody's."""
    (tmp_path / ".secrets").mkdir()
    (tmp_path / ".secrets").chmod(0o755)
    (tmp_path / ".env.example").write_text("")
    (tmp_path / ".env.example").chmod(0o644)
    (finding,) = check_file_modes(tmp_path)
    assert finding.next_step == "chmod 700 .secrets"
