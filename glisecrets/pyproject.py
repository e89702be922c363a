"""What a project's pyproject.toml says to glisecrets."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from .errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


def table_in(file: Path) -> dict[str, Any] | None:
    """Give ``[tool.glisecrets]``; ``None`` where there is none.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"cannot read {file}: {error}", next_step="mend it") from None
    tools = document.get("tool")
    table = tools.get("glisecrets") if isinstance(tools, dict) else None
    return table if isinstance(table, dict) else None
