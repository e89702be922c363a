"""The ways to log in to Vault: a token, AppRole, Kubernetes, JWT.

Every login reads its credential anew, from a variable or a file: Kubernetes replaces projected
tokens, Vault Agent its sink file, operators their secret ids, while the program runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ...errors import ConfigurationError, StoreUnavailable
from .failures import NoCredential

if TYPE_CHECKING:
    from collections.abc import Mapping

    import hvac

_SERVICE_ACCOUNT_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105 a path
_METHODS = ("token", "approle", "kubernetes", "jwt")


@dataclass(frozen=True, slots=True)
class Lease:
    """A token and for how many seconds it is good; 0 means without end, or unknown."""

    token: str = field(repr=False)
    seconds: int = 0


class Login(Protocol):
    """One way to get a token."""

    @property
    def described(self) -> str:
        """How a person would name it: ``AppRole at auth/approle``."""
        ...

    def lease(self, client: hvac.Client) -> Lease:
        """Log in.

        Raises:
            NoCredential: a credential is missing or cannot be read.
            Exception: what hvac raises when Vault refuses.
        """
        ...


def variable(environ: Mapping[str, str], name: str) -> str | None:
    """Give ``VAULT_<name>`` or, without it, OpenBao's ``BAO_<name>``; an empty one is none."""
    return environ.get(f"VAULT_{name}") or environ.get(f"BAO_{name}") or None


def login_from(options: Mapping[str, str], environ: Mapping[str, str]) -> Login:
    """Give the login that the options ``auth``, ``auth_mount``, ``role``, ``jwt_file`` name.

    Raises:
        ConfigurationError: an unknown method, or ``role`` is missing where it is needed.
    """
    method = options.get("auth", "token")
    mount = options.get("auth_mount", method)
    if method == "token":
        return TokenLogin(environ)
    if method == "approle":
        return AppRoleLogin(environ, mount)
    if method not in _METHODS:
        known = ", ".join(_METHODS)
        raise ConfigurationError(
            f"unknown Vault login {method!r}", next_step=f"set auth= to one of: {known}"
        )
    if "role" not in options:
        raise ConfigurationError(
            f"the Vault login {method!r} needs a role",
            next_step=f"write it into the address: vault:?auth={method}&role=NAME",
        )
    return JwtLogin(environ, method, mount, options["role"], options.get("jwt_file"))


@dataclass(frozen=True, slots=True)
class TokenLogin:
    """``VAULT_TOKEN``, or the file ``~/.vault-token`` that ``vault login`` writes."""

    environ: Mapping[str, str] = field(repr=False)
    described: str = "token"

    def lease(self, client: hvac.Client) -> Lease:  # noqa: ARG002 no call is needed
        """Give the token as it is now."""
        home = self.environ.get("HOME")
        file = (Path(home) if home else Path.home()) / ".vault-token"
        return Lease(variable(self.environ, "TOKEN") or _content(file, "token"))


@dataclass(frozen=True, slots=True)
class AppRoleLogin:
    """``VAULT_ROLE_ID`` and ``VAULT_SECRET_ID``, or the files that ``…_FILE`` name."""

    environ: Mapping[str, str] = field(repr=False)
    mount: str

    @property
    def described(self) -> str:
        """The method and where it is mounted."""
        return f"AppRole at auth/{self.mount}"

    def lease(self, client: hvac.Client) -> Lease:
        """Log in with role id and secret id."""
        role_id = _credential(self.environ, "ROLE_ID", "role id")
        secret_id = _credential(self.environ, "SECRET_ID", "secret id")
        return _lease(
            client.auth.approle.login(role_id, secret_id, use_token=False, mount_point=self.mount)
        )


@dataclass(frozen=True, slots=True)
class JwtLogin:
    """A role and a signed token: a pod's service account (``kubernetes``) or any ``jwt``."""

    environ: Mapping[str, str] = field(repr=False)
    method: str
    mount: str
    role: str
    file: str | None

    @property
    def described(self) -> str:
        """The method, where it is mounted, and the role."""
        return f"{self.method} at auth/{self.mount} as {self.role}"

    def lease(self, client: hvac.Client) -> Lease:
        """Log in with the signed token as it is now."""
        jwt = self._jwt()
        if self.method == "kubernetes":
            login = client.auth.kubernetes.login
            return _lease(login(self.role, jwt, use_token=False, mount_point=self.mount))
        return _lease(client.auth.jwt.jwt_login(self.role, jwt, use_token=False, path=self.mount))

    def _jwt(self) -> str:
        if self.file:
            return _content(Path(self.file), "JWT")
        if self.method == "kubernetes" and variable(self.environ, "JWT_FILE") is None:
            return _content(Path(_SERVICE_ACCOUNT_TOKEN), "service account token")
        return _credential(self.environ, "JWT", "JWT")


def _lease(answer: Any) -> Lease:
    if not isinstance(answer, dict):
        raise StoreUnavailable("the login was answered by something else than Vault", store="vault")
    auth = answer["auth"]
    return Lease(auth["client_token"], int(auth["lease_duration"]))


def _credential(environ: Mapping[str, str], name: str, what: str) -> str:
    """Read a credential from its variable, or from the file that ``<variable>_FILE`` names."""
    if given := variable(environ, name):
        return given.strip()
    if file := variable(environ, f"{name}_FILE"):
        return _content(Path(file), what)
    raise NoCredential(
        f"no {what} for Vault", store="vault", next_step=f"set VAULT_{name} or VAULT_{name}_FILE"
    )


def _content(file: Path, what: str) -> str:
    try:
        content = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        content = ""
    if content:
        return content
    raise NoCredential(
        f"no {what} for Vault: {file} is missing, empty or not readable",
        store="vault",
        next_step="set VAULT_TOKEN, or name a login in the address: vault:?auth=approle"
        if what == "token"
        else "check the file and its owner",
    )
