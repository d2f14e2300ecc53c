"""``manage.py crudsync_backfill``: bring the rows that were there before the registration."""

from __future__ import annotations

import dataclasses
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from sync import capture, registry
from sync.exceptions import CrudSyncError
from sync.management.choose import failed
from sync.management.following import follow, left
from sync.management.moments import span, when
from sync.management.progress import Bar
from sync.management.quiet import JsonCommand
from sync.models import Backfill, Connection, Phase
from sync.models.clock import now
from sync.models.database import alias
from sync.monitoring.arrival import arrival
from sync.resync import Progress, runs
from sync.resync.targets import connections

DEEDS = ("pause", "resume", "status")


class Command(JsonCommand):
    """Ask, in the bulk lane, for every row that nobody has asked for yet. It keeps its place."""

    help = (
        "Ask, in the bulk lane, for every row that has no binding yet; workers send them. Ctrl-C, or --pause in "
        "another terminal, keeps its place; --resume goes on from there."
    )

    as_json = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("integrator", help="its name")
        parser.add_argument("object_types", nargs="*", help="only these; default: all, parents first")
        parser.add_argument("--connection", default="default", help="name of the account")
        parser.add_argument("--batch", type=int, default=1000, help="rows a transaction")
        parser.add_argument("--limit", type=int, default=None, help="rows asked for at the most")
        parser.add_argument("--pause", action="store_true", help="pause the one that is under way")
        parser.add_argument("--resume", action="store_true", help="go on with the last one")
        parser.add_argument("--status", action="store_true", help="show how far the last one is")
        parser.add_argument("--watch", action="store_true", help="stay until workers have sent what was asked for")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Begin, go on, pause, or tell how far it is."""
        self.as_json = options["json"]
        if sum(bool(options[deed]) for deed in DEEDS) > 1:
            raise CommandError("--pause, --resume and --status are three things")
        try:
            registry.get(options["integrator"])
            account = connections({options["integrator"]}, options["connection"])[0]
            if options["status"]:
                self._status(account)
            elif options["pause"]:
                self._pause(account)
            else:
                self._fill(account, options)
        except CrudSyncError as error:
            raise failed(error) from error

    def _fill(self, account: Connection, options: dict[str, Any]) -> None:
        with capture.actor(capture.current_actor() or "crudsync_backfill"):
            row = self._row(account, options)
            bar = Bar(self.stdout)
            try:
                progress = runs.go_on(row, batch=options["batch"], on_progress=lambda each: self._tell(bar, each))
            except KeyboardInterrupt:
                bar.end()
                self.stderr.write("paused; --resume goes on from here")
                return
        bar.end("" if self.as_json else _end(row, progress))
        if row.phase == Phase.FINISHED and options["watch"]:
            follow(self.stdout, [account], as_json=self.as_json)
        elif not self.as_json and progress.asked and row.phase != Phase.PAUSED:
            self.stdout.write(f"workers send them: {left(arrival([account]))}")

    def _row(self, account: Connection, options: dict[str, Any]) -> Backfill:
        if options["resume"]:
            return runs.resume(_last(account))
        actor = capture.current_actor()
        return runs.begin(account, options["object_types"], limit=options["limit"], actor=actor)

    def _pause(self, account: Connection) -> None:
        row = _last(account)
        if not runs.pause(row):
            raise CommandError(f"the backfill of {account} is not running: {row.get_phase_display()}")
        self.stdout.write("paused: it stops after its batch; --resume goes on from there")

    def _status(self, account: Connection) -> None:
        row = _last(account)
        at = now(alias())
        phase = "broken off" if row.phase == Phase.RUNNING and not runs.alive(row, at) else str(row.get_phase_display())
        found = arrival([account])
        if self.as_json:
            told = {name: getattr(row, name) for name in ("object_type", "total", "scanned", "asked", "elapsed_s")}
            more = {"phase": row.phase, "alive": runs.alive(row, at), "left": found.left, "eta_s": found.eta_s}
            self.stdout.write(json.dumps({**told, **more}))
            return
        place = f" at {row.object_type}" if row.object_type and row.phase != Phase.FINISHED else ""
        self.stdout.write(
            f"{account}: {phase}{place}, {row.scanned} of {row.total} rows looked at, {row.asked} asked for"
        )
        by = f" by {row.actor}" if row.actor else ""
        self.stdout.write(f"  begun {when(row.started_at, at)}{by}; last told {when(row.updated_at, at)}")
        self.stdout.write(f"  {left(found) if found.left else 'workers have sent all that was asked for'}")
        if row.phase == Phase.PAUSED or phase == "broken off":
            self.stdout.write(f"  go on: manage.py crudsync_backfill {account.integrator}{_named(account)} --resume")

    def _tell(self, bar: Bar, progress: Progress) -> None:
        if self.as_json:
            told = {**dataclasses.asdict(progress), "eta_s": progress.eta_s}
            self.stdout.write(json.dumps(told))
            self.stdout.flush()
        elif progress.object_type:
            bar.tell(_short(progress) if bar.terminal else _line(progress), progress.share)


def _last(account: Connection) -> Backfill:
    row = runs.latest(account)
    if row is None:
        raise CommandError(f"there was no backfill of {account}")
    return row


def _named(account: Connection) -> str:
    return "" if account.name == "default" else f" --connection {account.name}"


def _line(progress: Progress) -> str:
    eta = "" if progress.eta_s is None else f", about {progress.eta_s:.0f} s left"
    return f"{progress.object_type}: {_counts(progress)} ({progress.share:.0%}{eta})"


def _short(progress: Progress) -> str:
    """What fits on a line of a terminal beside the bar."""
    eta = "" if progress.eta_s is None else f", {span(progress.eta_s)} left"
    return f"{progress.object_type} {progress.scanned}/{progress.total}{eta}"


def _end(row: Backfill, progress: Progress) -> str:
    end = {Phase.FINISHED: "done", Phase.LIMITED: "stopped at the limit"}.get(
        Phase(row.phase), "paused by somebody else"
    )
    return f"{end}: {_counts(progress)} in {progress.elapsed_s:.1f} s"


def _counts(progress: Progress) -> str:
    return f"{progress.scanned} of {progress.total} rows looked at, {progress.asked} asked for"
