"""Install, show and remove the triggers that capture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import OperationalError

from sync.capture.triggers import installation, wanted
from sync.capture.triggers.installation import INSTALLED, Standing
from sync.management.quiet import JsonCommand

ACTIONS = ("status", "install", "uninstall")


class Command(JsonCommand):
    """Install, show and remove the triggers of object types with ``capture="trigger"``."""

    help = (
        "Install the triggers of object types with capture='trigger', after migrate; show how they stand, with exit "
        "code 1 where one is not as it should be; or remove them, without a gap in what is captured."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the action, and how long locks are waited for."""
        parser.add_argument("action", choices=ACTIONS, nargs="?", default="status")
        parser.add_argument("--lock-timeout", type=float, default=2.0, metavar="SECONDS", dest="lock_s")
        parser.add_argument("--json", action="store_true", help="One JSON object for each trigger.")

    def handle(self, *_args: Any, action: str, lock_s: float, **options: Any) -> None:
        """Do it, and tell what was found or done."""
        if not 0 < lock_s < 3600:
            raise CommandError("--lock-timeout wants seconds, above 0")
        for table in wanted.wished():
            if why := wanted.hindrance(table):
                raise CommandError(f"{table._meta.label} cannot be captured by trigger: {why} [crudsync.E020]")
        try:
            found = self._done(action, lock_s)
        except OperationalError as error:
            text = str(error).strip().partition("\n")[0]
            raise CommandError(f"{text} (a table is in use: try again; what was done so far stays) [locked]") from error
        self._tell(found, action, as_json=options["json"])
        if action == "status" and any(one.state != INSTALLED for one in found):
            raise SystemExit(1)

    @staticmethod
    def _done(action: str, lock_s: float) -> Sequence[Standing]:
        if action == "install":
            return installation.install(lock_s=lock_s)
        if action == "uninstall":
            return installation.uninstall(lock_s=lock_s)
        return installation.standing()

    def _tell(self, found: Sequence[Standing], action: str, *, as_json: bool) -> None:
        for one in found:
            line = f"{one.table} {one.name}: {'was ' if action != 'status' else ''}{one.state}"
            self.stdout.write(json.dumps(asdict(one)) if as_json else line)
        if not found and not as_json:
            nothing = {"status": "no object type asks for triggers, and none are there", "install": "nothing to do"}
            self.stdout.write(nothing.get(action, "there were none"))
