"""``manage.py crudsync_pause shop/default``: stop sending under an account, and go on."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from sync import capture
from sync.exceptions import CrudSyncError
from sync.management.choose import connections, failed
from sync.management.quiet import JsonCommand
from sync.resync.pausing import pause, resume


class Command(JsonCommand):
    """Pause connections, or resume them. Changes are taken in all the while."""

    help = (
        "Stop sending under these connections; changes are still taken in, and what is under way is finished. With "
        "--resume go on, with what has gathered first."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("connection", help="integrator, or integrator/account")
        parser.add_argument("--resume", action="store_true", help="go on")
        parser.add_argument("--reason", default="", help="shown wherever somebody asks why nothing arrives")
        parser.add_argument("--actor", default="", help="who")
        parser.add_argument("--json", action="store_true", help="one JSON object for each connection")

    def handle(self, *args: Any, **options: Any) -> None:
        """Pause or resume each, and say what was changed by that."""
        try:
            for row in connections(options["connection"]):
                if options["resume"]:
                    changed = resume(row)
                else:
                    actor = options["actor"] or capture.current_actor() or "crudsync_pause"
                    changed = pause(row, reason=options["reason"], actor=actor)
                self._tell(str(row), paused=row.paused, changed=changed, as_json=options["json"])
        except CrudSyncError as error:
            raise failed(error) from error

    def _tell(self, name: str, *, paused: bool, changed: bool, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps({"connection": name, "paused": paused, "changed": changed}))
            return
        word = "paused" if paused else "open"
        self.stdout.write(f"{name}: {word}" if changed else f"{name}: {word} already")
