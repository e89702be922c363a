"""What is told about the AWS client, and what the environment adds. Loads no botocore."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Credentials(NamedTuple):
    """Static credentials, by ``create_client``'s argument names."""

    aws_access_key_id: str | None = None
    aws_secret_access_key: str | None = None
    aws_session_token: str | None = None

    def __repr__(self) -> str:
        return "<credentials>"

    @classmethod
    def of(cls, told: Mapping[str, str]) -> Credentials:
        """Take them from their environment variables."""
        return cls(*(told.get(name.upper()) for name in cls._fields))


class ClientOptions(NamedTuple):
    """What is told about a client; ``None`` leaves it to botocore's usual chain."""

    region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None
    credentials: Credentials = Credentials()

    @classmethod
    def of(
        cls,
        region: str | None,
        profile: str | None,
        endpoint_url: str | None,
        environ: Mapping[str, str] | None,
    ) -> ClientOptions:
        """Fill in from the environment what botocore would not.

        That is ``AWS_REGION``, which botocore does not read; and, of a mapping that stands for
        ``os.environ``, everything, since botocore cannot be told to read it.
        """
        told = _set(os.environ if environ is None else environ)
        region = region or told.get("AWS_REGION") or told.get("AWS_DEFAULT_REGION")
        if environ is None or environ is os.environ:
            return cls(region, profile, endpoint_url)
        endpoint = told.get("AWS_ENDPOINT_URL_SECRETS_MANAGER") or told.get("AWS_ENDPOINT_URL")
        return cls(
            region,
            profile or told.get("AWS_PROFILE"),
            endpoint_url or endpoint,
            # As botocore does: a profile that is named goes before the variables.
            Credentials() if profile else Credentials.of(told),
        )

    @property
    def location(self) -> str:
        """The region as far as it is known without reading the profile."""
        return self.region or f"the region of profile {self.profile or 'default'}"


def _set(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if value}
