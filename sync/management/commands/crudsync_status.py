"""``manage.py crudsync_status``: how delivery stands."""

from __future__ import annotations

import dataclasses
import json
import sys
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.core.serializers.json import DjangoJSONEncoder

from sync.exceptions import ConfigurationError, CrudSyncError
from sync.integrators.options import effective
from sync.management.choose import connections, failed
from sync.models import Connection
from sync.monitoring.standing import Report, Standing, report, shown


class Command(BaseCommand):
    """Show every connection: whether it sends, what waits, what is stuck. Exits 1 where a person is needed."""

    help = (
        "Show how delivery stands. Exits 0 where all is well; 1 where an object is held, in doubt or dead and not "
        "ignored, a gate is shut, an integrator is no longer registered, or work waits and nobody sweeps."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("connection", nargs="?", default="", help="integrator, or integrator/account")
        parser.add_argument("--json", action="store_true", help="one JSON object")
        parser.add_argument("--config", action="store_true", help="show the options in force, and where each was said")
        parser.add_argument("--watch", type=float, metavar="SECONDS", help="show it again every so many seconds")

    def handle(self, *args: Any, **options: Any) -> None:
        """Show it, once or until Ctrl-C."""
        try:
            well = self._show(options)
            pause = threading.Event()
            while options["watch"]:
                pause.wait(options["watch"])
                well = self._show(options)
        except KeyboardInterrupt:
            return
        except CrudSyncError as error:
            raise failed(error) from error
        if not well:
            sys.exit(1)

    def _show(self, options: dict[str, Any]) -> bool:
        rows = connections(options["connection"])
        found = report(rows)
        if options["json"]:
            self._as_json(found, rows, config=options["config"])
        else:
            self._as_text(found)
            if options["config"]:
                self._config_as_text(rows)
        self.stdout.flush()
        return found.well

    def _as_json(self, found: Report, rows: list[Connection], *, config: bool) -> None:
        told = {**dataclasses.asdict(found), "well": found.well}
        if config:
            told["config"] = {str(row): _config(row) for row in rows}
        self.stdout.write(json.dumps(told, cls=DjangoJSONEncoder))

    def _as_text(self, found: Report) -> None:
        for one in found.connections:
            self._connection(one)
        if not found.connections:
            self.stdout.write("no connection: no integrator is registered")
        self.stdout.write(f"inbox: {shown(found.inbox)}{_since(', oldest', found.oldest_change_s)}")
        sweep = "never" if found.last_sweep_s is None else f"{found.last_sweep_s:.0f} s ago"
        line = f"last sweep: {sweep}"
        self.stdout.write(line if found.swept else self.style.ERROR(f"{line}; work waits and nobody sweeps"))

    def _connection(self, one: Standing) -> None:
        style = self.style.SUCCESS if one.well and not one.paused else self.style.WARNING
        self.stdout.write(style(f"{one.connection}: {_gate(one)}"))
        counts = ", ".join(f"{shown(count)} {state}" for state, count in one.counts.items())
        ignored = f"; {shown(one.ignored)} of them ignored" if one.ignored else ""
        self.stdout.write(f"  objects: {counts or 'none'}{ignored}")
        self.stdout.write(f"  backlog: {shown(one.backlog)}{_since(', oldest unsent', one.oldest_unsent_s)}")

    def _config_as_text(self, rows: list[Connection]) -> None:
        for row in rows:
            self.stdout.write(f"{row}, options in force:")
            for name, told in _config(row).items():
                self.stdout.write(f"  {name} = {told['value']}  ({told['source']})")


def _gate(one: Standing) -> str:
    if not one.registered:
        return "not registered in this process"
    if one.paused:
        return f"paused ({one.paused_reason or 'no reason given'})"
    if one.blocked_until is not None:
        return f"shut until {one.blocked_until:%Y-%m-%d %H:%M:%S} UTC ({one.blocked_reason or 'no reason given'})"
    return "open"


def _since(words: str, seconds: float | None) -> str:
    return "" if seconds is None else f"{words} {seconds:.0f} s"


def _config(row: Connection) -> dict[str, dict[str, str]]:
    try:
        found = effective(row)
    except ConfigurationError as error:
        return {"error": {"value": str(error), "source": error.code}}
    return {name: {"value": _value(setting.value), "source": setting.source} for name, setting in found.items()}


def _value(value: Any) -> str:
    return ", ".join(str(one) for one in value) if isinstance(value, tuple) else str(value)
