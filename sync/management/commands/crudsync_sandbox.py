"""``manage.py crudsync_sandbox``: a remote to try things out against."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sync.testing.sandbox import ConfigError, SandboxServer
from sync.testing.sandbox.commandline import add_options, run

PORT = 8765


class Command(BaseCommand):
    """Serve the sandbox remote until Ctrl-C."""

    help = "Run a sandbox remote: a real HTTP CRUD server with a journal, and faults on order."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the sandbox's own options."""
        add_options(parser)
        parser.set_defaults(port=PORT)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run until stopped.

        Raises:
            CommandError: an option makes no sense, or the port is taken.
        """
        try:
            run(options, self._banner)
        except (ConfigError, OSError) as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write("Stopped.")

    def _banner(self, server: SandboxServer) -> None:
        style = self.style.SUCCESS
        lines = (
            style(f"Sandbox remote at {server.url}/"),
            f"  objects   {server.url}/products        any collection, by its name",
            f"  journal   {server.url}/__journal__     every request that came",
            f"  faults    {server.url}/__faults__      POST one to break the next answer",
            f"  options   {server.url}/__config__",
            "Stop it with Ctrl-C.",
        )
        self.stdout.write("\n".join(lines))
        self.stdout.flush()
