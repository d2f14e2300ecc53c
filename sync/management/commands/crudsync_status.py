"""``manage.py crudsync_status``: how delivery stands."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError
from django.core.serializers.json import DjangoJSONEncoder

from sync.exceptions import ConfigurationError, CrudSyncError
from sync.integrators.options import effective
from sync.management.choose import connections, failed
from sync.management.moments import clock
from sync.management.progress import Screen, repeat
from sync.management.quiet import JsonCommand, quiet
from sync.management.stating import SPAN_MIN, measured, stated
from sync.models import Connection
from sync.models.clock import now
from sync.models.database import alias
from sync.monitoring.figures import Figures, figures
from sync.monitoring.standing import report

EVERY_S = 2.0


class Command(JsonCommand):
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
        parser.add_argument(
            "--watch",
            type=float,
            nargs="?",
            const=EVERY_S,
            metavar="SECONDS",
            help="show it again every so many seconds (default 2), in place on a terminal, until Ctrl-C",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Show it, once or until Ctrl-C; the exit code is that of what was shown last."""
        every_s, screen = options["watch"], Screen(self.stdout)
        if every_s is not None and every_s <= 0:
            raise CommandError("--watch: give seconds, above 0")
        try:
            with quiet():
                if every_s is None:
                    well = self._show(options, screen)
                else:
                    well = repeat(lambda: self._show(options, screen), every_s)
        except CrudSyncError as error:
            raise failed(error) from error
        if not well:
            sys.exit(1)

    def _show(self, options: dict[str, Any], screen: Screen) -> bool:
        rows = connections(options["connection"])
        found, lately = report(rows), _lately(rows)
        if options["json"]:
            told = {**dataclasses.asdict(found), "well": found.well}
            told["figures"] = {str(row): measured(lately.get(row.pk)) for row in rows}
            if options["config"]:
                told["config"] = {str(row): _config(row) for row in rows}
            self.stdout.write(json.dumps(told, cls=DjangoJSONEncoder))
            self.stdout.flush()
            return found.well
        lines = list(stated(found, lately, self.style))
        if options["config"]:
            lines.extend(_config_lines(rows))
        if options["watch"] is not None:
            at = now(alias())
            lines.append(f"at {clock(at, at)}; Ctrl-C ends")
        screen.draw(lines)
        return found.well


def _lately(rows: list[Connection]) -> dict[int, Figures]:
    at = now(alias())
    return figures(at - dt.timedelta(minutes=SPAN_MIN), at, [row.pk for row in rows])


def _config_lines(rows: list[Connection]) -> Iterator[str]:
    for row in rows:
        yield f"{row}, options in force:"
        for name, told in _config(row).items():
            yield f"  {name} = {told['value']}  ({told['source']})"


def _config(row: Connection) -> dict[str, dict[str, str]]:
    try:
        found = effective(row)
    except ConfigurationError as error:
        return {"error": {"value": str(error), "source": error.code}}
    return {name: {"value": _value(setting.value), "source": setting.source} for name, setting in found.items()}


def _value(value: Any) -> str:
    return ", ".join(str(one) for one in value) if isinstance(value, tuple) else str(value)
