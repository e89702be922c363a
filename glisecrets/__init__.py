"""Settings and secrets for Django (or any Python) services on AWS.

Declare settings once, as a typed class; glisecrets loads them through layers, tells where each
value came from, and never shows a secret. Start with :class:`Settings` and :func:`secret`.

Names are imported when first used, so that ``import glisecrets`` costs next to nothing and a
Lambda that needs only a store never loads pydantic.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .declaration import DataClass, SecretDeclaration, secret
    from .environment import Environment, current_environment
    from .errors import (
        AccessDenied,
        ConfigurationError,
        EnvironmentMismatch,
        Fault,
        GlisecretsError,
        InvalidReference,
        InvalidRequest,
        LabelConflict,
        MissingExtra,
        SecretExists,
        SecretNotFound,
        SettingsError,
        StoreError,
        StoreUnavailable,
        Undecryptable,
    )
    from .live import Change
    from .options import LAYERS, LAYERS_INJECTED, LiveOptions, LoadOptions
    from .origins import Explanation, LayerView, Origin
    from .pem import PemKey, SecretPemKey
    from .redaction import Redactor, process_redactor
    from .references import Address, Reference
    from .settings import Settings
    from .stores import SecretVersion, Store, open_store

#: Public name -> the module that defines it.
_HOMES = {
    **dict.fromkeys(("DataClass", "SecretDeclaration", "secret"), "declaration"),
    **dict.fromkeys(("Environment", "current_environment"), "environment"),
    **dict.fromkeys(
        (
            "AccessDenied",
            "ConfigurationError",
            "EnvironmentMismatch",
            "Fault",
            "GlisecretsError",
            "InvalidReference",
            "InvalidRequest",
            "LabelConflict",
            "MissingExtra",
            "SecretExists",
            "SecretNotFound",
            "SettingsError",
            "StoreError",
            "StoreUnavailable",
            "Undecryptable",
        ),
        "errors",
    ),
    "Change": "live",
    **dict.fromkeys(("LAYERS", "LAYERS_INJECTED", "LiveOptions", "LoadOptions"), "options"),
    **dict.fromkeys(("Explanation", "LayerView", "Origin"), "origins"),
    **dict.fromkeys(("PemKey", "SecretPemKey"), "pem"),
    **dict.fromkeys(("Redactor", "process_redactor"), "redaction"),
    **dict.fromkeys(("Address", "Reference"), "references"),
    "Settings": "settings",
    **dict.fromkeys(("SecretVersion", "Store", "open_store"), "stores"),
}

__all__ = [
    "LAYERS",
    "LAYERS_INJECTED",
    "AccessDenied",
    "Address",
    "Change",
    "ConfigurationError",
    "DataClass",
    "Environment",
    "EnvironmentMismatch",
    "Explanation",
    "Fault",
    "GlisecretsError",
    "InvalidReference",
    "InvalidRequest",
    "LabelConflict",
    "LayerView",
    "LiveOptions",
    "LoadOptions",
    "MissingExtra",
    "Origin",
    "PemKey",
    "Redactor",
    "Reference",
    "SecretDeclaration",
    "SecretExists",
    "SecretNotFound",
    "SecretPemKey",
    "SecretVersion",
    "Settings",
    "SettingsError",
    "Store",
    "StoreError",
    "StoreUnavailable",
    "Undecryptable",
    "current_environment",
    "open_store",
    "process_redactor",
    "secret",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
