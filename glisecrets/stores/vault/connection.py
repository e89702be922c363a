"""Calls to one Vault: one client per process, one login at a time, errors of our own."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

import hvac
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from ...errors import AccessDenied, StoreError, StoreUnavailable
from .failures import LOWER_ERRORS, Asked, NoCredential, PolicyDenied, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .options import VaultOptions

_T = TypeVar("_T")

#: Calls that one process makes at the same time.
CONCURRENCY = 8

#: Seconds to connect and to wait for an answer: a web request can live with both.
_TIMEOUT = (2.0, 5.0)
#: The share of a lease after which a new login is made, so that none ends under way.
_USABLE_SHARE = 0.9


class Connection:
    """Logged-in calls; a class, because it holds the client, the token and when that ends."""

    def __init__(self, options: VaultOptions) -> None:
        self.options = options
        self._nothing = Asked(options.location)
        self._forget()

    def __repr__(self) -> str:
        return f"<Connection to {self.options.location}>"

    def call(
        self,
        action: Callable[[hvac.Client], Any],
        *,
        secret: str | None = None,
        number: int | None = None,
    ) -> dict[str, Any]:
        """Make one call, logging in before it when needed, and once more if the token is dead.

        Args:
            action: what to ask of the logged-in client.
            secret: the secret in question, for the errors.
            number: its KV version number, where one is asked for.

        Raises:
            StoreError: what Vault answers, translated.
        """
        asked = Asked(self.options.location, secret, number)
        client = self._client()
        token = client.token
        outcome = self._attempt(action, client, asked)
        if isinstance(outcome, PolicyDenied) and self._replaced(token):
            outcome = self._attempt(action, client, asked)
        if isinstance(outcome, StoreError):
            raise outcome
        return self._answer(outcome)

    def close(self) -> None:
        """Close the connections and forget the token; the next call logs in again."""
        if self._pid == os.getpid() and self._current is not None:
            self._current.adapter.close()
        self._forget()

    def _forget(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._current: hvac.Client | None = None
        self._ends = 0.0
        #: When the last login failed, and how.
        self._failed: tuple[float, StoreError] | None = None

    def _client(self) -> hvac.Client:
        if self._pid != os.getpid():
            # A child must neither share the parent's sockets nor wait for its threads' lock.
            self._forget()
        asked = time.monotonic()
        with self._lock:
            if self._current is None:
                self._current = self._new_client()
            if self._failed is not None and self._failed[0] >= asked:
                # It failed while this thread waited: all waiting threads share the one failure.
                raise self._failed[1].with_traceback(None)
            if time.monotonic() >= self._ends:
                self._log_in(self._current)
            return self._current

    def _replaced(self, token: str) -> bool:
        """Log in again if this token is dead; tell whether there is another one now."""
        with self._lock:
            client = self._current
            if client is None or client.token != token:
                return client is not None  # another thread was here first
            alive = self._attempt(
                lambda vault: vault.auth.token.lookup_self(), client, self._nothing
            )
            if not isinstance(alive, PolicyDenied):
                return False
            self._log_in(client)
            if client.token == token:
                raise AccessDenied(
                    f"the token for Vault at {self.options.location} has expired or was revoked",
                    store="vault",
                    next_step="set a new VAULT_TOKEN, or use a login that renews itself: "
                    "auth=approle, kubernetes or jwt",
                )
            return True

    def _log_in(self, client: hvac.Client) -> None:
        started = time.monotonic()
        self._ends = 0.0
        login = self.options.login
        with self._door() as door:
            lease = self._attempt(login.lease, door, self._nothing)
        if isinstance(lease, StoreError):
            refused = _refused(login.described, self.options.location, lease)
            self._failed = time.monotonic(), refused
            raise refused
        client.token = _usable(lease.token)
        self._ends = started + (lease.seconds * _USABLE_SHARE if lease.seconds else float("inf"))

    @contextmanager
    def _door(self) -> Iterator[hvac.Client]:
        """Give a client without a token, to log in with."""
        client = self._new_client()
        try:
            yield client
        finally:
            client.adapter.close()

    def _new_client(self) -> hvac.Client:
        options = self.options
        session = requests.Session()
        session.verify, session.cert = options.verify, options.certificate
        adapter = HTTPAdapter(pool_maxsize=CONCURRENCY, max_retries=_retries())
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        return hvac.Client(
            options.url,
            token="",  # hvac would read the process's own variables for None
            verify=options.verify,
            namespace=options.namespace,
            session=session,
            timeout=_TIMEOUT,  # type: ignore[arg-type]  # requests takes the pair, the stub does not
        )

    def _attempt(
        self, action: Callable[[hvac.Client], _T], client: hvac.Client, asked: Asked
    ) -> _T | StoreError:
        """Give what the action gives, or our error.

        It is given, not raised, so that no error of ours has one of theirs as its context.
        """
        try:
            return action(client)
        except LOWER_ERRORS as error:
            return translated(error, asked)
        except StoreError as error:
            return error

    def _answer(self, outcome: Any) -> dict[str, Any]:
        """Give the JSON object; hvac gives the whole response when there is none."""
        if isinstance(outcome, dict):
            return outcome
        if outcome is None or outcome.status_code == HTTPStatus.NO_CONTENT:
            return {}
        raise StoreUnavailable(
            f"what answers at {self.options.location} is not a Vault",
            store="vault",
            next_step="check VAULT_ADDR: a proxy or another service may stand there",
        )


def _retries() -> Retry:
    """Retry what cannot have had an effect, for about five seconds when throttled.

    A write is repeated only if it was never sent: the second of two equal check-and-set writes
    would fail, and look as if another writer had been quicker.
    """
    return Retry(
        total=5,
        connect=1,
        read=1,
        status=5,
        other=0,
        status_forcelist=(HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY),
        allowed_methods=("GET", "LIST", "DELETE"),
        backoff_factor=0.2,
        backoff_max=2,
        backoff_jitter=0.1,
        respect_retry_after_header=False,
        raise_on_status=False,
    )


def _usable(token: str) -> str:
    # A header with anything else makes http.client raise an error that holds the token.
    if token.isascii() and token.isprintable() and " " not in token:
        return token
    raise AccessDenied(
        "the Vault token holds characters that no token has",
        store="vault",
        next_step="check VAULT_TOKEN for quotes, blanks and line ends",
    )


def _refused(described: str, location: str, error: StoreError) -> StoreError:
    if isinstance(error, StoreUnavailable | NoCredential):
        return error
    return AccessDenied(
        f"Vault at {location} refuses the login by {described}",
        store="vault",
        next_step="check the role, its policies and the credential; it may have expired or "
        "been used up",
    )
