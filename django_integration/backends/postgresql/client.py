"""``manage.py dbshell`` with the credentials that are in force."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.db.backends.postgresql import client

from ...ladders import ladder_in

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["DatabaseClient"]


class DatabaseClient(client.DatabaseClient):
    """Starts ``psql``; the password is in its environment, where Django puts it."""

    def runshell(self, parameters: Iterable[str]) -> None:
        """Run ``psql`` after a connection has shown which credentials are accepted."""
        connection: Any = self.connection
        # What else is wrong with the database, psql tells better.
        with suppress(connection.Database.Error):
            connection.find_credentials()
        super().runshell(parameters)

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        """Give the command and its variables, with what the ladder holds for the entry's own."""
        ladder = ladder_in(settings_dict["OPTIONS"])
        held = ladder.held if ladder else None
        found = {"USER": held.username, "PASSWORD": held.password} if held else {}
        entry = settings_dict | {name: text for name, text in found.items() if text}
        return super().settings_to_cmd_args_env(entry, parameters)
