"""Importing costs only what is used: optional dependencies load where they are first needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

CLOUD = {"aws_encryption_sdk", "boto3", "botocore", "hvac"}
OPTIONAL = CLOUD | {"cryptography", "django", "httpx", "rich", "sqlite3", "typer"}
SETTINGS = {"dotenv", "pydantic", "pydantic_settings"}

#: What importing a module must not load.
UNWANTED = {
    "glisecrets": OPTIONAL | SETTINGS,
    "glisecrets.errors": OPTIONAL | SETTINGS,
    "glisecrets.stores": OPTIONAL | SETTINGS,
    "glisecrets.layers": OPTIONAL,
    "glisecrets.providers": OPTIONAL | SETTINGS | {"nacl"},
    "glisecrets.providers.github": OPTIONAL | SETTINGS | {"nacl"},
    "glisecrets.redaction": OPTIONAL | SETTINGS,
    # Its server of Secrets Manager's protocol stands on the local store, which is SQLite.
    "glisecrets.testing": OPTIONAL - {"sqlite3"} | SETTINGS,
    "glisecrets.testing.servers": OPTIONAL - {"sqlite3"} | SETTINGS | {"psycopg", "redis"},
    "glisecrets.keys": OPTIONAL | SETTINGS,
    "glisecrets.keys.envelope": OPTIONAL | SETTINGS,
    "glisecrets.keys.kms": OPTIONAL | SETTINGS,
    "glisecrets.rotation": OPTIONAL | SETTINGS,
    "glisecrets.django_integration": CLOUD | {"cryptography", "rich", "typer"},
}


def loaded_by(statement: str) -> set[str]:
    """Give the top-level packages that a fresh interpreter has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("module", UNWANTED)
def test_an_import_loads_nothing_it_does_not_use(module: str) -> None:
    """A Lambda or a command line starts quickly: what it does not use is not loaded."""
    assert loaded_by(f"import {module}") & UNWANTED[module] == set()


def test_the_check_sees_what_is_loaded() -> None:
    """An import that does load something is seen, also a submodule's."""
    assert {"sqlite3", "json"} <= loaded_by("import json.decoder, sqlite3.dbapi2")
