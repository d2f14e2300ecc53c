"""``manage.py crudsync_drain``: one pass in the foreground."""

from __future__ import annotations

import dataclasses
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sync.drain import Report, drain
from sync.exceptions import CrudSyncError
from sync.management.choose import connections, failed
from sync.models import Connection

WHY = {
    "disabled": "CRUDSYNC['enabled'] is False",
    "paused": "paused",
    "gate": "its gate is shut",
    "slot": "workers are at it already",
}


class Command(BaseCommand):
    """Send what is due, here and now, as a worker would."""

    help = "Send what is due, here and now, as a worker would: one pass over each connection."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--connection", default="", help="integrator, or integrator/account; default: all")
        parser.add_argument("--until-quiet", action="store_true", help="go on until nothing moves any more")
        parser.add_argument("--slice", type=float, default=None, metavar="SECONDS", help="how long one pass may take")
        parser.add_argument("--json", action="store_true", help="one JSON object per pass and connection")

    def handle(self, *args: Any, **options: Any) -> None:
        """Drain, and say what was done."""
        if options["slice"] is not None and options["slice"] <= 0:
            raise CommandError("--slice: give seconds, above 0")
        try:
            rows = connections(options["connection"])
            while self._pass(rows, options) and options["until_quiet"]:
                pass
        except CrudSyncError as error:
            raise failed(error) from error
        except KeyboardInterrupt:
            self.stderr.write("stopped; what was under way is finished by the next worker")

    def _pass(self, rows: list[Connection], options: dict[str, Any]) -> bool:
        """Drain each connection once; return whether anything moved."""
        moved = False
        for row in rows:
            report = drain(row.pk, slice_s=options["slice"])
            moved = moved or report.moved or report.more
            self._tell(row, report, as_json=options["json"])
        return moved

    def _tell(self, row: Connection, report: Report, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps({"connection": str(row), **dataclasses.asdict(report)}))
            return
        done = f"{report.taken} changes taken in, {report.calls} calls, {report.succeeded} objects sent, "
        done += f"{report.unchanged} unchanged, {report.failed} failed, in {report.seconds:.1f} s"
        end = f"; nothing more is sent now: {WHY.get(report.shut, report.shut)}" if report.shut else ""
        self.stdout.write(f"{row}: {done}{end}{'; more is due' if report.more else ''}")
