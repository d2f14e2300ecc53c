"""A PostgreSQL for tests that break it: nobody else's tests run on it, also where several processes run tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from django.core.management import call_command
from django.db import connection

from tests.servers.postgres import PostgresServer

PLACE = ("HOST", "PORT", "USER", "PASSWORD", "NAME")


class OwnPostgres:
    """A server of one test process, started and given tables when it is first used."""

    def __init__(self) -> None:
        self.server: PostgresServer | None = None

    @contextmanager
    def used(self) -> Iterator[PostgresServer]:
        """Let Django's connection lead there, and leave no rows behind."""
        started = self.server is not None
        if self.server is None:
            self.server = PostgresServer()
            self.server.start()
        before = {name: connection.settings_dict[name] for name in PLACE}
        connection.close()
        connection.settings_dict.update(_place(self.server))
        try:
            if not started:
                call_command("migrate", verbosity=0)
            yield self.server
        finally:
            connection.close()  # the server may have ended it
            call_command("flush", verbosity=0, interactive=False, inhibit_post_migrate=True)
            connection.close()
            connection.settings_dict.update(before)

    def remove(self) -> None:
        """End the server, if there is one."""
        if self.server is not None:
            self.server.remove()


def _place(server: PostgresServer) -> dict[str, Any]:
    parts = urlsplit(server.url)
    return {"HOST": parts.hostname, "PORT": parts.port, "USER": parts.username, "PASSWORD": "", "NAME": "postgres"}
