"""Rules that staging and production settings must keep; development and the build are exempt.

Each is a validator of one field, so that one load tells every rule that is broken. The messages
are constants: they are shown as they stand, and must hold no part of a value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString, NoReturn

from pydantic_core import PydanticCustomError

from glisecrets.environment import Environment
from glisecrets.keys import InvalidKey, InvalidKeyring, RsaKeyring
from glisecrets.keys.rsa_keyring import is_in_kms
from glisecrets.placeholders import BUILD_MARK
from glisecrets.redaction.process import remember

from .secret_keys import keyring_of

if TYPE_CHECKING:
    from pydantic import SecretStr, ValidationInfo

__all__ = [
    "debug_is_off",
    "hosts_are_named",
    "in_build",
    "jwt_keyring_is_one",
    "origins_are_named",
    "refuse",
    "secret_key_is_strong",
]

#: Characters that Django itself asks of a SECRET_KEY (``security.W009``), and different ones.
_KEY_LENGTH = 50
_KEY_VARIETY = 5


def refuse(rule: LiteralString, message: LiteralString, next_step: LiteralString = "") -> NoReturn:
    """Break off the validation of a field.

    Raises:
        PydanticCustomError: always.
    """
    raise PydanticCustomError(f"glisecrets.{rule}", message, {"next_step": next_step})


def in_build(info: ValidationInfo) -> bool:
    """Tell whether a value is loaded in the build phase."""
    return bool((info.context or {}).get("build"))


def _is_strict(info: ValidationInfo) -> bool:
    environment = (info.context or {}).get("environment", Environment.DEVELOPMENT)
    return environment is not Environment.DEVELOPMENT and not in_build(info)


def debug_is_off(value: bool, info: ValidationInfo) -> bool:
    """Refuse DEBUG: its error pages show code and settings to everybody."""
    if value and _is_strict(info):
        refuse("debug", "DEBUG must be off outside development")
    return value


def hosts_are_named(value: list[str], info: ValidationInfo) -> list[str]:
    """Refuse ALLOWED_HOSTS that are empty (nothing is served) or take any host."""
    if not _is_strict(info):
        return value
    if not value:
        refuse("allowed_hosts", "must name the hosts that the service answers to; it is empty")
    if "*" in value:
        refuse("allowed_hosts", "must name the hosts that the service answers to, and not '*'")
    return value


def secret_key_is_strong(value: SecretStr, info: ValidationInfo) -> SecretStr:
    """Refuse a SECRET_KEY that is short, of few characters, or from ``startproject``.

    Of a keyring, each key that signs.
    """
    keys = _signing_keys(value.get_secret_value())
    if not keys:
        refuse("secret_key", "is JSON, and neither a SECRET_KEY nor a keyring")
    if not _is_strict(info):
        return value
    if any(key.startswith("django-insecure-") for key in keys):
        refuse("secret_key", "is the one that startproject wrote; make a new one")
    if any(len(key) < _KEY_LENGTH or len(set(key)) < _KEY_VARIETY for key in keys):
        refuse("secret_key", "must have at least 50 characters, 5 different ones")
    return value


def _signing_keys(text: str) -> list[str]:
    try:
        ring = keyring_of(text)
    except InvalidKeyring:
        return []
    return [text] if ring is None else [key.material for key in (ring.signing, ring.next) if key]


def jwt_keyring_is_one(value: SecretStr | None) -> SecretStr | None:
    """Refuse what is no keyring of RSA keys, or has a key that cannot be read, or a weak one."""
    text = value.get_secret_value() if value else ""
    if not text or BUILD_MARK in text:
        return value
    try:
        ring = RsaKeyring.parse(text)
        for key in ring.accepted():
            if not is_in_kms(key):
                remember(key.material, name="jwt_keyring")
        ring.public_keys()
    except InvalidKey:
        ring = None
    if ring is None:
        refuse(
            "jwt_keyring",
            "is no keyring of RSA keys, or has one that is weak or cannot be read",
            "glisecrets keys jwt verify --store REFERENCE tells more",
        )
    return value


def origins_are_named(value: list[str], info: ValidationInfo) -> list[str]:
    """Refuse to let every site of the web use the API with its visitors' cookies."""
    if "*" in value and _is_strict(info):
        refuse("cors", "must name the origins that may use the API, and not '*'")
    return value
