"""``manage.py crudsync_backfill``: bring the rows that were there before the registration."""

from __future__ import annotations

import dataclasses
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from sync import capture
from sync.exceptions import CrudSyncError
from sync.management.choose import failed
from sync.resync import Progress, backfill


class Command(BaseCommand):
    """Ask, in the bulk lane, for every row that nobody has asked for yet. Broken off, it is simply started again."""

    help = (
        "Ask, in the bulk lane, for every row that has no binding yet; workers send them. Broken off (Ctrl-C), it is "
        "simply started again: what was asked for is passed over."
    )

    as_json = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("integrator", help="its name")
        parser.add_argument("object_types", nargs="*", help="only these; default: all, parents first")
        parser.add_argument("--connection", default="default", help="name of the account")
        parser.add_argument("--batch", type=int, default=1000, help="rows a transaction")
        parser.add_argument("--limit", type=int, default=None, help="rows asked for at the most, of each named type")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Fill, and say how far it is after each batch."""
        self.as_json = options["json"]
        try:
            with capture.actor(capture.current_actor() or "crudsync_backfill"):
                for object_type in options["object_types"] or [None]:
                    backfill(
                        options["integrator"],
                        object_type,
                        options["connection"],
                        batch=options["batch"],
                        limit=options["limit"],
                        on_progress=self._tell,
                    )
        except CrudSyncError as error:
            raise failed(error) from error
        except KeyboardInterrupt:
            self.stderr.write("stopped; start it again to go on")

    def _tell(self, progress: Progress) -> None:
        if self.as_json:
            told = {**dataclasses.asdict(progress), "eta_s": progress.eta_s}
            self.stdout.write(json.dumps(told))
        else:
            self.stdout.write(_line(progress))
        self.stdout.flush()


def _line(progress: Progress) -> str:
    counts = f"{progress.scanned} of {progress.total} rows looked at, {progress.asked} asked for"
    if progress.object_type:
        eta = "" if progress.eta_s is None else f", about {progress.eta_s:.0f} s left"
        return f"{progress.object_type}: {counts} ({progress.share:.0%}{eta})"
    end = "done" if progress.finished else "stopped at the limit"
    return f"{end}: {counts} in {progress.elapsed_s:.1f} s"
