"""Settings of one field, and loads that must fail."""

from __future__ import annotations

from typing import Any

import pytest

from glisecrets import Settings, SettingsError


def settings_class(annotation: Any, default: Any = ..., *, name: str = "field") -> type[Settings]:
    """Declare one field."""
    given = {} if default is ... else {name: default}
    members = {"__annotations__": {name: annotation}, "__module__": __name__, **given}
    return type("One", (Settings,), members)


def faults_of(cls: type[Settings], *, environment: str = "staging", **load: Any) -> SettingsError:
    """Load what must not load."""
    with pytest.raises(SettingsError) as caught:
        cls.load(environment=environment, **{"environ": {}, "store": "off", **load})
    return caught.value
