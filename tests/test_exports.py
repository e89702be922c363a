"""What a package exports is what its façade says: ``__all__``, no more and no less."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

import pytest

import glisecrets

PACKAGES = ["glisecrets"] + [
    module.name
    for module in pkgutil.walk_packages(glisecrets.__path__, "glisecrets.")
    if module.ispkg and not module.name.rpartition(".")[2].startswith("_")
]


def public_names(package: ModuleType) -> set[str]:
    """Give what ``dir()`` shows of a package and is defined in it: no submodule, no import."""
    own = package.__name__
    public = {name: getattr(package, name) for name in dir(package) if not name.startswith("_")}
    return {
        name
        for name, thing in public.items()
        if not isinstance(thing, ModuleType | type(annotations))
        and f"{getattr(thing, '__module__', own)}.".startswith(f"{own}.")
    } - {"TYPE_CHECKING"}


@pytest.mark.parametrize("name", PACKAGES)
def test_all_is_what_is_public(name: str) -> None:
    """Completion, documentation and ``import *`` show the same names, and each one resolves."""
    package = importlib.import_module(name)
    exported = set(getattr(package, "__all__", []))
    assert public_names(package) - exported == set()
    assert {export for export in exported if not hasattr(package, export)} == set()
