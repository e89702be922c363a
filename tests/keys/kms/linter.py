"""parliament, an independent reader of policies, for the policies of keys."""

from __future__ import annotations

import importlib.util
import json
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any


def _resource_filename(package: str, name: str) -> str:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).with_name(name))


def faults(policy: dict[str, Any]) -> list[str]:
    """Give what parliament finds in a policy.

    In the policy of a key, the resource ``*`` is that key alone, which parliament does not know.
    It imports ``pkg_resources``, which setuptools has no more, to find two of its own files.
    """
    stub = ModuleType("pkg_resources")
    stub.resource_filename = _resource_filename  # type: ignore[attr-defined]
    # For the import alone: pytest itself takes a pkg_resources that is there for the real one.
    sys.modules["pkg_resources"] = stub
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import parliament
    finally:
        del sys.modules["pkg_resources"]

    found = parliament.analyze_policy_string(json.dumps(policy))
    return [
        f"{each.issue}: {each.detail}" for each in found.findings if each.issue != "RESOURCE_STAR"
    ]
