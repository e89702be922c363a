"""A Vault store's address and variables, read into one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ...errors import ConfigurationError
from .login import Login, login_from, variable

if TYPE_CHECKING:
    from collections.abc import Mapping

_KNOWN = ("auth", "auth_mount", "jwt_file", "kv", "mount", "namespace", "role")
_FALSE = ("", "0", "f", "false")


@dataclass(frozen=True, slots=True)
class VaultOptions:
    """Where a Vault is, and as whom to ask it."""

    url: str
    login: Login
    namespace: str | None = None
    #: ``True``, or the path of a certificate authority's file or folder.
    verify: bool | str = True
    #: Paths of the client's certificate and key.
    certificate: tuple[str, str] | None = None
    #: The mount, where it is named; and its KV version, where it is not to be asked for.
    mount: str | None = None
    kv: int | None = None

    @classmethod
    def read(
        cls, path: str, options: Mapping[str, str], environ: Mapping[str, str]
    ) -> VaultOptions:
        """Read ``vault:<path>?<options>`` and the variables of the Vault and OpenBao commands.

        Raises:
            ConfigurationError: an unknown option, a wrong one, or no address.
        """
        _check_names(options)
        _check_tls(environ)
        mount = options.get("mount", "").strip("/")
        return cls(
            url=_url(path or variable(environ, "ADDR") or ""),
            login=login_from(options, environ),
            namespace=options.get("namespace") or variable(environ, "NAMESPACE"),
            verify=variable(environ, "CACERT") or variable(environ, "CAPATH") or True,
            certificate=_certificate(environ),
            mount=mount or None,
            kv=_kv(options.get("kv")),
        )

    @property
    def location(self) -> str:
        """The address, and the namespace if there is one, for messages."""
        return f"{self.url} (namespace {self.namespace})" if self.namespace else self.url


def _check_names(options: Mapping[str, str]) -> None:
    unknown = sorted(set(options) - set(_KNOWN))
    if unknown:
        # Only the names: somebody may have put a token there.
        raise ConfigurationError(
            f"unknown option of the Vault store: {', '.join(unknown)}",
            next_step=f"known: {', '.join(_KNOWN)}; credentials come from variables or files",
        )


def _check_tls(environ: Mapping[str, str]) -> None:
    if (variable(environ, "SKIP_VERIFY") or "").lower() not in _FALSE:
        raise ConfigurationError(
            "VAULT_SKIP_VERIFY would send the token to whoever answers, and is refused",
            next_step="unset it, and set VAULT_CACERT to the file with the certificate authority",
        )


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise ConfigurationError(
            "the Vault store has no usable address",
            next_step="set VAULT_ADDR=https://host:8200, or GLISECRETS_STORE=vault:https://host:8200;"
            " credentials never stand in the address",
        )
    return text.rstrip("/")


def _certificate(environ: Mapping[str, str]) -> tuple[str, str] | None:
    certificate, key = variable(environ, "CLIENT_CERT"), variable(environ, "CLIENT_KEY")
    return (certificate, key) if certificate and key else None


def _kv(text: str | None) -> int | None:
    if text not in {None, "1", "2"}:
        raise ConfigurationError("the option kv of the Vault store is 1 or 2")
    return int(text) if text else None
