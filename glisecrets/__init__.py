"""Settings and secrets for Django (or any Python) services on AWS.

Declare settings once, as a typed class; glisecrets loads them through layers, tells where each
value came from, and never shows a secret. Start with :class:`Settings` and :func:`secret`.

Names are imported when first used, so that ``import glisecrets`` costs next to nothing and a
Lambda that needs only a store never loads pydantic.
"""

from typing import TYPE_CHECKING

from .lazy import lazy as _lazy

if TYPE_CHECKING:
    from .declaration import DataClass, SecretDeclaration, secret
    from .environment import Environment, current_environment
    from .errors import (
        AccessDenied,
        ConfigurationError,
        EnvironmentMismatch,
        Fault,
        FaultKind,
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
    from .explanation import Explanation, LayerView
    from .ladder import CredentialLadder
    from .live import Change
    from .options import LAYERS, LAYERS_INJECTED, LiveOptions, LoadOptions
    from .origins import Origin
    from .pem import PemKey, SecretPemKey
    from .redaction import Redactor, process_redactor
    from .references import Address, Reference
    from .rotating_clients import open_ladder, rotating, rotating_redis
    from .settings import Settings
    from .stores import SecretVersion, Store, open_store

__getattr__, __dir__ = _lazy(
    __name__,
    {
        "declaration": ("DataClass", "SecretDeclaration", "secret"),
        "environment": ("Environment", "current_environment"),
        "errors": (
            "AccessDenied",
            "ConfigurationError",
            "EnvironmentMismatch",
            "Fault",
            "FaultKind",
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
        "explanation": ("Explanation", "LayerView"),
        "ladder": ("CredentialLadder",),
        "live": ("Change",),
        "options": ("LAYERS", "LAYERS_INJECTED", "LiveOptions", "LoadOptions"),
        "origins": ("Origin",),
        "pem": ("PemKey", "SecretPemKey"),
        "redaction": ("Redactor", "process_redactor"),
        "references": ("Address", "Reference"),
        "rotating_clients": ("open_ladder", "rotating", "rotating_redis"),
        "settings": ("Settings",),
        "stores": ("SecretVersion", "Store", "open_store"),
    },
)

__all__ = [
    "LAYERS",
    "LAYERS_INJECTED",
    "AccessDenied",
    "Address",
    "Change",
    "ConfigurationError",
    "CredentialLadder",
    "DataClass",
    "Environment",
    "EnvironmentMismatch",
    "Explanation",
    "Fault",
    "FaultKind",
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
    "open_ladder",
    "open_store",
    "process_redactor",
    "rotating",
    "rotating_redis",
    "secret",
]
