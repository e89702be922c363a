"""What git tracks and should not, what it would take, and who can read the files it ignores.

The lines that ``.gitignore`` needs are those of the GLI guide, section 6.6.1. git itself is asked
what it ignores, so any way of writing them counts.
"""

from __future__ import annotations

import os
import stat
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from .credentials import credentials_in
from .finding import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .finding import Severity

#: How much of each tracked file is read.
MAX_SCANNED_BYTES = 1 << 20

#: The lines of section 6.6.1, each with a path that it must ignore.
_IGNORE_LINES = {
    ".env": ".env",
    ".env.*": ".env.production",
    ".secrets/": ".secrets/key",
    "*.pem": "jwt-private.pem",
    "*.key": "jwt.key",
}
_TEMPLATE = ".env.example"


class _NotInGit(Exception):
    """git is not installed, or the directory is in no repository."""


def check_repository(
    directory: Path, finds: Callable[[str], Iterable[str]] = lambda _: ()
) -> list[Finding]:
    """Check what git tracks below a directory, and what it ignores.

    Args:
        directory: where to start; files above it are not looked at.
        finds: gives the names of the known secrets that a text holds.

    Returns:
        The findings, by file and line. Without git or a repository, the one that says so.
    """
    try:
        tracked = _git(directory, "ls-files", "-z")
        ignoring = list(_ignore_rules(directory))
    except _NotInGit as error:
        return [_unchecked(str(error))]
    found = [finding for name in tracked for finding in _tracked(directory, name, finds)]
    return [*ignoring, *sorted(found, key=lambda it: (it.file or "", it.line or 0, it.code))]


def _unchecked(reason: str) -> Finding:
    return Finding(
        code="git.not-checked",
        severity="info",
        message=f"files in git were not checked: {reason}",
        next_step="run this where git is installed, inside the repository",
    )


def _git(directory: Path, *arguments: str, paths: Iterable[str] = ()) -> list[str]:
    # A user's own global ignore file protects nobody else's clone.
    command = ["git", "-c", "core.excludesFile=", "-C", str(directory), *arguments]
    try:
        done = subprocess.run(
            command, input="\0".join(paths).encode(), capture_output=True, check=False
        )
    except OSError:
        raise _NotInGit("there is no git command") from None
    # check-ignore answers 1 when it ignores none of the paths.
    if done.returncode not in {0, 1}:
        raise _NotInGit("git reads no repository here")
    return [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]


def _ignore_rules(directory: Path) -> Iterator[Finding]:
    asked = [*_IGNORE_LINES.values(), _TEMPLATE]
    ignored = _git(directory, "check-ignore", "--no-index", "-z", "--stdin", paths=asked)
    for line, path in _IGNORE_LINES.items():
        if path not in ignored:
            yield _ignore_rule("git.not-ignored", f"git does not ignore {line}", line)
    if _TEMPLATE in ignored:
        message = f"git ignores {_TEMPLATE}, which belongs into it"
        yield _ignore_rule("git.template-ignored", message, f"!{_TEMPLATE}")


def _ignore_rule(code: str, message: str, line: str) -> Finding:
    return Finding(
        code=code,
        severity="warning",
        message=message,
        next_step=f"add the line {line} to .gitignore",
        file=".gitignore",
    )


def _tracked(
    directory: Path, name: str, finds: Callable[[str], Iterable[str]]
) -> Iterator[Finding]:
    text, whole = _read(directory / name)
    if rule := _rule_against(name):
        yield _tracked_secret_file(name, rule, text)
    if not whole:
        yield _partly_read(name)
    for secret, line in _known_secrets(text, finds):
        message = f"the value of {secret} is in a file that git tracks"
        yield _leak("git.known-secret", message, name, line, secret)
    for kind, line in credentials_in(text):
        yield _leak("git.credential", f"this looks like a {kind}", name, line)


def _read(path: Path) -> tuple[str, bool]:
    """Read the start of a regular text file, and tell whether that is all of it."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return "", True
        with path.open("rb") as file:
            content = file.read(MAX_SCANNED_BYTES + 1)
    except OSError:
        return "", True
    if b"\0" in content[:8192]:
        return "", True
    start = content[:MAX_SCANNED_BYTES].decode("utf-8", "replace")
    return start, len(content) <= MAX_SCANNED_BYTES


def _rule_against(name: str) -> str | None:
    """Give the line of ``.gitignore`` that should keep a file out of git."""
    path = PurePosixPath(name)
    if path.name == _TEMPLATE:
        return None
    if ".secrets" in path.parts[:-1]:
        return ".secrets/"
    return next((line for line in _IGNORE_LINES if fnmatchcase(path.name, line)), None)


def _tracked_secret_file(name: str, rule: str, text: str) -> Finding:
    # Certificates and public keys have the same endings as private keys.
    public = rule in {"*.pem", "*.key"} and "PRIVATE KEY" not in text
    severity: Severity = "warning" if public else "error"
    return Finding(
        code="git.tracked-secret-file",
        severity=severity,
        message=f"git tracks a file that {rule} should keep out",
        next_step=f"git rm --cached {name}, and rotate every secret that it ever held",
        file=name,
    )


def _partly_read(name: str) -> Finding:
    return Finding(
        code="git.partly-checked",
        severity="info",
        message=f"only the first {MAX_SCANNED_BYTES >> 20} MiB were searched for secrets",
        next_step="keep files of this size out of git, or search the rest yourself",
        file=name,
    )


def _known_secrets(
    text: str, finds: Callable[[str], Iterable[str]]
) -> Iterator[tuple[str, int | None]]:
    for secret in sorted(set(finds(text))):
        rows = enumerate(text.split("\n"), 1)
        yield secret, next((line for line, row in rows if secret in finds(row)), None)


def _leak(
    code: str, message: str, file: str, line: int | None, secret: str | None = None
) -> Finding:
    return Finding(
        code=code,
        severity="error",
        message=message,
        next_step="rotate it, then remove it: it stays in git's history",
        file=file,
        line=line,
        field=secret,
    )


def check_file_modes(directory: Path) -> list[Finding]:
    """Check that nobody but the owner can read ``.env.*`` and ``.secrets/`` in a directory.

    The template is public. A key file that others can read is an error, the rest are warnings.
    """
    dotenv = (path for path in directory.glob(".env*") if fnmatchcase(path.name, ".env.*"))
    kept = (path for path in directory.glob(".secrets/*") if path.name != ".gitignore")
    paths = [directory / ".env", *dotenv, directory / ".secrets", *kept]
    return [
        _readable_by_others(path, directory, mode)
        for path in sorted(paths)
        if path.name != _TEMPLATE and (mode := _mode(path)) & 0o077
    ]


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0


def _readable_by_others(path: Path, directory: Path, mode: int) -> Finding:
    key = path.parent.name == ".secrets" and path.name.endswith(("key", ".pem"))
    wanted = "700" if path.is_dir() else "600"
    return Finding(
        code="files.mode",
        severity="error" if key else "warning",
        message=f"others than the owner can use it: its mode is {mode:04o}",
        next_step=f"chmod {wanted} {os.path.relpath(path, directory)}",
        file=str(path),
    )
