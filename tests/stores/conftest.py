"""Servers that the stores' tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .openbao import OpenBao, openbao_server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def openbao() -> Iterator[OpenBao]:
    """One OpenBao for the session: a test that seals it or counts its mounts starts its own."""
    with openbao_server() as server:
        yield server
