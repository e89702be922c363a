"""The client of one store: made by the first request, and anew in a child after ``fork``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from botocore.client import BaseClient

    from .options import ClientOptions


class Connection:
    """A client and what is done with it; a class for the client's life. Safe between threads.

    No lock guards the client: one that another thread holds would stay locked in a forked child.
    Two first requests at once may make two clients, and all later ones use the same.
    """

    def __init__(self, options: ClientOptions, given: BaseClient | None) -> None:
        self.options = options
        self._given = given
        #: By process id: a client that a parent made is never used in its child.
        self._clients: dict[int, BaseClient] = {}

    @property
    def where(self) -> str:
        """The client's region."""
        region: str = self.client().meta.region_name
        return region

    def client(self) -> BaseClient:
        """Give this process's client.

        Raises:
            ConfigurationError: no region is known, no such profile, or an option makes no sense.
            AccessDenied: the credentials' source failed.
        """
        return self._given or self._clients.get(os.getpid()) or self._new_client()

    def call(
        self,
        action: str,
        secret: str | None = None,
        version: str | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Send one request and give its answer.

        Args:
            action: the operation, as ``DescribeSecret``.
            secret: for the error's words, and the request's ``SecretId`` without ``params``.
            version: for the error's words.
            params: the request's parameters.

        Raises:
            StoreError: what the service, or its absence, comes down to.
        """
        from .calling import attempt
        from .failures import Asked, translate

        answer = attempt(self.client(), action, {"SecretId": secret} if params is None else params)
        if isinstance(answer, Exception):
            failure = translate(answer, Asked(action, self.where, secret, version))
            del answer  # its traceback leads to frames that hold the parameters
            raise failure
        told: dict[str, Any] = answer
        return told

    def pages(
        self, action: str, listed: str, secret: str | None, params: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        """Give the items of a list that comes in pages; ``listed`` is its name in the answer."""
        token: dict[str, str] = {}
        while True:
            page = self.call(action, secret, None, {**params, **token})
            yield from page.get(listed, ())
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}

    def close(self) -> None:
        """Close this process's client, unless it was given."""
        client = self._clients.pop(os.getpid(), None)
        if client is not None:
            client.close()

    def _new_client(self) -> BaseClient:
        from .client import new_client

        client = new_client(self.options)
        for pid in self._clients.keys() - {os.getpid()}:
            self._clients.pop(pid, None)
        return self._clients.setdefault(os.getpid(), client)
