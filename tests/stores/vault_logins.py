"""What a login needs on the other side: policies, roles, signed tokens, a Kubernetes API."""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Iterator

    import hvac

__all__ = ["Signer", "allow", "approle", "kubernetes_api"]


def allow(client: hvac.Client, **capabilities: list[str]) -> str:
    """Make a policy (path -> capabilities) and give its name."""
    name = f"policy-{secrets.token_hex(6)}"
    rules = {path: {"capabilities": granted} for path, granted in capabilities.items()}
    client.sys.create_or_update_policy(name, json.dumps({"path": rules}))
    return name


def approle(client: hvac.Client, policy: str, ttl: str = "1h") -> tuple[str, dict[str, str]]:
    """Mount AppRole at a path of its own; give the path, and the variables to log in with."""
    mount = f"approle-{secrets.token_hex(4)}"
    client.sys.enable_auth_method("approle", path=mount)
    role = client.auth.approle
    role.create_or_update_approle("api", token_policies=[policy], token_ttl=ttl, mount_point=mount)
    role_id = role.read_role_id("api", mount_point=mount)["data"]["role_id"]
    secret_id = role.generate_secret_id("api", mount_point=mount)["data"]["secret_id"]
    return mount, {"VAULT_ROLE_ID": role_id, "VAULT_SECRET_ID": secret_id}


class Signer:
    """Signs JSON Web Tokens as an identity provider or a Kubernetes cluster does."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(65537, 2048)

    @property
    def public_key(self) -> str:
        """The public key, in PEM."""
        return (
            self._key.public_key()
            .public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            .decode()
        )

    @property
    def certificate(self) -> str:
        """A certificate authority's certificate, in PEM, good for an hour."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cluster")])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(name, name, self._key.public_key(), 1)
        builder = builder.not_valid_before(now).not_valid_after(now + timedelta(hours=1))
        certificate = builder.sign(self._key, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM).decode()

    def token(self, **claims: Any) -> str:
        """Sign claims; the token is good for a minute."""
        now = int(time.time())
        parts = [{"alg": "RS256", "typ": "JWT"}, {"iat": now, "exp": now + 60, **claims}]
        signed = ".".join(_base64url(json.dumps(part).encode()) for part in parts)
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_base64url(signature)}"

    def service_account_token(self, namespace: str, account: str) -> str:
        """Sign what Kubernetes projects into a pod."""
        pod = {
            "namespace": namespace,
            "serviceaccount": {"name": account, "uid": "uid-1"},
            "pod": {"name": "api-1", "uid": "uid-2"},
        }
        subject = f"system:serviceaccount:{namespace}:{account}"
        return self.token(sub=subject, aud=["vault"], **{"kubernetes.io": pod})


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class KubernetesApi:
    """The one endpoint that Vault asks: whether a service account's token is good."""

    def __init__(self) -> None:
        #: The tokens that are good now: token -> user name.
        self.good: dict[str, str] = {}
        self.url = ""
        #: How often it was asked.
        self.asked = 0

    def review(self, token: str) -> dict[str, Any]:
        """Answer a TokenReview."""
        user = self.good.get(token)
        status: dict[str, Any] = {"authenticated": user is not None}
        if user is not None:
            groups = ["system:serviceaccounts"]
            status["user"] = {"username": user, "uid": "uid-1", "groups": groups}
            status["audiences"] = ["vault"]
        return {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status}


@contextmanager
def kubernetes_api() -> Iterator[KubernetesApi]:
    """Serve the TokenReview endpoint on a loopback port.

    Whoever gets anything else is shown a page; whoever posts anything else, a failed gateway.
    """
    api = KubernetesApi()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if "spec" not in asked:
                api.asked += 1
                self.answer(502, "", "text/plain")
                return
            self.answer(201, json.dumps(api.review(asked["spec"]["token"])), "application/json")

        def do_GET(self) -> None:
            self.answer(200, "<p>Welcome</p>", "text/html")

        def answer(self, status: int, body: str, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            api.url = f"http://127.0.0.1:{server.server_port}"
            yield api
        finally:
            server.shutdown()
            thread.join()
