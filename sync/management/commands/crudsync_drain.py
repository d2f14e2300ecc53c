"""``manage.py crudsync_drain``: one pass in the foreground."""

from __future__ import annotations

import dataclasses
import json
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from sync.drain import Report, drain
from sync.exceptions import CrudSyncError
from sync.management.choose import connections, failed
from sync.management.following import left
from sync.management.quiet import JsonCommand
from sync.models import Connection
from sync.monitoring.arrival import arrival

WHY = {
    "disabled": "CRUDSYNC['enabled'] is False",
    "paused": "paused",
    "gate": "its gate is shut",
    "slot": "workers are at it already",
}


class Command(JsonCommand):
    """Send what is due, here and now, as a worker would."""

    help = "Send what is due, here and now, as a worker would: one pass over each connection."

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.shut: dict[int, str] = {}

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--connection", default="", help="integrator, or integrator/account; default: all")
        parser.add_argument("--until-quiet", action="store_true", help="go on until nothing moves any more")
        parser.add_argument("--slice", type=float, default=None, metavar="SECONDS", help="how long one pass may take")
        parser.add_argument(
            "--watch",
            type=float,
            nargs="?",
            const=1.0,
            metavar="SECONDS",
            help="go on until Ctrl-C, like a worker; between two passes that many seconds (default 1)",
        )
        parser.add_argument("--json", action="store_true", help="one JSON object per pass and connection")

    def handle(self, *args: Any, **options: Any) -> None:
        """Drain, and say what was done."""
        if options["slice"] is not None and options["slice"] <= 0:
            raise CommandError("--slice: give seconds, above 0")
        if options["watch"] is not None and options["watch"] <= 0:
            raise CommandError("--watch: give seconds, above 0")
        try:
            rows = connections(options["connection"])
            if options["watch"] is not None:
                self._watch(rows, options)
            while self._pass(rows, options) and options["until_quiet"]:
                self._ahead(options)
        except CrudSyncError as error:
            raise failed(error) from error
        except KeyboardInterrupt:
            self.stderr.write("stopped; what was under way is finished by the next worker")

    def _watch(self, rows: list[Connection], options: dict[str, Any]) -> None:
        """Drain until Ctrl-C; a pass that moved nothing, and says nothing new, is not told."""
        pause = threading.Event()
        while True:
            if not self._pass(rows, {**options, "busy": True}):
                pause.wait(options["watch"])

    def _ahead(self, options: dict[str, Any]) -> None:
        """Say how much is left, between two passes."""
        found = arrival(connections(options["connection"]))
        if found.left and not options["json"]:
            self.stdout.write(f"  {left(found)}")

    def _pass(self, rows: list[Connection], options: dict[str, Any]) -> bool:
        """Drain each connection once; return whether anything moved."""
        moved = False
        for row in rows:
            report = drain(row.pk, slice_s=options["slice"])
            moved = moved or report.moved or report.more
            quiet = options.get("busy") and not report.moved and report.shut == self.shut.get(row.pk, "")
            self.shut[row.pk] = report.shut
            if not quiet:
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
